import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configurationOf } from '../src/core/membership/configuration.ts'
import type { Entry, JsonValue } from '../src/core/entry.ts'
import { index, isCounter, nodeId, term, type Index, type ObjectId, type Term } from '../src/core/ids.ts'
import type { Rpc, SnapshotMeta } from '../src/core/rpc.ts'
import { decodeRpc } from '../src/codec/rpc.ts'

/** What JSON keeps as it is: −0 becomes 0. */
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const counters: fc.Arbitrary<number> = fc.oneof(fc.nat({ max: 9 }), fc.maxSafeNat())
const terms: fc.Arbitrary<Term> = counters.map(term)
const indices: fc.Arbitrary<Index> = counters.map(index)
const names = fc.string({ minLength: 1, maxLength: 3 }).map(nodeId)
const booleans = fc.boolean()
const objectIds: fc.Arbitrary<ObjectId> = fc.oneof(
  counters,
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const values = fc.jsonValue() as fc.Arbitrary<JsonValue>

const configurations = fc
  .record({ all: fc.uniqueArray(names, { maxLength: 6 }), learners: fc.nat({ max: 2 }), outgoing: fc.nat({ max: 3 }) })
  .map(({ all, learners, outgoing }) =>
    configurationOf(all.slice(learners), all.slice(0, learners), all.slice(learners).slice(0, outgoing)),
  )

const slot = { index: indices, term: terms, bytes: counters }
const entries: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ type: fc.constant('noop' as const), ...slot }),
  fc.record({ type: fc.constant('command' as const), ...slot, command: values }),
  fc.record({ type: fc.constant('configuration' as const), ...slot, configuration: configurations }),
)

const snapshots: fc.Arbitrary<SnapshotMeta> = fc
  .record({ lower: indices, upper: indices, lastIncludedTerm: terms, configuration: configurations })
  .map(({ lower, upper, ...others }) => ({
    lastIncludedIndex: index(Math.max(lower, upper)),
    configurationIndex: index(Math.min(lower, upper)),
    ...others,
  }))

const candidacy = { term: terms, candidateId: names, lastLogIndex: indices, lastLogTerm: terms }
const type = <T extends Rpc['type']>(name: T): fc.Arbitrary<T> => fc.constant(name)

const rpcs: fc.Arbitrary<Rpc> = fc.oneof(
  fc.record({ type: type('RequestPreVote'), ...candidacy }),
  fc.record({ type: type('RequestVote'), ...candidacy }),
  fc.record({ type: type('RequestPreVoteResponse'), term: terms, voteGranted: booleans }),
  fc.record({ type: type('RequestVoteResponse'), term: terms, voteGranted: booleans }),
  fc.record({
    type: type('AppendEntries'),
    term: terms,
    leaderId: names,
    prevLogIndex: indices,
    prevLogTerm: terms,
    entries: fc.array(entries, { maxLength: 4 }),
    leaderCommit: indices,
    round: counters,
  }),
  fc.record({
    type: type('AppendEntriesResponse'),
    term: terms,
    success: fc.constant(true as const),
    matchIndex: indices,
    round: counters,
  }),
  fc.record({
    type: type('AppendEntriesResponse'),
    term: terms,
    success: fc.constant(false as const),
    rejectedIndex: indices,
    conflictIndex: indices,
    conflictTerm: terms,
    round: counters,
  }),
  fc.record({
    type: type('InstallSnapshot'),
    term: terms,
    leaderId: names,
    transferId: counters,
    snapshot: snapshots,
    startsOver: booleans,
    position: counters,
    objectId: objectIds,
    data: fc.string(),
    checksum: counters,
    digest: counters,
    isLast: booleans,
  }),
  fc.record({
    type: type('InstallSnapshotResponse'),
    term: terms,
    transferId: counters,
    status: fc.constantFrom('wanted' as const, 'saving' as const, 'installing' as const, 'installed' as const),
    nextObjectId: objectIds,
    digest: counters,
    installedIndex: indices,
  }),
)

/** The kind of every field of every RPC: a description apart from the decoder, by which its results are judged. */
const SHAPES: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = (() => {
  const isName = (value: unknown): boolean => typeof value === 'string' && value.length > 0
  const isBoolean = (value: unknown): boolean => value === true || value === false
  const isObjectId = (value: unknown): boolean => typeof value === 'string' || Number.isFinite(value)
  const areNames = (value: unknown): boolean =>
    Array.isArray(value) && value.every(isName) && [...new Set(value)].sort().join('\n') === value.join('\n')
  const has = (value: unknown, shape: Readonly<Record<string, (value: unknown) => boolean>>): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).sort().join() === Object.keys(shape).sort().join() &&
    Object.entries(value).every(([name, item]) => shape[name]?.(item) === true)
  const isConfiguration = (value: unknown): boolean =>
    has(value, { voters: areNames, votersOutgoing: areNames, learners: areNames })
  const entry = { index: isCounter, term: isCounter, bytes: isCounter }
  const is = (expected: string) => (value: unknown) => value === expected
  const isEntry = (value: unknown): boolean =>
    has(value, { type: is('noop'), ...entry }) ||
    has(value, { type: is('command'), ...entry, command: (command) => command !== undefined }) ||
    has(value, { type: is('configuration'), ...entry, configuration: isConfiguration })
  const isSnapshot = (value: unknown): boolean =>
    has(value, {
      lastIncludedIndex: isCounter,
      lastIncludedTerm: isCounter,
      configuration: isConfiguration,
      configurationIndex: isCounter,
    })
  const base = { type: isName, term: isCounter }
  const question = { ...base, candidateId: isName, lastLogIndex: isCounter, lastLogTerm: isCounter }
  const vote = { ...base, voteGranted: isBoolean }
  return {
    RequestPreVote: question,
    RequestVote: question,
    RequestPreVoteResponse: vote,
    RequestVoteResponse: vote,
    AppendEntries: {
      ...base,
      leaderId: isName,
      prevLogIndex: isCounter,
      prevLogTerm: isCounter,
      entries: (value) => Array.isArray(value) && value.every(isEntry),
      leaderCommit: isCounter,
      round: isCounter,
    },
    'AppendEntriesResponse true': { ...base, success: isBoolean, matchIndex: isCounter, round: isCounter },
    'AppendEntriesResponse false': {
      ...base,
      success: isBoolean,
      rejectedIndex: isCounter,
      conflictIndex: isCounter,
      conflictTerm: isCounter,
      round: isCounter,
    },
    InstallSnapshot: {
      ...base,
      leaderId: isName,
      transferId: isCounter,
      snapshot: isSnapshot,
      startsOver: isBoolean,
      position: isCounter,
      objectId: isObjectId,
      data: (value) => typeof value === 'string',
      checksum: isCounter,
      digest: isCounter,
      isLast: isBoolean,
    },
    InstallSnapshotResponse: {
      ...base,
      transferId: isCounter,
      status: (value) => typeof value === 'string' && ['wanted', 'saving', 'installing', 'installed'].includes(value),
      nextObjectId: isObjectId,
      digest: isCounter,
      installedIndex: isCounter,
    },
  }
})()

const isWellTyped = (rpc: Rpc): boolean => {
  const shape = SHAPES[rpc.type === 'AppendEntriesResponse' ? `${rpc.type} ${String(rpc.success)}` : rpc.type]
  return (
    shape !== undefined &&
    Object.keys(rpc).sort().join() === Object.keys(shape).sort().join() &&
    Object.entries(rpc).every(([name, value]) => shape[name]?.(value) === true)
  )
}

/** A tree of JSON with one place in it changed: replaced, removed, or given to it anew. */
const mutated = (value: unknown, path: readonly number[], by: unknown): unknown => {
  const [at = 0, ...rest] = path
  if (typeof value !== 'object' || value === null || path.length === 0) return by
  if (Array.isArray(value)) {
    if (value.length === 0) return [by]
    return value.map((item, i) => (i === at % value.length ? mutated(item, rest, by) : (item as unknown)))
  }
  const fields = Object.entries(value)
  const changed = fields.map(([name, item], i): [string, unknown] =>
    i === at % Math.max(1, fields.length) ? [name, mutated(item, rest, by)] : [name, item],
  )
  return Object.fromEntries(changed.filter(([, item]) => item !== undefined))
}

const substitutes = fc.oneof(
  values,
  fc.constantFrom(undefined, null, -1, 0.5, 2 ** 53, '', [], {}, true, 'noop', '__proto__', Number.NaN),
)

describe('the codec of RPCs', () => {
  it('gives back what went through JSON', () => {
    fc.assert(
      fc.property(rpcs, (rpc) => {
        expect(decodeRpc(asJson(rpc))).toEqual({ rpc: asJson(rpc) })
        expect(isWellTyped(rpc)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('takes no damage for an RPC', () => {
    let refused = 0
    fc.assert(
      fc.property(rpcs, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), substitutes, (rpc, path, by) => {
        const decoded = decodeRpc(mutated(asJson(rpc), path, by))
        if ('error' in decoded) refused++
        else expect(isWellTyped(decoded.rpc)).toBe(true)
      }),
      { numRuns: 10_000 },
    )
    expect(refused).toBeGreaterThan(1000)
  })

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withSparseArray: true }), (value) => {
        const decoded = decodeRpc(value)
        expect('error' in decoded || isWellTyped(decoded.rpc)).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })
})
