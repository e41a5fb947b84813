import type { CapturedObject } from '../../machine/capture.ts'
import { StorageError } from './storage.ts'
import { OBJECT_FILE, decodeObject, encodeObject } from './batch.ts'
import type { ObjectFile } from './contents.ts'
import { RESTORE, codeOf, damaged } from './failure.ts'
import type { Files, OpenFile } from './files.ts'
import { FrameWriter, readFrames } from './segment.ts'

/*
 * Files of snapshot objects, one frame each. A file counts as far as a record of the log says, and not at all before:
 * so it is durable first, bytes and name, and the record comes after.
 */

export const objectFileName = (number: number): string => `objects-${String(number).padStart(8, '0')}`

export const numberOfObjectFile = (name: string): number => Number(OBJECT_FILE.exec(name)?.[1] ?? 0)

/** A file that objects are appended to. */
export class ObjectWriter {
  private readonly name: string
  private readonly frames: FrameWriter
  private count: number

  private constructor(name: string, file: OpenFile, count: number, bytes: number, chain: number) {
    this.name = name
    this.count = count
    this.frames = new FrameWriter(file, { segment: numberOfObjectFile(name), chain }, bytes)
  }

  /** A new file; its name is durable after a sync of the directory. */
  static async create(files: Files, name: string): Promise<ObjectWriter> {
    return new ObjectWriter(name, await files.create(name), 0, 0, 0)
  }

  /** Goes on where a record says that the file ends; what lies behind is overwritten. */
  static async resume(files: Files, { file, count, bytes, chain }: ObjectFile): Promise<ObjectWriter> {
    return new ObjectWriter(file, await files.open(file), count, bytes, chain)
  }

  /** What is in the file by now, as a record says it once the file is synced. */
  get written(): ObjectFile {
    const { position: bytes, chain } = this.frames
    return { file: this.name, count: this.count, bytes, chain }
  }

  async append({ id, data }: CapturedObject): Promise<void> {
    await this.frames.append('object', encodeObject(id, data))
    this.count++
  }

  sync(): Promise<void> {
    return this.frames.file.sync()
  }

  close(): Promise<void> {
    return this.frames.file.close()
  }
}

/** Writes all objects to a new file, durable with its name once resolved. A file that failed is removed if it can be. */
export const writeObjects = async (
  files: Files,
  name: string,
  objects: Iterable<CapturedObject>,
  check: () => void,
): Promise<ObjectFile> => {
  const writer = await ObjectWriter.create(files, name)
  try {
    for (const object of objects) {
      check()
      await writer.append(object)
    }
    await writer.sync()
    await files.syncDirectory()
  } catch (error) {
    await writer.close()
    await files.remove(name).catch(() => undefined)
    throw error
  }
  await writer.close()
  return writer.written
}

/** @throws StorageError when the file is missing, damaged, or not the one that the record speaks of. */
export const readObjects = async (
  files: Files,
  { file, count, bytes, chain }: ObjectFile,
): Promise<readonly CapturedObject[]> => {
  const all = await files.read(file).catch((error: unknown) => {
    throw codeOf(error) === 'ENOENT'
      ? new StorageError(`${file} is missing, and the log refers to it: ${RESTORE}`)
      : error
  })
  if (all.length < bytes) throw damaged(file, all.length, `${bytes} bytes`)
  const found = readFrames(all.subarray(0, bytes), { segment: numberOfObjectFile(file), chain: 0 }, false)
  if (typeof found.ending === 'object') throw damaged(file, found.ending.at, found.ending.expected)
  if (found.chain !== chain || found.bodies.length !== count)
    throw damaged(
      file,
      found.end,
      `${count} objects with the checksum that the log holds: this is another copy of the file`,
    )
  return found.bodies.map(({ body, at }) => {
    const object = decodeObject(body)
    if (object === null) throw damaged(file, at, 'objects of this format')
    return object
  })
}
