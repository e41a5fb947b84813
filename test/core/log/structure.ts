import { expect } from 'vitest'
import type { Entry } from '../../../src/core/entry.ts'
import { index, successor, term, type Index } from '../../../src/core/ids.ts'
import type { Log } from '../../../src/core/log/log.ts'
import { BLOCK_ENTRIES, SEGMENT_ENTRIES, blockOf, segmentOf } from '../../../src/core/log/segment.ts'

/** Weights differ from entry to entry, so that a sum over the wrong entries shows. */
export const entryOf = (at: number, inTerm: number): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: 1 + (at % 7),
  command: { at },
})

/** Entries `first … last`; the term grows with every hundred indices unless given. */
export const entriesOf = (first: number, last: number, termOf = (at: number) => Math.floor(at / 100)): Entry[] =>
  Array.from({ length: Math.max(0, last + 1 - first) }, (_, offset) => entryOf(first + offset, termOf(first + offset)))

/** All entries a log holds, read without its own lookup. */
export const contentsOf = (log: Log): readonly Entry[] => [...log.blocks.flat(2), ...log.open.flat(), ...log.tail]

/** The layout a log promises: everything in its aligned place, nothing missing, nothing empty, sums right. */
export const expectStructure = (log: Log): void => {
  const contents = contentsOf(log)
  expect(contents.length).toBe(log.lastIndex - log.baseIndex)
  expect(log.lastTerm).toBe(contents.at(-1)?.term ?? log.baseTerm)
  expect(log.bytes).toBe(contents.reduce((sum, entry) => sum + entry.bytes, 0))
  const misplaced = contents.filter((entry, offset) => entry.index !== log.baseIndex + 1 + offset)
  expect(misplaced).toEqual([])

  const unfinished: Index = successor(log.lastIndex)
  expect(log.tail.filter((entry) => segmentOf(entry.index) !== segmentOf(unfinished))).toEqual([])
  const openIndices = log.open.flat().map((entry) => entry.index)
  expect(openIndices.filter((at) => blockOf(at) !== blockOf(unfinished))).toEqual([])
  for (const [at, block] of log.blocks.entries()) {
    const entries = block.flat()
    expect(new Set(entries.map((entry) => blockOf(entry.index))).size).toBe(1)
    if (at > 0) expect(entries.length).toBe(BLOCK_ENTRIES)
  }
  for (const [at, segment] of [...log.blocks.flat(), ...log.open].entries()) {
    expect(new Set(segment.map((entry) => segmentOf(entry.index))).size).toBe(1)
    if (at > 0) expect(segment.length).toBe(SEGMENT_ENTRIES)
  }
}

/** Freezes a value and all it holds; what is frozen already is taken to be frozen throughout. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const held of Object.values(value)) deepFreeze(held)
  return value
}
