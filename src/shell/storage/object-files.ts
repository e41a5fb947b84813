import { crc32 } from 'node:zlib'
import { HEADER_BYTES, frameLength, readFrame, segmentBytes } from '../../codec/frames.ts'
import type { CapturedObject } from '../../machine/capture.ts'
import { StorageError } from './storage.ts'
import { OBJECT_FILE, decodeObject, encodeObject } from './batch.ts'
import type { ObjectFile } from './contents.ts'
import { RESTORE, codeOf, damaged } from './failure.ts'
import type { Files, OpenFile } from './files.ts'
import { FrameWriter } from './segment.ts'

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

/** Bytes that are read at a time, unless one object takes more: a file may be larger than memory has room for. */
const PIECE = 1 << 20

/** The beginning of a file, read in pieces from the front. */
class Pieces {
  private readonly files: Files
  private readonly of: ObjectFile
  private piece: Uint8Array = new Uint8Array()
  private from = 0

  constructor(files: Files, of: ObjectFile) {
    this.files = files
    this.of = of
  }

  /** The frame there; its header alone, where that is not confirmed or speaks of more than there is. */
  async frameAt(at: number, segment: number): Promise<Uint8Array> {
    const header = await this.bytes(at, HEADER_BYTES)
    const length = frameLength(header, { segment }, crc32)
    return length === null || at + length > this.of.bytes ? header : this.bytes(at, length)
  }

  private async bytes(at: number, length: number): Promise<Uint8Array> {
    if (at + length > this.from + this.piece.length) {
      this.from = at
      const to = Math.min(this.of.bytes, at + Math.max(PIECE, length))
      this.piece = await this.files.read(this.of.file, at, to)
    }
    return this.piece.subarray(at - this.from, at - this.from + length)
  }
}

/** @throws StorageError when the file is missing, damaged, or not the one that the record speaks of. */
export const readObjects = async (files: Files, of: ObjectFile): Promise<readonly CapturedObject[]> => {
  const { file, count, bytes } = of
  const there = await files.size(file).catch((error: unknown) => {
    throw codeOf(error) === 'ENOENT'
      ? new StorageError(`${file} is missing, and the log refers to it: ${RESTORE}`)
      : error
  })
  if (there < bytes) throw damaged(file, there, `${bytes} bytes`)
  const pieces = new Pieces(files, of)
  const segment = numberOfObjectFile(file)
  const objects: CapturedObject[] = []
  let chain = 0
  for (let at = 0; at < bytes;) {
    const found = readFrame(segmentBytes(await pieces.frameAt(at, segment), false), 0, { segment, chain }, crc32)
    if (found.type === 'damage') throw damaged(file, at + found.at, found.expected)
    const object = found.type === 'frame' && found.frame === 'object' ? decodeObject(found.body) : null
    if (found.type !== 'frame' || object === null) throw damaged(file, at, 'an object of this format')
    objects.push(object)
    chain = found.chain
    at += found.end
  }
  if (chain === of.chain && objects.length === count) return objects
  throw damaged(file, bytes, `${count} objects with the checksum that the log holds: this is another copy of the file`)
}
