import { InvariantViolation, invariant } from '../../core/assert.ts'
import { checksumOfBytes } from '../../core/checksum.ts'
import {
  ALIGNMENT,
  SECTOR,
  encodeFrame,
  frameBytes,
  readFrame,
  segmentBytes,
  type FrameType,
  type Link,
} from '../../codec/frames.ts'

/** What the next start finds of a write that a crash interrupted. */
export type Found = 'nothing' | 'torn' | 'whole'

/** Of a segment, besides its head: small, so that a run comes to many. A larger batch gets a segment of its size. */
const SEGMENT_BYTES = 32 << 10

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * A log in bytes as the shell keeps it on disk: frames that continue one another, in a segment of zeros. A full segment
 * is followed by one whose head says what all before it held, so that only the last is kept.
 */
export class LogBytes {
  private bytes = new Uint8Array(0)
  private end = 0
  /** What the frame at `end` continues, and what the head of the segment did. */
  private link: Link = { segment: 0, chain: 0 }
  private first: Link = this.link

  constructor(head: string) {
    this.begin(encoder.encode(head), 0)
  }

  /** A batch that is durable. `head` says what the log holds before it. */
  append(batch: string, head: () => string): void {
    const body = encoder.encode(batch)
    this.makeRoom(body, head)
    this.put('batch', body)
  }

  /**
   * A batch of which only some sectors are written, counted from the one that it begins in: where the frame covers the
   * others, the zeros from before stay. What the next start takes for torn it fills with zeros again.
   * @throws InvariantViolation when the reader takes the interrupted write for damage
   */
  interrupt(batch: string, head: () => string, isWritten: (sector: number) => boolean): Found {
    const body = encoder.encode(batch)
    this.makeRoom(body, head)
    const { bytes: frame } = encodeFrame('batch', body, this.link, checksumOfBytes)
    for (let from = this.end; from < this.end + frame.length; from = sectorAfter(from)) {
      const part = frame.subarray(from - this.end, sectorAfter(from) - this.end)
      if (isWritten(Math.floor(from / SECTOR) - Math.floor(this.end / SECTOR))) this.bytes.set(part, from)
    }
    const found = readFrame(segmentBytes(this.bytes, true), this.end, this.link, checksumOfBytes)
    switch (found.type) {
      case 'frame':
        this.passed(found)
        return 'whole'
      case 'end':
        return 'nothing'
      case 'torn':
        this.bytes.fill(0, this.end)
        return 'torn'
      case 'damage':
        throw new InvariantViolation('a write that a crash tore is not taken for damage', { ...found })
    }
  }

  /** What a start reads: the head of the segment, and the batches after it. */
  read(): { readonly head: string; readonly batches: readonly string[] } {
    const segment = segmentBytes(this.bytes, true)
    const bodies: string[] = []
    let link = this.first
    for (let at = 0; ;) {
      const found = readFrame(segment, at, link, checksumOfBytes)
      if (found.type === 'end') break
      invariant(found.type === 'frame', 'frames that were synced are read back', { at, found: found.type })
      invariant(found.frame === (at === 0 ? 'head' : 'batch'), 'a segment is a head and batches', { at })
      bodies.push(decoder.decode(found.body))
      link = { ...link, chain: found.chain }
      at = found.end
    }
    const [head, ...batches] = bodies
    invariant(head !== undefined, 'a segment has a head')
    return { head, batches }
  }

  private makeRoom(batch: Uint8Array, head: () => string): void {
    const needed = frameBytes(batch.length)
    if (this.end + needed > this.bytes.length) this.begin(encoder.encode(head()), needed)
  }

  /** Another segment, durable with its head before anything else is written to it. */
  private begin(head: Uint8Array, least: number): void {
    const size = frameBytes(head.length) + Math.max(SEGMENT_BYTES, least)
    this.bytes = new Uint8Array(Math.ceil(size / SECTOR) * SECTOR)
    this.end = 0
    this.link = { segment: this.link.segment + 1, chain: this.link.chain }
    this.first = this.link
    this.put('head', head)
  }

  private put(type: FrameType, body: Uint8Array): void {
    const { bytes, chain } = encodeFrame(type, body, this.link, checksumOfBytes)
    this.bytes.set(bytes, this.end)
    this.passed({ end: this.end + bytes.length, chain })
  }

  private passed({ end, chain }: { readonly end: number; readonly chain: number }): void {
    this.end = end
    this.link = { ...this.link, chain }
  }
}

const sectorAfter = (at: number): number => (Math.floor(at / SECTOR) + 1) * SECTOR

/** A log with nothing but a head, behind which the next frame begins so many times 16 bytes into a sector. */
export const logThatEndsAt = (place: number): LogBytes => {
  const steps = SECTOR / ALIGNMENT
  return new LogBytes('-'.repeat(ALIGNMENT * ((place + steps - 1) % steps || steps)))
}
