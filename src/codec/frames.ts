/*
 * The frames of the log on disk. Pure: bytes in, bytes out; files, syncs and checksums in hardware are the shell's.
 *
 * A segment is a file that is written as zeros first and filled with frames from its front. One frame is one batch of
 * writes, made durable by one sync. A frame is a header of 16 bytes and a body of text, padded to a multiple of 16:
 *
 *     offset 0   0xA7, the mark of a header
 *            1   the frame's type
 *            2   two bytes of zero
 *            4   length of the body in bytes, without its padding
 *            8   CRC-32 of bytes 0–7 and the body, seeded by that of the frame before
 *           12   CRC-32 of bytes 0–11, seeded by the number of the segment
 *
 * Numbers are little-endian. Frames begin at multiples of 16, so that a header never crosses a sector boundary.
 *
 * The purpose: a write that a crash tore is not mistaken for damage, nor damage for such a write. A disk writes sectors of 512 bytes, each as a whole
 * or not at all, in any order. Where a sector was not written, the zeros from before are there. A body is text without
 * NUL and is padded with 0xFF, and the part of a frame that lies in a sector is at least 16 bytes long: so no such part
 * is zero, and no flip of one bit makes it zero. Hence:
 *
 * - Only the last frame can be torn, and only if some whole part of it is zero, and all after it. Such a frame was
 *   never acknowledged: it is cut off.
 * - Where the first part is the one that is zero, the header is, and the length is not known. What follows then lies
 *   within the largest frame that fits, or it is no torn frame.
 * - Everything else that does not check is damage: a header that is not zero, a body in which no part is zero, bytes
 *   after the last frame. The rule must not rest on the length alone: one bit flipped upward makes a frame reach into
 *   the zeros behind it. There it is the header's own checksum that fails.
 *
 * What looks like a crash, and is taken for one: whole sectors of the last frame set to zero, and an open segment or a
 * directory set back to an earlier copy of itself.
 */

export const SECTOR = 512
export const ALIGNMENT = 16
export const HEADER_BYTES = 16

const MARK = 0xa7
const PADDING = 0xff

/** CRC-32 (IEEE) continued from the one of what came before: `zlib.crc32`, say. */
export type Crc = (bytes: Uint8Array, before: number) => number

/** `head`: what a segment begins with. `batch`: writes that became durable together. `object`: of a snapshot's file. */
export type FrameType = 'head' | 'batch' | 'object'

const TYPES: readonly FrameType[] = ['head', 'batch', 'object']

/** Where a frame is written: the checksum of the frame before, or of the segment's origin, and the segment's number. */
export interface Link {
  readonly segment: number
  readonly chain: number
}

/** The bytes on disk that a body takes. */
export const frameBytes = (bodyBytes: number): number => Math.ceil((HEADER_BYTES + bodyBytes) / ALIGNMENT) * ALIGNMENT

/**
 * A frame around a body of text, as UTF-8 without NUL, and the chain value for the next one.
 * @param room bytes to build it in; the frame is a view of them, until they are used again. Default: new ones.
 * @throws RangeError when the body has a NUL or is empty: a part of the frame could be zero.
 */
export const encodeFrame = (
  type: FrameType,
  body: Uint8Array,
  { segment, chain }: Link,
  crc: Crc,
  room = new Uint8Array(frameBytes(body.length)),
): { readonly bytes: Uint8Array; readonly chain: number } => {
  if (body.length === 0 || body.includes(0)) throw new RangeError('the body of a frame is text without NUL, not empty')
  const bytes = room.subarray(0, frameBytes(body.length))
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES)
  view.setUint32(0, MARK | ((TYPES.indexOf(type) + 1) << 8), true)
  view.setUint32(4, body.length, true)
  bytes.set(body, HEADER_BYTES)
  bytes.fill(PADDING, HEADER_BYTES + body.length)
  const next = crc(body, crc(bytes.subarray(0, 8), chain))
  view.setUint32(8, next, true)
  view.setUint32(12, crc(bytes.subarray(0, 12), segment), true)
  return { bytes, chain: next }
}

/** The bytes of a segment, as read. Only in the open one, the last, may a frame be torn. */
export interface SegmentBytes {
  readonly bytes: Uint8Array
  readonly isOpen: boolean
  /** After the last byte that is not zero. */
  readonly used: number
}

export const segmentBytes = (bytes: Uint8Array, isOpen: boolean): SegmentBytes => {
  let used = bytes.length
  while (used > 0 && bytes[used - 1] === 0) used--
  return { bytes, isOpen, used }
}

export type FrameFound =
  | {
      readonly type: 'frame'
      readonly frame: FrameType
      readonly body: Uint8Array
      readonly chain: number
      /** Where the next one begins. */
      readonly end: number
    }
  /** Zeros from here to the end of the segment. */
  | { readonly type: 'end' }
  /** A write that a crash tore: zeros are to take its place before anything is appended. */
  | { readonly type: 'torn' }
  | Damage

export interface Damage {
  readonly type: 'damage'
  /** Where in the segment. */
  readonly at: number
  readonly expected: string
}

const damage = (at: number, expected: string): Damage => ({ type: 'damage', at, expected })

/** The bytes on disk of the frame with this header, for reading piece by piece; null where it is not what was written. */
export const frameLength = (header: Uint8Array, { segment }: Pick<Link, 'segment'>, crc: Crc): number | null => {
  if (header.length < HEADER_BYTES) return null
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES)
  if (view.getUint32(12, true) !== crc(header.subarray(0, 12), segment)) return null
  return frameBytes(view.getUint32(4, true))
}

/** Reads the frame at an offset, a multiple of 16. Bytes of any content give a result. */
export const readFrame = (segment: SegmentBytes, at: number, link: Link, crc: Crc): FrameFound => {
  const { bytes, used } = segment
  if (at >= used) return { type: 'end' }
  const header = bytes.subarray(at, at + HEADER_BYTES)
  if (isZero(header)) return withoutHeader(segment, at)
  if (header.length < HEADER_BYTES) return damage(at, 'a whole header, or zeros')
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES)
  if (view.getUint32(12, true) !== crc(header.subarray(0, 12), link.segment))
    return damage(at, 'a header that its checksum confirms, or zeros')
  const type = TYPES[(header[1] ?? 0) - 1]
  const length = view.getUint32(4, true)
  const end = at + frameBytes(length)
  if (header[0] !== MARK || type === undefined || length === 0 || end > bytes.length)
    return damage(at, 'a header of a known type, and a length within the segment')
  const body = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length)
  const chain = crc(body, crc(header.subarray(0, 8), link.chain))
  const padding = bytes.subarray(at + HEADER_BYTES + length, end)
  if (chain === view.getUint32(8, true) && padding.every((byte) => byte === PADDING))
    return { type: 'frame', frame: type, body, chain, end }
  return segment.isOpen && used <= end && hasZeroPart(bytes, at, end)
    ? { type: 'torn' }
    : damage(at, 'a body that the checksum in its header confirms, padded with 0xFF')
}

/** A header of zeros, and something behind it: torn, if the part of the frame in that sector is zero as a whole. */
const withoutHeader = ({ bytes, isOpen }: SegmentBytes, at: number): FrameFound =>
  isOpen && isZero(bytes.subarray(at, sectorAfter(at)))
    ? { type: 'torn' }
    : damage(at, 'a header, or zeros to the end of the segment')

/** Whether the part of a frame in some sector is zero: that sector was not written. */
const hasZeroPart = (bytes: Uint8Array, from: number, end: number): boolean => {
  for (let at = from; at < end; at = sectorAfter(at))
    if (isZero(bytes.subarray(at, Math.min(sectorAfter(at), end)))) return true
  return false
}

const sectorAfter = (at: number): number => (Math.floor(at / SECTOR) + 1) * SECTOR

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
