import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { index, term } from '../src/core/ids.ts'
import {
  append,
  compactTo,
  emptyLog,
  entryAt,
  lastIndexWithTermAtMost,
  slice,
  termAt,
  truncateFrom,
  type Log,
} from '../src/core/log/log.ts'
import { BLOCK_ENTRIES, SEGMENT_ENTRIES } from '../src/core/log/segment.ts'
import { contentsOf, deepFreeze, entriesOf, entryOf, expectStructure } from '../test/core/log/structure.ts'
import {
  bytesOf,
  lastIndexOf,
  lastTermOf,
  plainAppend,
  plainCompact,
  plainEntryAt,
  plainLastIndexWithTermAtMost,
  plainLog,
  plainSlice,
  plainTermAt,
  plainTruncate,
  type PlainLog,
} from './models/plain-log.ts'

/** Positions are taken modulo what the log holds, so that shrinking never makes a history invalid. */
type Operation =
  | { readonly type: 'append'; readonly count: number; readonly termStep: number; readonly frozen: boolean }
  | { readonly type: 'append one by one'; readonly count: number }
  | { readonly type: 'fill'; readonly multiple: number }
  | { readonly type: 'truncate'; readonly position: number; readonly multiple: number }
  | { readonly type: 'compact'; readonly position: number; readonly multiple: number }
  | { readonly type: 'through JSON' }
  | { readonly type: 'go back'; readonly position: number }

/** The same log twice: the one under test, and what it means. */
interface Version {
  readonly log: Log
  readonly plain: PlainLog
}

interface History {
  readonly baseIndex: number
  readonly frozen: boolean
  readonly operations: readonly Operation[]
}

const position = fc.nat(100_000)
const multiple = fc.constantFrom(1, 1, SEGMENT_ENTRIES, BLOCK_ENTRIES)
const count = fc.oneof(fc.nat(3), fc.nat(3 * SEGMENT_ENTRIES), fc.nat(3000))

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('append' as const), count, termStep: fc.nat(2), frozen: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('append one by one' as const), count: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fill' as const), multiple }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('truncate' as const), position, multiple }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('compact' as const), position, multiple }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('through JSON' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('go back' as const), position }) },
)

const history: fc.Arbitrary<History> = fc.record({
  baseIndex: fc.oneof(
    fc.constant(0),
    fc.nat(3 * BLOCK_ENTRIES),
    fc.constant(2 ** 31 - 40),
    fc.constant(Number.MAX_SAFE_INTEGER - 200_000),
  ),
  frozen: fc.boolean(),
  operations: fc.array(operation, { maxLength: 20 }),
})

const throughJson = (log: Log): Log => JSON.parse(JSON.stringify(log)) as Log

/** Takes an array that the caller goes on to use as well as one that nobody can: neither ends up in the log. */
const appendMany = ({ log, plain }: Version, size: number, termStep: number, frozen = true): Version => {
  const first = lastIndexOf(plain) + 1
  const termOf = (at: number): number => lastTermOf(plain) + termStep * (1 + Math.floor((at - first) / 700))
  const added = entriesOf(first, first + size - 1, termOf)
  if (frozen) deepFreeze(added)
  const version = { log: append(log, added), plain: plainAppend(plain, added) }
  if (!frozen) added.fill(entryOf(1, 1))
  return version
}

const appendOneByOne = (version: Version, size: number): Version => {
  let at = version
  for (let step = 0; step < size; step++) at = appendMany(at, 1, 1)
  return at
}

/** An index in `[baseIndex, lastIndex + 1]`, near the given position, on a multiple where there is one. */
const indexNear = (plain: PlainLog, at: number, alignedTo: number): number => {
  const near = plain.baseIndex + (at % (plain.entries.length + 2))
  return Math.max(plain.baseIndex, near - (near % alignedTo))
}

const apply = (version: Version, earlier: readonly Version[], next: Operation): Version => {
  const { log, plain } = version
  switch (next.type) {
    case 'append':
      return appendMany(version, next.count, next.termStep, next.frozen)
    case 'append one by one':
      return appendOneByOne(version, next.count)
    case 'fill':
      return appendMany(version, next.multiple - (log.lastIndex % next.multiple), 1)
    case 'truncate': {
      const from = index(Math.max(indexNear(plain, next.position, next.multiple), plain.baseIndex + 1))
      return { log: truncateFrom(log, from), plain: plainTruncate(plain, from) }
    }
    case 'compact': {
      const upTo = index(Math.min(indexNear(plain, next.position, next.multiple), lastIndexOf(plain)))
      return { log: compactTo(log, upTo), plain: plainCompact(plain, upTo) }
    }
    case 'through JSON':
      return { log: throughJson(log), plain }
    case 'go back':
      return earlier[next.position % earlier.length] ?? version
  }
}

/** All versions a history goes through, `visit`ed as they are made. */
const versionsOf = (
  { baseIndex, frozen, operations }: History,
  visit: (version: Version) => void = () => undefined,
): readonly Version[] => {
  const base = [index(baseIndex), term(baseIndex === 0 ? 0 : 3)] as const
  const versions: Version[] = [{ log: emptyLog(...base), plain: plainLog(...base) }]
  for (const next of operations) {
    const made = apply(versions.at(-1) ?? raise(), versions, next)
    if (frozen) deepFreeze(made.log)
    visit(made)
    versions.push(made)
  }
  return versions
}

const raise = (): never => {
  throw new Error('a history has a first version')
}

/** Equality by value and without a matcher per entry, since versions hold thousands. */
const expectAgreement = ({ log, plain }: Version): void => {
  expect([log.baseIndex, log.baseTerm]).toEqual([plain.baseIndex, plain.baseTerm])
  expect([log.lastIndex, log.lastTerm]).toEqual([lastIndexOf(plain), lastTermOf(plain)])
  expect(log.bytes).toBe(bytesOf(plain.entries))
  const contents = contentsOf(log)
  expect(contents.length).toBe(plain.entries.length)
  const different = contents.filter((entry, at) => !isSame(entry, plain.entries[at]))
  expect(different).toEqual([])
}

const isSame = (one: unknown, other: unknown): boolean => one === other || isDeepStrictEqual(one, other)

describe('a log means what a plain array of entries means', () => {
  it('after every operation, in its aligned layout', () => {
    fc.assert(
      fc.property(history, (steps) => {
        versionsOf(steps, (version) => {
          expectAgreement(version)
          expectStructure(version.log)
        })
      }),
      { numRuns: 400 },
    )
  })

  it('when old versions are read after later operations', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const version of versionsOf(steps)) expectAgreement(version)
      }),
      { numRuns: 400 },
    )
  })

  it('when single entries and terms are read', () => {
    fc.assert(
      fc.property(history, fc.array(position, { minLength: 5, maxLength: 20 }), (steps, probes) => {
        const { log, plain } = versionsOf(steps).at(-1) ?? raise()
        const ends = [plain.baseIndex - 1, plain.baseIndex, lastIndexOf(plain), lastIndexOf(plain) + 1]
        const aligned = probes.map((at) => indexNear(plain, at, SEGMENT_ENTRIES))
        for (const at of [...ends, ...aligned, ...probes.map((probe) => indexNear(plain, probe, 1))]) {
          if (at < 0) continue
          expect(entryAt(log, index(at))).toEqual(plainEntryAt(plain, index(at)))
          expect(termAt(log, index(at))).toBe(plainTermAt(plain, index(at)))
        }
      }),
      { numRuns: 400 },
    )
  })

  it('when ranges are read, within limits or without', () => {
    const limit = fc.oneof(fc.nat(5), fc.nat(5000), fc.constant(Infinity))
    const range = fc.record({ from: position, to: position, multiple, entriesMax: limit, bytesMax: limit })
    fc.assert(
      fc.property(history, fc.array(range, { minLength: 1, maxLength: 5 }), (steps, ranges) => {
        const { log, plain } = versionsOf(steps).at(-1) ?? raise()
        for (const { entriesMax, bytesMax, ...wanted } of ranges) {
          const from = index(Math.max(indexNear(plain, wanted.from, wanted.multiple), plain.baseIndex + 1))
          const to = index(Math.min(indexNear(plain, wanted.to, 1), lastIndexOf(plain)))
          const found = slice(log, from, to, entriesMax, bytesMax)
          const expected = plainSlice(plain, from, to, entriesMax, bytesMax)
          expect(found.map((entry) => entry.index)).toEqual(expected.map((entry) => entry.index))
          expect(found.every((entry, at) => isSame(entry, expected[at]))).toBe(true)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('when the last index of a term is looked for', () => {
    fc.assert(
      fc.property(history, position, fc.nat(30), (steps, near, termMax) => {
        const { log, plain } = versionsOf(steps).at(-1) ?? raise()
        const from = index(indexNear(plain, near, 1))
        const sought = term(termMax)
        expect(lastIndexWithTermAtMost(log, from, sought)).toBe(plainLastIndexWithTermAtMost(plain, from, sought))
      }),
      { numRuns: 500 },
    )
  })
})

describe('a log is plain data', () => {
  it('JSON gives back an equal log, which then behaves the same', () => {
    fc.assert(
      fc.property(history, operation, (steps, next) => {
        const version = versionsOf(steps).at(-1) ?? raise()
        const copy = { ...version, log: throughJson(version.log) }
        expect(isDeepStrictEqual(copy.log, version.log)).toBe(true)
        const after = apply(version, [version], next)
        const copyAfter = apply(copy, [copy], next)
        expect(isDeepStrictEqual(copyAfter.log, after.log)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
