import { crc32 } from 'node:zlib'
import {
  SECTOR,
  encodeFrame,
  frameBytes,
  readFrame,
  segmentBytes,
  type Damage,
  type FrameType,
  type Link,
} from '../../codec/frames.ts'
import type { Files, OpenFile } from './files.ts'

/* Files of frames: segments of the log, which are zeros first, and files of objects, which grow. */

export const segmentName = (number: number): string => `log-${String(number).padStart(8, '0')}`

export const SEGMENT_FILE = /^log-(\d{8,})$/

/** Whole sectors that hold a head and a batch with bodies of these lengths. */
export const segmentSize = (wished: number, headBytes: number, batchBytes: number): number =>
  Math.ceil(Math.max(wished, frameBytes(headBytes) + frameBytes(batchBytes)) / SECTOR) * SECTOR

/** Zeros are written in pieces of this many bytes. */
const ZEROS = new Uint8Array(1 << 20)

/** Zeros a stretch of a file. The caller syncs. */
export const writeZeros = async (file: OpenFile, from: number, to: number): Promise<void> => {
  for (let at = from; at < to; at += ZEROS.length)
    await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at)
}

/** Creates a file of zeros, durable with its name: appending to it later changes no metadata, so datasync is enough. */
export const createZeroed = async (files: Files, name: string, bytes: number): Promise<OpenFile> => {
  const file = await files.create(name)
  try {
    await writeZeros(file, 0, bytes)
    await file.sync()
    await files.syncDirectory()
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** What a writer keeps to build its next frame in, in bytes: larger frames get room of their own. */
const ROOM = 1 << 16

/** The end of a file of frames, to write at. One write after the other. */
export class FrameWriter {
  readonly file: OpenFile
  readonly number: number
  /** Bytes that frames take so far. */
  position: number
  chain: number
  private readonly room = new Uint8Array(ROOM)

  constructor(file: OpenFile, { segment, chain }: Link, position: number) {
    this.file = file
    this.number = segment
    this.position = position
    this.chain = chain
  }

  /** Writes a frame behind the others. It is durable after the next sync of the file. */
  async append(type: FrameType, body: Uint8Array): Promise<void> {
    const room = frameBytes(body.length) <= ROOM ? this.room : undefined
    const { bytes, chain } = encodeFrame(type, body, { segment: this.number, chain: this.chain }, crc32, room)
    await this.file.write(bytes, this.position)
    this.position += bytes.length
    this.chain = chain
  }
}

export interface FramesRead {
  readonly bodies: readonly { readonly type: FrameType; readonly body: Uint8Array; readonly at: number }[]
  /** After the last frame. */
  readonly end: number
  readonly chain: number
  readonly ending: 'end' | 'torn' | Damage
}

/** All frames of a file's bytes, up to its end or what ends them. */
export const readFrames = (bytes: Uint8Array, link: Link, isOpen: boolean): FramesRead => {
  const segment = segmentBytes(bytes, isOpen)
  const bodies: { type: FrameType; body: Uint8Array; at: number }[] = []
  let { chain } = link
  let end = 0
  for (;;) {
    const found = readFrame(segment, end, { ...link, chain }, crc32)
    if (found.type !== 'frame') return { bodies, end, chain, ending: found.type === 'damage' ? found : found.type }
    bodies.push({ type: found.frame, body: found.body, at: end })
    end = found.end
    chain = found.chain
  }
}
