import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/core/assert.ts'
import { index, term } from '../../../src/core/ids.ts'
import {
  append,
  compactTo,
  emptyLog,
  entryAt,
  lastIndexWithTermAtMost,
  logOf,
  slice,
  termAt,
  truncateFrom,
  type Log,
} from '../../../src/core/log/log.ts'
import { contentsOf, deepFreeze, entriesOf, entryOf, expectStructure } from './structure.ts'

/** Indices on both sides of every kind of boundary: segments end at multiples of 32, blocks at multiples of 1024. */
const BOUNDARIES = [1, 31, 32, 33, 63, 64, 65, 991, 992, 993, 1023, 1024, 1025, 1056, 2047, 2048, 2049, 3071, 3072]

/** What a log that holds the entries after `base` up to `last` must say for itself. */
const expectHolds = (log: Log, base: number, last: number): void => {
  expectStructure(log)
  expect([log.baseIndex, log.lastIndex]).toEqual([base, last])
  expect(contentsOf(log)).toEqual(entriesOf(base + 1, last))
  expect(log.baseTerm).toBe(Math.floor(base / 100))
}

/** The log of indices `base + 1 … last`. */
const logFrom = (base: number, last: number): Log =>
  logOf(index(base), term(Math.floor(base / 100)), entriesOf(base + 1, last))

describe('emptyLog', () => {
  it('begins before the first entry unless a base is given', () => {
    expect(emptyLog()).toEqual({
      baseIndex: 0,
      baseTerm: 0,
      lastIndex: 0,
      lastTerm: 0,
      bytes: 0,
      blocks: [],
      open: [],
      tail: [],
    })
    expect(emptyLog(index(70), term(3))).toMatchObject({ baseIndex: 70, baseTerm: 3, lastIndex: 70, lastTerm: 3 })
  })

  it.each([0, 1, 31, 32, 33, 1024, 2 ** 31, Number.MAX_SAFE_INTEGER - 10])('after base %d holds nothing', (base) => {
    const log = emptyLog(index(base), term(5))
    expect(entryAt(log, index(base))).toBeNull()
    expect(termAt(log, index(base))).toBe(5)
    expect(termAt(log, index(base + 1))).toBeNull()
    expect(slice(log, index(base + 1), index(base))).toEqual([])
    expect(truncateFrom(log, index(base + 1))).toBe(log)
    expect(compactTo(log, index(base))).toBe(log)
  })
})

describe('append', () => {
  it.each(BOUNDARIES)('holds %d entries, appended at once or one by one', (last) => {
    const entries = entriesOf(1, last)
    const atOnce = append(emptyLog(), entries)
    expectHolds(atOnce, 0, last)
    const oneByOne = entries.reduce((log, entry) => append(log, [entry]), emptyLog())
    expect(oneByOne).toEqual(atOnce)
  })

  it.each(BOUNDARIES)('goes on after a base of %d', (base) => {
    for (const added of [1, 32, 33, 1024, 1100]) expectHolds(logFrom(base, base + added), base, base + added)
  })

  it('of nothing returns the same log', () => {
    const log = logFrom(0, 40)
    expect(append(log, [])).toBe(log)
  })

  it('shares everything finished with the log it continues', () => {
    const before = logFrom(0, 2090)
    const after = append(before, entriesOf(2091, 2092))
    expect(after.blocks).toBe(before.blocks)
    expect(after.open).toBe(before.open)
    const finishing = append(before, entriesOf(2091, 3100))
    expect(finishing.blocks.slice(0, 2).every((block, at) => block === before.blocks[at])).toBe(true)
    expect(finishing.blocks[2]?.[0]).toBe(before.open[0])
  })

  it('keeps no array of the caller', () => {
    const batch = entriesOf(1, 32)
    const log = append(emptyLog(), batch)
    batch.length = 0
    expectHolds(log, 0, 32)
  })

  it('takes frozen logs and batches', () => {
    const log = BOUNDARIES.reduce(
      (held, last) => deepFreeze(append(held, deepFreeze(entriesOf(held.lastIndex + 1, last)))),
      deepFreeze(emptyLog()),
    )
    expectHolds(log, 0, 3072)
  })

  it.each([
    ['a gap', entryOf(42, 9)],
    ['an index held already', entryOf(40, 9)],
    ['a term below the last', entryOf(41, 2)],
  ])('refuses %s', (_, entry) => {
    const log = logOf(
      index(0),
      term(0),
      entriesOf(1, 40, () => 3),
    )
    expect(() => append(log, [entry])).toThrow(InvariantViolation)
    expect(() => append(log, [entry, entry])).toThrow('appended entries continue the log')
  })
})

describe('truncateFrom', () => {
  it.each(BOUNDARIES)('keeps what is before %d', (from) => {
    expectHolds(truncateFrom(logFrom(0, 3100), index(from)), 0, from - 1)
  })

  it.each(BOUNDARIES)('keeps nothing when it cuts right after a base of %d', (base) => {
    const log = truncateFrom(logFrom(base, base + 1500), index(base + 1))
    expect(log).toEqual(emptyLog(index(base), term(Math.floor(base / 100))))
  })

  it('past the end returns the same log', () => {
    const log = logFrom(0, 64)
    expect(truncateFrom(log, index(65))).toBe(log)
    expect(truncateFrom(log, index(1000))).toBe(log)
  })

  it('refuses to cut what is compacted', () => {
    const log = logFrom(64, 100)
    expect(() => truncateFrom(log, index(64))).toThrow(InvariantViolation)
    expect(() => truncateFrom(log, index(1))).toThrow('only entries after the base are truncated')
  })

  it('leaves a log that takes other entries, while the old one stays', () => {
    const old = logFrom(0, 1100)
    const other = append(
      truncateFrom(old, index(1000)),
      entriesOf(1000, 1200, () => 77),
    )
    expectStructure(other)
    expect([termAt(other, index(999)), termAt(other, index(1000)), termAt(old, index(1000))]).toEqual([9, 77, 10])
    expectHolds(old, 0, 1100)
  })
})

describe('compactTo', () => {
  it.each(BOUNDARIES)('discards the entries up to %d', (base) => {
    for (const last of [base, base + 1, 3072, 3100]) {
      expectHolds(compactTo(logFrom(0, last), index(base)), base, last)
      const again = compactTo(compactTo(logFrom(0, last), index(Math.floor(base / 2))), index(base))
      expectHolds(again, base, last)
      expectHolds(append(again, entriesOf(last + 1, last + 1030)), base, last + 1030)
    }
  })

  it('up to a base already passed returns the same log', () => {
    const log = logFrom(64, 100)
    expect(compactTo(log, index(64))).toBe(log)
    expect(compactTo(log, index(3))).toBe(log)
  })

  it('refuses to discard what is not held', () => {
    expect(() => compactTo(logFrom(0, 100), index(101))).toThrow(InvariantViolation)
  })

  it('shares every segment it does not cut', () => {
    const before = logFrom(0, 3100)
    const after = compactTo(before, index(1030))
    expect(after.blocks[0]?.[1]).toBe(before.blocks[1]?.[1])
    expect(after.blocks[1]).toBe(before.blocks[2])
    expect([after.open, after.tail]).toEqual([before.open, before.tail])
    expect(after.tail).toBe(before.tail)
  })
})

describe('termAt and entryAt', () => {
  it.each([0, 5, 31, 32, 33, 1000, 1023, 1024, 1025])('find every index after a base of %d', (base) => {
    const log = logFrom(base, base + 2100)
    for (const entry of entriesOf(base + 1, base + 2100)) {
      if (entryAt(log, entry.index)?.index !== entry.index) expect.fail(`index ${entry.index} is misplaced`)
    }
    expect(termAt(log, index(base))).toBe(Math.floor(base / 100))
    expect(entryAt(log, index(base))).toBeNull()
    expect([termAt(log, index(base + 2101)), entryAt(log, index(base + 2101))]).toEqual([null, null])
    if (base > 0) expect(termAt(log, index(base - 1))).toBeNull()
  })

  it('find indices above 2^32', () => {
    const base = 2 ** 52 + 17
    const log = logOf(
      index(base),
      term(1),
      entriesOf(base + 1, base + 1500, (at) => at),
    )
    for (const at of [base + 1, base + 700, base + 1500]) expect(termAt(log, index(at))).toBe(at)
  })
})

describe('slice', () => {
  const log = logFrom(10, 2100)
  const indicesIn = (from: number, to: number, entriesMax?: number, bytesMax?: number): number[] =>
    slice(log, index(from), index(to), entriesMax, bytesMax).map((entry) => entry.index)

  it.each([
    ['one entry', 2100, 2100],
    ['a whole segment', 33, 64],
    ['one more than a segment', 33, 65],
    ['one more before it', 32, 64],
    ['a whole block', 1025, 2048],
    ['everything', 11, 2100],
  ])('includes both ends: %s', (_, from, to) => {
    expect(slice(log, index(from), index(to))).toEqual(entriesOf(from, to))
  })

  it('returns a whole segment itself', () => {
    expect(slice(log, index(33), index(64))).toBe(slice(log, index(33), index(64)))
    expect(slice(log, index(2081), index(2100))).toBe(log.tail)
  })

  it('of nothing is empty, wherever it is asked', () => {
    expect([indicesIn(5, 4), indicesIn(2101, 2100), indicesIn(9000, 1)]).toEqual([[], [], []])
  })

  it.each([
    // Entry i weighs 1 + i mod 7 bytes: 21 weighs 1, 22 weighs 2, 23 weighs 3 and so on.
    { entriesMax: 2, bytesMax: Infinity, last: 22 },
    { entriesMax: 1, bytesMax: Infinity, last: 21 },
    { entriesMax: 0, bytesMax: Infinity, last: 21 },
    { entriesMax: Infinity, bytesMax: 3, last: 22 },
    { entriesMax: Infinity, bytesMax: 5, last: 22 },
    { entriesMax: Infinity, bytesMax: 6, last: 23 },
    { entriesMax: 2, bytesMax: 6, last: 22 },
    { entriesMax: Infinity, bytesMax: 0, last: 21 },
    { entriesMax: 40, bytesMax: 1000, last: 60 },
  ])('keeps to $entriesMax entries and $bytesMax bytes, but gives one', ({ entriesMax, bytesMax, last }) => {
    expect(indicesIn(21, 2100, entriesMax, bytesMax)).toEqual(entriesOf(21, last).map((entry) => entry.index))
  })

  it('joins more segments than one call takes arguments', () => {
    const long = logFrom(0, 70_000)
    expect(slice(long, index(1), index(70_000)).every((entry, at) => entry.index === at + 1)).toBe(true)
    expect(slice(long, index(1), index(70_000))).toHaveLength(70_000)
  })

  it.each([
    [10, 20],
    [1, 5],
    [2090, 2101],
  ])('refuses [%d, %d], which is not all held', (from, to) => {
    expect(() => indicesIn(from, to)).toThrow('only entries held are read')
  })
})

describe('lastIndexWithTermAtMost', () => {
  // Terms 1 1 2 2 2 5 5 9 at indices 11 … 18, after a base of term 1.
  const terms = [1, 1, 2, 2, 2, 5, 5, 9]
  const log = logOf(
    index(10),
    term(1),
    entriesOf(11, 18, (at) => terms[at - 11] ?? 0),
  )

  it.each([
    { from: 18, sought: 9, found: 18, why: 'the start itself' },
    { from: 18, sought: 8, found: 17, why: 'the end of the next lower term' },
    { from: 18, sought: 4, found: 15, why: 'no entry of that very term' },
    { from: 14, sought: 4, found: 14, why: 'never beyond the start' },
    { from: 18, sought: 1, found: 12, why: 'the first term' },
    { from: 18, sought: 0, found: 10, why: 'the base when none qualifies' },
    { from: 10, sought: 0, found: 10, why: 'the base when it is the start' },
    { from: 3, sought: 9, found: 10, why: 'the base when the start is before it' },
    { from: 99, sought: 9, found: 18, why: 'the last entry when the start is past it' },
  ])('from $from, term $sought is $found: $why', ({ from, sought, found }) => {
    expect(lastIndexWithTermAtMost(log, index(from), term(sought))).toBe(found)
  })
})
