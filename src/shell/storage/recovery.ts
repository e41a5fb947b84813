import type { Link } from '../../codec/frames.ts'
import type { Entry } from '../../core/entry.ts'
import { successor, type Index } from '../../core/ids.ts'
import { StorageError } from '../storage.ts'
import { OBJECT_FILE, VERSION, decodeBatch, decodeHead } from './batch.ts'
import { after, type Contents, type LogRecord } from './contents.ts'
import type { Files } from './files.ts'
import { MANIFEST, NEW_MANIFEST, readManifest, type Manifest, type SegmentEntry } from './manifest.ts'
import { SegmentTable } from './segment-table.ts'
import { SEGMENT_FILE, readFrames, segmentName, type FramesRead } from './segment.ts'

/*
 * Reading a log: the manifest names the segments, these are read in order, and each record is folded into the contents.
 * Nothing is written here; what a crash left is named, and the caller removes it.
 */

export interface Recovered {
  /** Null where the directory was never finished: no server was stored in it. */
  readonly log: RecoveredLog | null
  /** What a crash left, and nothing needs. */
  readonly leftovers: readonly string[]
}

export interface RecoveredLog {
  readonly directory: string
  readonly table: SegmentTable
  /** Null where no server was stored yet. */
  readonly contents: Contents | null
  /** After the base, to lastIndex. */
  readonly entries: readonly Entry[]
  /** Of the open segment: after its last frame. */
  readonly end: number
  readonly chain: number
  /** A write was torn: zeros have to take its place, from `end` on, before anything is appended. */
  readonly isTorn: boolean
}

/** The first segment continues nothing. */
export const FIRST_LINK: Link = { segment: 1, chain: 0 }

/**
 * Reads all there is.
 * @throws StorageError for damage, naming the file, where in it, what was expected and what to do.
 */
export const recover = async (files: Files): Promise<Recovered> => {
  const names = (await files.list()).filter((name) => name !== 'lost+found')
  checkNames(names)
  if (!names.includes(MANIFEST)) return { log: null, leftovers: await withoutManifest(files, names) }
  const manifest = await readManifest(files)
  const { directory, segments } = manifest
  const fold = new Fold(manifest)
  for (const entry of segments) {
    const bytes = await readSegment(files, names, entry)
    fold.segment(entry, readFrames(bytes, { segment: entry.number, chain: entry.chain }, entry === segments.at(-1)))
  }
  const { table, contents, end, chain, isTorn, entriesHeld: entries } = fold
  const used = objectFilesOf(contents)
  const unused = names.filter((name) => name === NEW_MANIFEST || (OBJECT_FILE.test(name) && !used.has(name)))
  return {
    log: { directory, table, contents, entries, end, chain, isTorn },
    leftovers: [...unused, ...(await unlisted(files, names, manifest, chain))],
  }
}

/** The object files that contents refer to. */
export const objectFilesOf = (contents: Contents | null): ReadonlySet<string> =>
  new Set([contents?.objects, contents?.received?.objects].flatMap((objects) => (objects ? [objects.file] : [])))

/** Held by the running process; not a part of the log. */
export const LOCK = 'LOCK'

/** The marker of the format that was kept by LevelDB. */
const EARLIER = 'raft-reducer.json'

const checkNames = (names: readonly string[]): void => {
  if (names.includes(EARLIER))
    throw new StorageError(
      `the directory is of an earlier version, which kept its log in LevelDB: run that version, or let the server join anew with an empty directory`,
    )
  const foreign = names.find(
    (name) => ![MANIFEST, NEW_MANIFEST, LOCK].includes(name) && !SEGMENT_FILE.test(name) && !OBJECT_FILE.test(name),
  )
  if (foreign !== undefined)
    throw new StorageError(`${foreign} is no file of a log: choose an empty directory, or a new one`)
}

const damaged = (file: string, at: number, expected: string): StorageError =>
  new StorageError(
    `${file} is damaged at byte ${at}: expected ${expected}. Restore the directory from a copy, or let the server join anew`,
  )

const numberOf = (name: string): number => Number(SEGMENT_FILE.exec(name)?.[1] ?? Number.NaN)

const RESTORE = 'restore the directory from a copy'

/** A crash before the first manifest leaves a segment without a batch at most. */
const withoutManifest = async (files: Files, names: readonly string[]): Promise<readonly string[]> => {
  for (const name of names)
    if (OBJECT_FILE.test(name) || (SEGMENT_FILE.test(name) && !(await isEmpty(files, name, FIRST_LINK))))
      throw new StorageError(`${MANIFEST} is missing, and ${name} is there: ${RESTORE}`)
  return names.filter((name) => name !== LOCK)
}

/** Segments that the manifest does not list: older ones are no longer needed, the next one has not begun. */
const unlisted = async (
  files: Files,
  names: readonly string[],
  { segments }: Manifest,
  chain: number,
): Promise<readonly string[]> => {
  const first = segments[0]?.number ?? 0
  const next = (segments.at(-1)?.number ?? 0) + 1
  const others = names.filter((name) => SEGMENT_FILE.test(name) && (numberOf(name) < first || numberOf(name) >= next))
  for (const name of others)
    if (numberOf(name) >= next && !(await isEmpty(files, name, { segment: next, chain })))
      throw new StorageError(
        `${name} holds writes, and ${MANIFEST} does not list it: is that an older copy? ${RESTORE}`,
      )
  return others
}

/** Whether a segment holds no batch: zeros, and a head at most, perhaps a torn one. */
const isEmpty = async (files: Files, name: string, link: Link): Promise<boolean> => {
  const { bodies, ending } = readFrames(await files.read(name), link, true)
  return typeof ending === 'string' && bodies.every(({ type }) => type === 'head')
}

const readSegment = async (
  files: Files,
  names: readonly string[],
  { number, bytes }: SegmentEntry,
): Promise<Uint8Array> => {
  const name = segmentName(number)
  if (!names.includes(name)) throw new StorageError(`${name} is missing, and ${MANIFEST} lists it: ${RESTORE}`)
  const read = await files.read(name)
  if (read.length !== bytes) throw damaged(name, read.length, `a file of ${bytes} bytes, as ${MANIFEST} says`)
  return read
}

/** Segment after segment, folded. */
class Fold {
  contents: Contents | null = null
  end = 0
  chain = FIRST_LINK.chain
  isTorn = false
  readonly table = new SegmentTable()
  private readonly manifest: Manifest
  private readonly entries = new EntryRun()

  constructor(manifest: Manifest) {
    this.manifest = manifest
  }

  segment(entry: SegmentEntry, { bodies, end, chain, ending }: FramesRead): void {
    const name = segmentName(entry.number)
    if (entry.chain !== this.chain && this.table.list.length > 0)
      throw damaged(segmentName(entry.number - 1), this.end, `what ${name} continues: this is another copy of the file`)
    if (typeof ending === 'object') throw damaged(name, ending.at, ending.expected)
    const [head, ...batches] = bodies
    this.head(name, entry, head)
    this.table.begin(entry)
    for (const { type, body } of batches) {
      const steps = type === 'batch' ? decodeBatch(body) : null
      if (steps === null) throw damaged(name, end, 'records of this format')
      for (const { record, entries } of steps) this.record(name, record, entries)
    }
    this.end = end
    this.chain = chain
    this.isTorn = ending === 'torn'
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
    if (head === null) throw damaged(name, 0, 'the head of a segment')
    if (head.version !== VERSION)
      throw new StorageError(`${name} has format version ${head.version}, and this program knows ${VERSION}`)
    if (head.directory !== this.manifest.directory || head.number !== entry.number)
      throw damaged(name, 0, `segment ${entry.number} of this directory: it is one of another`)
    if (this.table.list.length === 0) this.contents = head.contents
  }

  private record(name: string, record: LogRecord, entries: readonly Entry[]): void {
    try {
      this.contents = after(this.contents, record, entries)
    } catch (error) {
      if (error instanceof StorageError) throw new StorageError(`${name} makes no sense: ${error.message}`)
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
