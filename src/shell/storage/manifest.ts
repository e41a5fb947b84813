import { crc32 } from 'node:zlib'
import { counter, fields, fits, isRecord, list, refined, text } from '../../codec/shape.ts'
import { StorageError } from './storage.ts'
import { FORMAT, VERSION } from './batch.ts'
import type { Files } from './files.ts'

/*
 * The file that says which segments there are. It is replaced as a whole, and only when a segment begins: then it lists
 * that one, and leaves out those that are no longer needed. What the log holds is said by the log alone.
 */

export const MANIFEST = 'MANIFEST'
export const NEW_MANIFEST = 'MANIFEST.new'

export interface Manifest {
  /** Random, made with the directory: segments repeat it, and one of another directory does not match. */
  readonly directory: string
  /** By number, without gaps. The last is the open one; the others are never written again. */
  readonly segments: readonly SegmentEntry[]
}

export interface SegmentEntry {
  readonly number: number
  /** Length of the file. */
  readonly bytes: number
  /** The checksum that its first frame continues: of the last frame of the segment before. */
  readonly chain: number
}

/** Replaces the manifest; durable once resolved. */
export const writeManifest = async (files: Files, manifest: Manifest): Promise<void> => {
  const names = await files.list()
  if (names.includes(NEW_MANIFEST)) await files.remove(NEW_MANIFEST)
  const file = await files.create(NEW_MANIFEST)
  try {
    await file.write(new TextEncoder().encode(textOf(manifest)), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(NEW_MANIFEST, MANIFEST)
  await files.syncDirectory()
}

/** @throws StorageError when the file is damaged, or of a version that this program does not know. */
export const readManifest = async (files: Files): Promise<Manifest> => {
  const text = new TextDecoder().decode(await files.read(MANIFEST))
  const [line = ''] = text.split('\n')
  const damaged = (expected: string): StorageError =>
    new StorageError(`${MANIFEST} is damaged: expected ${expected}. Restore the directory from a copy`)
  if (text !== withChecksum(line)) throw damaged('a line and its checksum')
  const value = fieldsIn(line)
  if (value['format'] !== FORMAT) throw damaged(`the format "${FORMAT}"`)
  if (value['version'] !== VERSION)
    throw new StorageError(
      `${MANIFEST} has format version ${String(value['version'])}, and this program knows ${VERSION}: run the version that wrote it`,
    )
  if (!fits(manifestShape, value)) throw damaged('a list of segments')
  const { directory, segments } = value as Readonly<Record<string, unknown>> & Manifest
  return { directory, segments }
}

/** None for a line that is no object. */
const fieldsIn = (line: string): Readonly<Record<string, unknown>> => {
  try {
    const value = JSON.parse(line) as unknown
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

const textOf = ({ directory, segments }: Manifest): string =>
  withChecksum(JSON.stringify({ format: FORMAT, version: VERSION, directory, segments }))

const withChecksum = (line: string): string => `${line}\n${crc32(line).toString(16).padStart(8, '0')}\n`

const manifestShape = refined(
  fields<Manifest & { readonly format: string; readonly version: number }>({
    format: text,
    version: counter,
    directory: text,
    segments: list(fields<SegmentEntry>({ number: counter, bytes: counter, chain: counter })),
  }),
  (value) => {
    const { segments } = value as unknown as Manifest
    const first = segments[0]?.number ?? null
    return first !== null && segments.every(({ number }, at) => number === first + at) ? null : ' has gaps'
  },
)
