import { describe, expect, it } from 'vitest'
import { index, term } from '../../src/core/ids.ts'
import type { Entry } from '../../src/core/entry.ts'
import { append, compactTo, emptyLog, logOf, truncateFrom } from '../../src/core/log/log.ts'
import { hashState, hashStep, hashValue } from '../../src/trace/hash.ts'
import { RecordedCluster } from './cluster.ts'

const cluster = new RecordedCluster({ seed: 3, events: 2_000, faults: false }).run()
const state = cluster.history.at(-1)
if (state === undefined) throw new Error('a run has states')

const entry = (at: number): Entry => ({ type: 'command', index: index(at), term: term(1), bytes: 5, command: { at } })
const entries = (from: number, to: number): readonly Entry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => entry(from + at))

describe('the hash of a value', () => {
  it('does not depend on the order of keys', () => {
    expect(hashValue({ a: 1, b: [2, { c: 3, d: 4 }] })).toBe(hashValue({ b: [2, { d: 4, c: 3 }], a: 1 }))
  })

  it('is equal for what JSON does not tell apart', () => {
    expect(hashValue([-0, Number.NaN, { a: undefined }])).toBe(hashValue([0, null, {}]))
  })

  it('differs for what differs', () => {
    const values = [
      ...[
        0,
        1,
        -1,
        2 ** 31,
        2 ** 32,
        2 ** 53 - 1,
        0.5,
        '',
        '0',
        'a',
        'b',
        'ab',
        'ba',
        'a\u0000',
        '\u0000a',
        null,
        true,
      ],
      ...[false, [], {}, [0], [[]], [[], []], { a: 0 }, { a: 1 }, { b: 0 }, { a: 0, b: 0 }, { a: { b: 0 } }, [0, 1]],
      ...[[1, 0], ['a', 'b'], ['ab'], ['ab', ''], { a: 'b', b: 'a' }, { a: 'a', b: 'b' }],
    ]
    expect(new Set(values.map((value) => hashValue([value]))).size).toBe(values.length)
  })

  it('spreads over all bits', () => {
    const hashes = Array.from({ length: 50_000 }, (_, at) => hashValue({ at }))
    for (const half of [0, 8]) {
      const words = new Set(hashes.map((hash) => hash.slice(half, half + 8)))
      // Of 50,000 random 32-bit words about 0.3 meet another.
      expect(words.size).toBeGreaterThan(49_990)
    }
  })
})

describe('the hash of a state', () => {
  it('is that of its copy through JSON', () => {
    expect(hashState(JSON.parse(JSON.stringify(state)) as typeof state)).toBe(hashState(state))
  })

  it('depends on every field of the server', () => {
    for (const key of Object.keys(state.server)) {
      const changed = { ...state, server: { ...state.server, [key]: 'something else' } }
      expect(hashState(changed), key).not.toBe(hashState(state))
    }
    expect(hashState({ ...state, options: { ...state.options, heartbeatTicks: 2 } })).not.toBe(hashState(state))
  })

  it('depends on every entry', () => {
    const held = { ...state, log: logOf(index(0), term(0), entries(1, 3_000)) }
    for (const at of [1, 32, 33, 1_024, 1_025, 2_999, 3_000]) {
      const other = entries(1, 3_000).map((each) => (each.index === at ? { ...entry(at), command: 0 } : each))
      expect(hashState({ ...state, log: logOf(index(0), term(0), other) }), `${at}`).not.toBe(hashState(held))
    }
  })

  it('does not depend on how the log came about', () => {
    const whole = logOf(index(0), term(0), entries(1, 2_500))
    let byOnes = emptyLog()
    for (const each of entries(1, 2_600)) byOnes = append(byOnes, [each])
    expect(hashState({ ...state, log: truncateFrom(byOnes, index(2_501)) })).toBe(hashState({ ...state, log: whole }))
    const kept = compactTo(whole, index(1_040))
    const rebuilt = logOf(index(1_040), term(1), entries(1_041, 2_500))
    expect(hashState({ ...state, log: kept })).toBe(hashState({ ...state, log: rebuilt }))
  })

  it('includes the outputs, in order', () => {
    const one = { type: 'note', event: 'transferStarted', to: state.server.id, transferId: 1 } as const
    const two = { ...one, transferId: 2 }
    const hashes = [[], [one], [two], [one, two], [two, one]].map((outputs) => hashStep(state, outputs))
    expect(new Set(hashes).size).toBe(5)
  })
})
