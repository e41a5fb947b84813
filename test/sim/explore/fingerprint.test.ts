import { describe, expect, it } from 'vitest'
import type { Options } from '../../../src/core/config.ts'
import { step } from '../../../src/core/step.ts'
import { DEFAULT_BOUNDS, actionsIn, type Bounds } from '../../../src/sim/explore/action.ts'
import { Fingerprints } from '../../../src/sim/explore/fingerprint.ts'
import { take } from '../../../src/sim/explore/turn.ts'
import { bornWorld, type World } from '../../../src/sim/explore/world.ts'
import { Canons } from './canon.ts'

const NOTHING = { crashes: 0, duplicates: 0, heartbeats: 0 }

/** The walk of the explorer, over texts in place of fingerprints. */
const walk = (servers: number, changed: Partial<Bounds>, raft: Partial<Options>, worldsMax: number) => {
  const bounds: Bounds = { ...DEFAULT_BOUNDS, ...changed }
  const isTimed = bounds.ticks > 0
  const rules = { step, checksSteps: false, lateDisks: bounds.lateDisks, leases: bounds.leases }
  const birth = bornWorld(servers, raft)
  const fingerprints = new Fingerprints(birth, isTimed)
  const canons = new Canons(birth, isTimed)
  const seen = new Map<string, number>()
  const known = new Map<number, string>()
  const shared: (readonly [string, string])[] = []
  const split: string[] = []
  let level: World[] = [birth]
  while (level.length > 0 && seen.size < worldsMax) {
    const next: World[] = []
    for (const world of level)
      for (const action of actionsIn(world, bounds)) {
        const reached = take(world, action, rules)
        const text = canons.of(reached)
        const fingerprint = fingerprints.of(reached)
        const before = seen.get(text)
        if (before !== undefined) {
          if (before !== fingerprint) split.push(text)
          continue
        }
        seen.set(text, fingerprint)
        const other = known.get(fingerprint)
        if (other !== undefined) shared.push([other, text])
        known.set(fingerprint, text)
        next.push(reached)
      }
    level = next
  }
  return { worlds: seen.size, shared, split }
}

/** Where two texts part. */
const difference = ([one, other]: readonly [string, string]): string => {
  let at = 0
  while (one[at] === other[at]) at++
  return `${one.slice(Math.max(0, at - 60), at + 40)}  |  ${other.slice(Math.max(0, at - 60), at + 40)}`
}

describe('two worlds share a fingerprint where they differ in names only', () => {
  it.each<[string, number, Partial<Bounds>, Partial<Options>]>([
    ['by the paper', 3, { crashes: 1, duplicates: 1 }, {}],
    ['to the end, with two servers', 2, { terms: 2, log: 1, duplicates: 0 }, {}],
    ['snapshots', 2, { terms: 1, log: 2, snapshots: 2, crashes: 1, duplicates: 1 }, {}],
    ['late disks', 2, { terms: 2, log: 2, lateDisks: true }, {}],
    ['late disks of three', 3, { terms: 2, log: 2, lateDisks: true, heartbeats: 0 }, {}],
    ['late disks and snapshots', 2, { terms: 1, log: 1, lateDisks: true, snapshots: 1 }, {}],
    ['pre-votes', 3, { log: 1 }, { preVote: true }],
    ['the check of the quorum', 3, { ...NOTHING, ticks: 4 }, { checkQuorum: true, electionTimeoutTicks: 2 }],
    ['reads', 3, { reads: 2, crashes: 0 }, { noopOnElection: true }],
    [
      'leases',
      3,
      { ...NOTHING, ticks: 3, reads: 1, leases: true },
      { checkQuorum: true, electionTimeoutTicks: 3, noopOnElection: true },
    ],
  ])('%s', (_, servers, bounds, raft) => {
    const { worlds, shared, split } = walk(servers, bounds, raft, 600)
    expect([shared.slice(0, 3).map(difference), split.length, worlds > 100]).toEqual([[], 0, true])
  })
})

describe('fingerprints meet no more often than numbers drawn at random', () => {
  /** So many different fingerprints, in the order of a walk. */
  const drawn = (servers: number, count: number): readonly number[] => {
    const rules = { step, checksSteps: false, lateDisks: false, leases: false }
    const birth = bornWorld(servers)
    const fingerprints = new Fingerprints(birth)
    const found = new Set<number>()
    const waiting = [birth]
    for (const world of waiting)
      for (const action of actionsIn(world, DEFAULT_BOUNDS)) {
        if (found.size === count) return [...found]
        const next = take(world, action, rules)
        const fingerprint = fingerprints.of(next)
        if (!found.has(fingerprint)) waiting.push(next)
        found.add(fingerprint)
      }
    return [...found]
  }

  // The lowest of all n! hashes of a world is a small number: of 6, they meet 3 times as often, and of 120, 60 times.
  it.each([
    [3, 8_000],
    [5, 1_500],
  ])('with %d servers', (servers, count) => {
    const numbers = drawn(servers, count)
    // Of so many values, 8 pairs are expected to meet. More than 24 at random is a chance of less than 1 in 100,000.
    const values = (count * count) / 2 / 8
    const met = (valueOf: (number: number) => number): number => count - new Set(numbers.map(valueOf)).size
    expect([numbers.length, met((number) => Math.floor((number / 2 ** 53) * values)) <= 24]).toEqual([count, true])
    expect(met((number) => number % Math.floor(values))).toBeLessThanOrEqual(24)
  })
})
