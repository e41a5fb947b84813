import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALIGNMENT,
  HEADER_BYTES,
  SECTOR,
  encodeFrame,
  frameBytes,
  readFrame,
  segmentBytes,
  type FrameFound,
  type Link,
} from '../../src/codec/frames.ts'

const CAPACITY = 8 * SECTOR
const ORIGIN: Link = { segment: 7, chain: 0x5eed }
const textOf = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => 1 + (at % 127))

/** A segment with frames around bodies of these lengths from the front, and where each begins. */
const segmentOf = (lengths: readonly number[]): { readonly bytes: Uint8Array; readonly starts: readonly number[] } => {
  const bytes = new Uint8Array(CAPACITY)
  const starts: number[] = []
  let { chain } = ORIGIN
  let at = 0
  for (const length of lengths) {
    const frame = encodeFrame('batch', textOf(length), { ...ORIGIN, chain }, crc32)
    bytes.set(frame.bytes, at)
    starts.push(at)
    at += frame.bytes.length
    chain = frame.chain
  }
  return { bytes, starts }
}

/** Reads all frames; how many, and how it ended. */
const readAll = (bytes: Uint8Array, isOpen = true): readonly [frames: number, ending: FrameFound['type']] => {
  const segment = segmentBytes(bytes, isOpen)
  let { chain } = ORIGIN
  let at = 0
  for (let frames = 0; ; frames++) {
    const found = readFrame(segment, at, { ...ORIGIN, chain }, crc32)
    if (found.type !== 'frame') return [frames, found.type]
    at = found.end
    chain = found.chain
  }
}

const partsOf = (from: number, end: number): readonly (readonly [number, number])[] => {
  const parts: [number, number][] = []
  for (let at = from; at < end;) {
    const next = Math.min((Math.floor(at / SECTOR) + 1) * SECTOR, end)
    parts.push([at, next])
    at = next
  }
  return parts
}

describe('a segment that is whole', () => {
  it.each([true, false])('reads as it was written, open %s', (isOpen) => {
    const { bytes } = segmentOf([1, 100, 496, 1000, 16])
    expect(readAll(bytes, isOpen)).toEqual([5, 'end'])
  })

  it('reads to its last byte', () => {
    expect(readAll(segmentOf([CAPACITY - HEADER_BYTES]).bytes)).toEqual([1, 'end'])
  })

  it('begins its frames at multiples of 16, so that no header crosses a sector', () => {
    for (let length = 1; length <= 2 * SECTOR; length++) expect(frameBytes(length) % ALIGNMENT).toBe(0)
  })
})

describe('one flipped bit', () => {
  const LENGTHS = [20, 700, 33, 490]

  it('in what was written is damage, whatever the bit', () => {
    const { bytes } = segmentOf(LENGTHS)
    const { used } = segmentBytes(bytes, true)
    const endings = new Set<string>()
    for (let bit = 0; bit < used * 8; bit++) {
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      endings.add(readAll(bytes)[1])
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    }
    expect([...endings]).toEqual(['damage'])
  })

  it('in the zeros behind is damage, or costs no frame', () => {
    const { bytes } = segmentOf(LENGTHS)
    const { used } = segmentBytes(bytes, true)
    const counts = { damage: 0, torn: 0 }
    for (let bit = used * 8; bit < CAPACITY * 8; bit++) {
      bytes[bit >> 3] = 1 << (bit & 7)
      const [frames, ending] = readAll(bytes)
      bytes[bit >> 3] = 0
      if (ending !== 'damage' && ending !== 'torn') throw new Error(`bit ${bit}: ${ending}`)
      if (ending === 'torn') expect(frames).toBe(LENGTHS.length)
      counts[ending]++
    }
    // The sector in which the next frame would begin could not be zero and torn; what lies behind it could be.
    const sectorEnd = Math.ceil(used / SECTOR) * SECTOR
    expect(counts).toEqual({ damage: (sectorEnd - used) * 8, torn: (CAPACITY - sectorEnd) * 8 })
  })

  it('is damage in every byte of a sealed segment', () => {
    const { bytes } = segmentOf(LENGTHS)
    for (let bit = 0; bit < CAPACITY * 8; bit += 3) {
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(readAll(bytes, false)[1]).toBe('damage')
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    }
  })
})

describe('a last frame of which a crash left some sectors', () => {
  // Every length modulo a sector, at two places within one, over one to four sectors.
  const cases = Array.from({ length: SECTOR }, (_, at) => [[40], 1 + at + SECTOR * (at % 3)] as const)

  it('is torn, or was not written at all, whatever sectors are missing', () => {
    let outcomes = 0
    for (const [before, last] of cases) {
      const { bytes, starts } = segmentOf([...before, last])
      const start = starts.at(-1) ?? 0
      const parts = partsOf(start, start + frameBytes(last))
      for (let missing = 1; missing < 2 ** parts.length; missing++) {
        const left = bytes.slice()
        for (const [at, [from, end]] of parts.entries()) if ((missing >> at) & 1) left.fill(0, from, end)
        const isAll = missing === 2 ** parts.length - 1
        expect(readAll(left)).toEqual([before.length, isAll ? 'end' : 'torn'])
        outcomes++
      }
    }
    expect(outcomes).toBeGreaterThan(1_500)
  })

  it('is damage where it is not the last, or the segment is sealed', () => {
    const { bytes, starts } = segmentOf([40, 1200, 40])
    bytes.fill(0, SECTOR, 2 * SECTOR)
    expect(starts[2]).toBeGreaterThan(2 * SECTOR)
    expect(readAll(bytes)).toEqual([1, 'damage'])
    const sealed = segmentOf([40, 1200]).bytes
    sealed.fill(0, SECTOR, 2 * SECTOR)
    expect(readAll(sealed, false)).toEqual([1, 'damage'])
  })
})

describe('a frame at another place', () => {
  it('of another segment is damage', () => {
    const segment = segmentBytes(segmentOf([40]).bytes, true)
    expect(readFrame(segment, 0, { ...ORIGIN, segment: 8 }, crc32).type).toBe('damage')
  })

  it('after another frame than it was written after is damage', () => {
    const segment = segmentBytes(segmentOf([40]).bytes, true)
    expect(readFrame(segment, 0, { ...ORIGIN, chain: 1 }, crc32).type).toBe('damage')
  })
})

it('the length of a frame whose bit is flipped upward does not make it torn, though it reaches into the zeros', () => {
  const { bytes } = segmentOf([100])
  bytes[5] = (bytes[5] ?? 0) ^ 0x04
  expect(readAll(bytes)).toEqual([0, 'damage'])
})

it('bytes of any content give a result', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 2 * SECTOR }), fc.boolean(), (bytes, isOpen) => {
      const [frames] = readAll(bytes, isOpen)
      expect(frames).toBe(0)
    }),
  )
})

it.each([new Uint8Array(0), Uint8Array.of(65, 0, 66)])('refuses a body that could be zero in part: %j', (body) => {
  expect(() => encodeFrame('batch', body, ORIGIN, crc32)).toThrow(RangeError)
})
