import type { Link } from '../../codec/frames.ts'
import type { Entry } from '../../core/entry.ts'
import { StorageError } from './storage.ts'
import { OBJECT_FILE } from './batch.ts'
import type { Contents } from './contents.ts'
import { RESTORE } from './failure.ts'
import type { Files } from './files.ts'
import { FIRST_LINK, Fold } from './fold.ts'
import { MANIFEST, NEW_MANIFEST, readManifest, type Manifest, type SegmentEntry } from './manifest.ts'
import type { SegmentTable } from './segment-table.ts'
import { SEGMENT_FILE, readFrames, segmentName } from './segment.ts'

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
  readonly lastBatch: Fold['lastBatch']
  /** A write was torn: zeros have to take its place, from `end` on, before anything is appended. */
  readonly isTorn: boolean
}

/**
 * Reads all there is.
 * @throws StorageError for damage, naming the file, where in it, what was expected and what to do.
 */
export const recover = async (files: Files): Promise<Recovered> => {
  const names = await files.list()
  checkNames(names)
  if (!names.includes(MANIFEST)) return { log: null, leftovers: await withoutManifest(files, names) }
  const manifest = await readManifest(files)
  const { directory, segments } = manifest
  const fold = new Fold(directory)
  for (const entry of segments) fold.segment(entry, await readSegment(files, names, entry), entry === segments.at(-1))
  const { table, contents, end, chain, lastBatch, isTorn, entriesHeld: entries } = fold
  const used = objectFilesOf(contents)
  const unused = names.filter((name) => name === NEW_MANIFEST || (OBJECT_FILE.test(name) && !used.has(name)))
  return {
    log: { directory, table, contents, entries, end, chain, lastBatch, isTorn },
    leftovers: [...unused, ...(await unlisted(files, names, manifest, chain))],
  }
}

/** The object files that contents refer to. */
export const objectFilesOf = (contents: Contents | null): ReadonlySet<string> =>
  new Set([contents?.objects, contents?.received?.objects].flatMap((objects) => (objects ? [objects.file] : [])))

/** Held by the running process; not a part of the log. */
export const LOCK = 'LOCK'

/** What a repaired copy has lost; a node does not start over it unasked. */
export const REPAIRED = 'REPAIRED'

/** The marker of the format that was kept by LevelDB. */
const EARLIER = 'raft-reducer.json'

/** Besides segments and files of objects; a fresh file system has the last. */
const OURS: ReadonlySet<string> = new Set([MANIFEST, NEW_MANIFEST, LOCK, REPAIRED, 'lost+found'])

/** @throws StorageError for a directory that holds anything but a log. */
export const checkNames = (names: readonly string[]): void => {
  if (names.includes(EARLIER))
    throw new StorageError(
      `the directory is of an earlier version, which kept its log in LevelDB: run that version, or let the server join anew with an empty directory`,
    )
  const foreign = names.find((name) => !OURS.has(name) && !SEGMENT_FILE.test(name) && !OBJECT_FILE.test(name))
  if (foreign !== undefined)
    throw new StorageError(`${foreign} is no file of a log: choose an empty directory, or a new one`)
}

const numberOf = (name: string): number => Number(SEGMENT_FILE.exec(name)?.[1] ?? Number.NaN)

/** A crash before the first manifest leaves a segment without a batch at most. */
const withoutManifest = async (files: Files, names: readonly string[]): Promise<readonly string[]> => {
  for (const name of names)
    if (OBJECT_FILE.test(name) || (SEGMENT_FILE.test(name) && !(await isEmpty(files, name, FIRST_LINK))))
      throw new StorageError(`${MANIFEST} is missing, and ${name} is there: ${RESTORE}`)
  return names.filter((name) => name === NEW_MANIFEST || SEGMENT_FILE.test(name))
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

/** @throws StorageError when the file is missing. */
export const readSegment = async (
  files: Files,
  names: readonly string[],
  { number }: Pick<SegmentEntry, 'number'>,
): Promise<Uint8Array> => {
  const name = segmentName(number)
  if (!names.includes(name)) throw new StorageError(`${name} is missing, and ${MANIFEST} lists it: ${RESTORE}`)
  return files.read(name)
}
