import type { Entry } from '../../core/entry.ts'
import { FIRST_OBJECT } from '../../core/ids.ts'
import { HEADER_BYTES } from '../../codec/frames.ts'
import { StorageError } from './storage.ts'
import { decodeHead } from './batch.ts'
import type { Contents } from './contents.ts'
import type { Files } from './files.ts'
import { RESTORE, damaged } from './failure.ts'
import { Fold } from './fold.ts'
import { MANIFEST, readManifest, type Manifest, type SegmentEntry } from './manifest.ts'
import { readObjects } from './object-files.ts'
import { checkNames, readSegment, recover } from './recovery.ts'
import { SEGMENT_FILE, segmentName } from './segment.ts'

/*
 * Looking at a directory while no node runs, and without changing it. Where it is damaged: what the frames before the
 * damage say, and what is known of the rest.
 */

export interface Examined {
  readonly contents: Contents | null
  readonly entries: readonly Entry[]
  readonly segments: readonly SegmentEntry[]
  /** Bytes of all files. */
  readonly bytes: number
  /** What is wrong, in the order in which it was found: an opening would be refused with the first. */
  readonly problems: readonly string[]
  /** Nothing of what was promised is missing: an opening is not refused for the log. */
  readonly isLogWhole: boolean
  /** The objects of the snapshot in force are whole. */
  readonly areObjectsWhole: boolean
  /** What the heads of segments behind the damage say: the log had come so far at least. Null where there is none. */
  readonly lostUpTo: Contents | null
}

export const examine = async (files: Files): Promise<Examined> => {
  const names = await files.list()
  const problems: string[] = []
  const note = (error: unknown): void => {
    if (!(error instanceof StorageError)) throw error
    if (!problems.includes(error.message)) problems.push(error.message)
  }
  const attempt = async (action: () => unknown): Promise<boolean> => {
    try {
      await action()
      return true
    } catch (error) {
      note(error)
      return false
    }
  }
  checkNames(names)
  const isLogWhole = await attempt(() => recover(files))
  const manifest = await manifestOf(files, names)
  const fold = new Fold(manifest.directory)
  let lostUpTo: Contents | null = null
  let isBehindDamage = false
  for (const entry of manifest.segments) {
    const isLast = entry === manifest.segments.at(-1)
    if (isBehindDamage) lostUpTo = (await headOf(files, names, entry.number))?.contents ?? lostUpTo
    else
      isBehindDamage = !(await attempt(async () => fold.segment(entry, await readSegment(files, names, entry), isLast)))
  }
  const { contents } = fold
  let entries: readonly Entry[] = []
  await attempt(() => (entries = fold.entriesHeld))
  const areObjectsWhole = await attempt(() => contents?.objects && readObjects(files, contents.objects))
  // What is complete, but not in force, is begun again by the next life, and not read.
  const received = contents?.received?.nextObjectId === FIRST_OBJECT ? null : contents?.received
  await attempt(() => received && readObjects(files, received.objects))
  let bytes = 0
  for (const name of names) bytes += name === 'lost+found' ? 0 : await files.size(name)
  return { contents, entries, segments: manifest.segments, bytes, problems, isLogWhole, areObjectsWhole, lostUpTo }
}

/** The manifest; where it is missing or damaged, what the heads of the segments say in its place. */
const manifestOf = async (files: Files, names: readonly string[]): Promise<Manifest> => {
  try {
    if (names.includes(MANIFEST)) return await readManifest(files)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
  }
  const segments: SegmentEntry[] = []
  let directory: string | null = null
  const numbers = names.flatMap((name) => SEGMENT_FILE.exec(name)?.[1] ?? []).map(Number)
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const head = await headOf(files, names, number)
    if (head === null) continue
    directory ??= head.directory
    if (head.directory !== directory) continue
    if (segments.length > 0 && number !== (segments.at(-1)?.number ?? 0) + 1) break
    segments.push({ number, bytes: await files.size(segmentName(number)), chain: head.chain })
  }
  if (directory === null) throw new StorageError(`no ${MANIFEST} and no segment can be read: ${RESTORE}`)
  return { directory, segments }
}

/** By itself, without the frames before it: its checksums are checked with what it says of those. */
const headOf = async (files: Files, names: readonly string[], number: number) => {
  const name = segmentName(number)
  if (!names.includes(name)) return null
  const bytes = await files.read(name)
  if (bytes.length < HEADER_BYTES) return null
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
  const head = decodeHead(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length))
  if (head?.number !== number) return null
  const fold = new Fold(head.directory)
  try {
    fold.segment({ number, bytes: bytes.length, chain: head.chain }, bytes, true)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
  }
  return fold.table.list.length > 0 ? head : null
}

/**
 * What a repaired copy of a directory can be made of.
 * @throws StorageError where that is nothing: no contents, or a snapshot whose objects are damaged, which the log needs.
 */
export const salvageable = ({ contents, areObjectsWhole }: Examined): Contents => {
  if (contents === null) throw new StorageError('nothing before the damage was stored: let the server join anew')
  if (!areObjectsWhole)
    throw damaged(contents.objects?.file ?? '', 0, 'the objects of the snapshot, without which the log is of no use')
  return contents
}
