import { InvariantViolation } from '../../core/assert.ts'
import { checksumOfBytes } from '../../core/checksum.ts'
import { ALIGNMENT, SECTOR, encodeFrame, frameBytes, readFrame, segmentBytes } from '../../codec/frames.ts'

/** What the next start finds of a write that a crash interrupted. */
export type Found = 'nothing' | 'torn' | 'whole'

/**
 * Puts part of a write on the disk as the log does: a frame in a segment of zeros, of which only some sectors were
 * written. Whether it is there is decided by the reader of frames.
 * @param at where in a sector the frame begins, in units of its alignment
 * @throws InvariantViolation when the reader takes the interrupted write for damage
 */
export const interrupted = (text: string, at: number, isWritten: (sector: number) => boolean): Found => {
  const link = { segment: 1, chain: 0 }
  const { bytes } = encodeFrame('batch', new TextEncoder().encode(text), link, checksumOfBytes)
  const start = (at * ALIGNMENT) % SECTOR
  const segment = new Uint8Array(Math.ceil((start + bytes.length) / SECTOR) * SECTOR)
  segment.set(bytes, start)
  for (let sector = 0; sector * SECTOR < segment.length; sector++)
    if (!isWritten(sector)) segment.fill(0, sector * SECTOR, (sector + 1) * SECTOR)
  const found = readFrame(segmentBytes(segment, true), start, link, checksumOfBytes)
  switch (found.type) {
    case 'frame':
      return 'whole'
    case 'end':
      return 'nothing'
    case 'torn':
      return 'torn'
    case 'damage':
      throw new InvariantViolation('a write that a crash tore is not taken for damage', { ...found })
  }
}

/** Sectors that a frame around this text may lie in, wherever it begins. */
export const sectorsOf = (text: string): number =>
  Math.ceil(frameBytes(new TextEncoder().encode(text).length) / SECTOR) + 1
