import type { Entry } from '../../core/entry.ts'
import { INDEX_ZERO } from '../../core/ids.ts'
import { FORMAT, VERSION, encodeBatch, encodeHead, type SegmentHead, type Step } from './batch.ts'
import { frameBytes } from '../../codec/frames.ts'
import type { Contents } from './contents.ts'
import type { Files, OpenFile } from './files.ts'
import { writeManifest } from './manifest.ts'
import { FIRST_LINK } from './fold.ts'
import { recover, type RecoveredLog } from './recovery.ts'
import { SegmentTable } from './segment-table.ts'
import { FrameWriter, createZeroed, segmentName, segmentSize, writeZeros } from './segment.ts'

/** The open segment, or where it will begin. */
interface Open {
  readonly writer: FrameWriter
  readonly bytes: number
}

/** A segment of zeros that waits for its turn. */
interface Spare {
  readonly number: number
  readonly bytes: number
  readonly file: Promise<OpenFile | null>
}

/**
 * The log: segments, of which the last is appended to. One batch is one frame and one sync. When a segment is full the
 * next one begins: its head repeats what the log holds, the manifest lists it, and segments that are no longer needed go.
 */
export class OpenLog {
  contents: Contents | null
  private readonly files: Files
  private readonly segmentBytes: number
  private readonly directory: string
  private readonly table: SegmentTable
  private open: Open
  private spare: Spare | null = null

  private constructor(
    files: Files,
    segmentBytes: number,
    log: Pick<RecoveredLog, 'directory' | 'table' | 'contents'>,
    open: Open,
  ) {
    this.files = files
    this.segmentBytes = segmentBytes
    this.directory = log.directory
    this.table = log.table
    this.contents = log.contents
    this.open = open
  }

  /**
   * Opens what is there, or makes a log that holds nothing. What a crash left is removed, and a torn write cut off.
   * @param newDirectory a random name for the directory, used where it is made here
   */
  static async open(
    files: Files,
    segmentBytes: number,
    newDirectory: string,
  ): Promise<{ readonly log: OpenLog; readonly entries: readonly Entry[] }> {
    const { log: found, leftovers } = await recover(files)
    for (const name of leftovers) await files.remove(name)
    if (found === null) return { log: await OpenLog.begin(files, segmentBytes, newDirectory), entries: [] }
    const last = found.table.list.at(-1)
    const { number, bytes } = last ?? { number: 0, bytes: 0 }
    const file = await files.open(segmentName(number))
    if (found.isTorn) await writeZeros(file, found.end, bytes)
    // What a killed process has written may be in the system's memory only: it is read, and would be relied on. Where
    // its sync has failed, the system takes it for written all the same, and a sync alone would do nothing.
    if (found.lastBatch !== null) await file.write(found.lastBatch.bytes, found.lastBatch.at)
    await file.datasync()
    await files.syncDirectory()
    const writer = new FrameWriter(file, { segment: number, chain: found.chain }, found.end)
    return { log: new OpenLog(files, segmentBytes, found, { writer, bytes }), entries: found.entries }
  }

  private static async begin(files: Files, segmentBytes: number, directory: string): Promise<OpenLog> {
    const { segment: number, chain } = FIRST_LINK
    const head = encodeHead({ format: FORMAT, version: VERSION, directory, number, chain, contents: null })
    const bytes = segmentSize(segmentBytes, head.length, 1)
    const table = new SegmentTable()
    table.begin({ number, bytes, chain })
    const file = await createZeroed(files, segmentName(number), bytes)
    const writer = new FrameWriter(file, FIRST_LINK, 0)
    await writer.append('head', head)
    await file.sync()
    await writeManifest(files, { directory, segments: table.list })
    const log = { directory, table, contents: null, end: writer.position, chain: writer.chain }
    return new OpenLog(files, segmentBytes, log, { writer, bytes })
  }

  /**
   * Writes steps as one batch, durable once resolved. `contents` is what the log holds after them: see contents.ts,
   * which refuses what makes no sense before it is written.
   */
  async append(steps: readonly Step[], contents: Contents): Promise<void> {
    const body = encodeBatch(steps)
    if (this.open.writer.position + frameBytes(body.length) > this.open.bytes) await this.beginSegment(body.length)
    const { writer } = this.open
    await writer.append('batch', body)
    await writer.file.datasync()
    this.contents = contents
    for (const { record, entries } of steps) this.table.record(record, entries)
    this.prepareSpare()
  }

  async close(): Promise<void> {
    const spare = await this.spare?.file
    await spare?.close()
    await this.open.writer.file.close()
  }

  /** Each step is durable before the next: the segment with its head, the manifest that lists it, the removals. */
  private async beginSegment(batchBytes: number): Promise<void> {
    const { table, files, directory, contents } = this
    const { chain, number: before } = this.open.writer
    const number = before + 1
    const head: SegmentHead = { format: FORMAT, version: VERSION, directory, number, chain, contents }
    const body = encodeHead(head)
    const bytes = segmentSize(this.segmentBytes, body.length, batchBytes)
    const { file, bytes: made } = await this.takeSpare(number, bytes)
    const writer = new FrameWriter(file, { segment: number, chain }, 0)
    await writer.append('head', body)
    await file.sync()
    const old = table.list
    table.begin({ number, bytes: made, chain })
    const needed = table.needed(contents?.base.index ?? INDEX_ZERO)
    await writeManifest(files, { directory, segments: needed })
    table.keep(needed)
    await this.open.writer.file.close()
    this.open = { writer, bytes: made }
    for (const segment of old)
      if (!needed.some(({ number }) => number === segment.number)) await files.remove(segmentName(segment.number))
  }

  /** The file of the next segment: the spare one, made longer if it has to be, or a new one. */
  private async takeSpare(number: number, bytes: number): Promise<{ readonly file: OpenFile; readonly bytes: number }> {
    const { spare } = this
    this.spare = null
    const file = await spare?.file
    if (spare === null || file === null || file === undefined)
      return { file: await createZeroed(this.files, segmentName(number), bytes), bytes }
    if (spare.bytes < bytes) await writeZeros(file, spare.bytes, bytes)
    return { file, bytes: Math.max(spare.bytes, bytes) }
  }

  /** Makes the next segment in the background once the open one is half full. */
  private prepareSpare(): void {
    const { writer, bytes } = this.open
    if (this.spare !== null || writer.position < bytes / 2) return
    const number = writer.number + 1
    const name = segmentName(number)
    const length = segmentSize(this.segmentBytes, 0, 0)
    const file = createZeroed(this.files, name, length).catch(async () => {
      // It is tried again when it is needed, and fails there if it must.
      await this.files.remove(name).catch(() => undefined)
      return null
    })
    this.spare = { number, bytes: length, file }
  }
}
