import type { Link } from '../../codec/frames.ts'
import type { Entry } from '../../core/entry.ts'
import { successor, type Index } from '../../core/ids.ts'
import { StorageError } from './storage.ts'
import { VERSION, decodeBatch, decodeHead } from './batch.ts'
import { after, type Contents, type LogRecord } from './contents.ts'
import { RESTORE, damaged } from './failure.ts'
import { MANIFEST, type SegmentEntry } from './manifest.ts'
import { SegmentTable } from './segment-table.ts'
import { readFrames, segmentName, type FramesRead } from './segment.ts'

/** The first segment continues nothing. */
export const FIRST_LINK: Link = { segment: 1, chain: 0 }

/** Segments, one after the other, folded into what the log holds. After an error it is what all before the damage say. */
export class Fold {
  contents: Contents | null = null
  end = 0
  chain = FIRST_LINK.chain
  isTorn = false
  /** The last batch of the segment that was folded last, as it is in the file; null where it has none. */
  lastBatch: { readonly at: number; readonly bytes: Uint8Array } | null = null
  readonly table = new SegmentTable()
  private readonly directory: string
  private readonly entries = new EntryRun()

  constructor(directory: string) {
    this.directory = directory
  }

  /** @throws StorageError for damage; everything before it has been folded. */
  segment(entry: SegmentEntry, bytes: Uint8Array, isOpen: boolean): void {
    const name = segmentName(entry.number)
    const read = readFrames(bytes, { segment: entry.number, chain: entry.chain }, isOpen)
    const { bodies, end, chain, ending } = read
    if (entry.chain !== this.chain && this.table.list.length > 0)
      throw damaged(segmentName(entry.number - 1), this.end, `what ${name} continues: this is another copy of the file`)
    const [head, ...batches] = bodies
    this.head(name, entry, head)
    this.table.begin(entry)
    for (const { type, body, at } of batches) {
      const steps = type === 'batch' ? decodeBatch(body) : null
      if (steps === null) throw damaged(name, at, 'records of this format')
      for (const { record, entries } of steps) this.record(name, at, record, entries)
    }
    this.end = end
    this.chain = chain
    const last = batches.at(-1)
    this.lastBatch = last === undefined ? null : { at: last.at, bytes: bytes.slice(last.at, end) }
    this.isTorn = ending === 'torn'
    if (typeof ending === 'object') throw damaged(name, ending.at, ending.expected)
    if (bytes.length !== entry.bytes)
      throw damaged(name, bytes.length, `a file of ${entry.bytes} bytes, as ${MANIFEST} says`)
  }

  /** All entries that count. @throws StorageError when some are missing. */
  get entriesHeld(): readonly Entry[] {
    const { contents } = this
    if (contents === null) return []
    const entries = this.entries.between(successor(contents.base.index), contents.lastIndex)
    if (entries !== null) return entries
    throw new StorageError(
      `the log holds entries from ${contents.base.index + 1} to ${contents.lastIndex}, and not all are there: ${RESTORE}`,
    )
  }

  private head(name: string, entry: SegmentEntry, frame: FramesRead['bodies'][number] | undefined): void {
    const head = frame?.type === 'head' ? decodeHead(frame.body) : null
    if (head === null) throw damaged(name, 0, 'the head of a segment, as the frames before say')
    if (head.version !== VERSION)
      throw new StorageError(`${name} has format version ${head.version}, and this program knows ${VERSION}`)
    if (head.directory !== this.directory || head.number !== entry.number)
      throw damaged(name, 0, `segment ${entry.number} of this directory: it is one of another`)
    if (this.table.list.length === 0) this.contents = head.contents
  }

  private record(name: string, at: number, record: LogRecord, entries: readonly Entry[]): void {
    try {
      this.contents = after(this.contents, record, entries)
    } catch (error) {
      if (error instanceof StorageError) throw damaged(name, at, `a record that makes sense (${error.message})`)
      throw error
    }
    this.table.record(record, entries)
    this.entries.record(record, entries)
  }
}

/** The entries that are read, without those that were truncated. */
class EntryRun {
  private entries: Entry[] = []

  record(record: LogRecord, entries: readonly Entry[]): void {
    if (record.type === 'reset') this.entries = []
    else if (record.type === 'save' && record.truncateFrom !== null) this.cutFrom(record.truncateFrom)
    const [first] = entries
    const last = this.entries.at(-1)
    // A snapshot has taken the place of what lies between.
    if (first !== undefined && last !== undefined && first.index !== last.index + 1) this.entries = []
    for (const entry of entries) this.entries.push(entry)
  }

  /** Null when some are missing. */
  between(from: Index, to: Index): readonly Entry[] | null {
    if (to < from) return []
    const first = this.entries[0]?.index ?? from
    const found = this.entries.slice(from - first, to - first + 1)
    return found[0]?.index === from && found.at(-1)?.index === to ? found : null
  }

  private cutFrom(index: Index): void {
    const first = this.entries[0]?.index ?? index
    this.entries.length = Math.max(0, Math.min(this.entries.length, index - first))
  }
}
