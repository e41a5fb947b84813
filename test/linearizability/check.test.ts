import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import type { Input, Operation, Output } from '../../src/linearizability/history.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'

const OK: Output = { type: 'ok' }
const read = (value: JsonValue): Output => ({ type: 'value', value })
const get: Input = { kind: 'get', key: 'x' }
const remove: Input = { kind: 'delete', key: 'x' }
const put = (value: JsonValue, key = 'x'): Input => ({ kind: 'put', key, value })
const cas = (from: JsonValue, to: JsonValue, createIfMissing = false): Input => ({
  kind: 'cas',
  key: 'x',
  from,
  to,
  createIfMissing,
})

type Row = readonly [call: number, end: number | null, input: Input, output: Output | null]

const history = (rows: readonly Row[]): readonly Operation[] =>
  rows.map(([call, end, input, output], at) => ({ client: `c${at + 1}`, call, return: end, input, output }))

const check = (rows: readonly Row[]): string => checkLinearizability(history(rows)).result

describe('histories a linearizable store can give', () => {
  it.each<[string, readonly Row[]]>([
    ['nothing', []],
    [
      'a missing key, then its value',
      [
        [0, 1, get, { type: 'missing' }],
        [2, 3, put(1), OK],
        [4, 5, get, read(1)],
      ],
    ],
    ['null read from a missing key', [[0, 1, get, read(null)]]],
    [
      'a stored null',
      [
        [0, 1, put(null), OK],
        [2, 3, get, read(null)],
      ],
    ],
    [
      'concurrent writes seen in either order',
      [
        [0, 9, put(1), OK],
        [0, 9, put(2), OK],
        [10, 11, get, read(1)],
      ],
    ],
    [
      'a read during a write sees the old',
      [
        [0, 1, put(1), OK],
        [2, 9, put(2), OK],
        [3, 4, get, read(1)],
      ],
    ],
    [
      'a read during a write sees the new',
      [
        [0, 1, put(1), OK],
        [2, 9, put(2), OK],
        [3, 4, get, read(2)],
      ],
    ],
    [
      'touching in time is concurrent',
      [
        [0, 1, put(1), OK],
        [1, 2, get, { type: 'missing' }],
      ],
    ],
    [
      'an unknown write never seen',
      [
        [0, 1, put(1), OK],
        [2, null, put(2), null],
        [4, 5, get, read(1)],
      ],
    ],
    [
      'an unknown write that shows late',
      [
        [0, 1, put(1), OK],
        [2, null, put(2), null],
        [4, 5, get, read(1)],
        [6, 7, put(3), OK],
        [8, 9, get, read(2)],
      ],
    ],
    [
      'an unknown delete that shows late',
      [
        [0, null, remove, null],
        [2, 3, put(2), OK],
        [4, 5, get, read(2)],
        [6, 7, get, { type: 'missing' }],
      ],
    ],
    [
      'unknown ones that need each other',
      [
        [0, null, put(1), null],
        [1, null, cas(1, 2), null],
        [2, null, cas(2, 3), null],
        [4, 5, get, read(3)],
      ],
    ],
    ['an unknown read', [[0, null, get, null]]],
    [
      'cas that matches',
      [
        [0, 1, put(1), OK],
        [2, 3, cas(1, 2), OK],
        [4, 5, get, read(2)],
      ],
    ],
    [
      'cas that does not',
      [
        [0, 1, put(1), OK],
        [2, 3, cas(5, 2), { type: 'mismatch' }],
        [4, 5, get, read(1)],
      ],
    ],
    [
      'cas that changed nothing',
      [
        [0, 1, cas(5, 2), { type: 'refused' }],
        [4, 5, get, { type: 'missing' }],
      ],
    ],
    [
      'cas that creates',
      [
        [0, 1, cas(5, 2, true), OK],
        [4, 5, get, read(2)],
      ],
    ],
    [
      'equal objects with keys in another order',
      [
        [0, 1, put({ a: 1, b: [2, { c: 3, d: 4 }] }), OK],
        [2, 3, cas({ b: [2, { d: 4, c: 3 }], a: 1 }, { z: 1 }), OK],
        [4, 5, get, read({ z: 1 })],
      ],
    ],
    [
      'a delete that says what was there',
      [
        [0, 1, remove, { type: 'missing' }],
        [2, 3, put(1), OK],
        [4, 5, remove, { type: 'deleted' }],
        [6, 7, remove, OK],
        [8, 9, get, { type: 'missing' }],
      ],
    ],
    [
      'an answer nobody recorded',
      [
        [0, 1, put(1), OK],
        [2, 3, cas(1, 2), null],
        [4, 5, get, read(2)],
      ],
    ],
  ])('%s', (_, rows) => {
    expect(check(rows)).toBe('linearizable')
  })
})

describe('histories it cannot give', () => {
  it.each<[string, readonly Row[]]>([
    [
      'a stale read',
      [
        [0, 1, put(1), OK],
        [2, 3, put(2), OK],
        [4, 5, get, read(1)],
      ],
    ],
    [
      'a stale read of a missing key',
      [
        [0, 1, put(1), OK],
        [2, 3, get, { type: 'missing' }],
      ],
    ],
    [
      'reads that go back',
      [
        [0, 1, put(1), OK],
        [2, 9, put(2), OK],
        [3, 4, get, read(2)],
        [5, 6, get, read(1)],
      ],
    ],
    [
      'a lost update',
      [
        [0, 1, put(0), OK],
        [2, 5, cas(0, 1), OK],
        [3, 6, cas(0, 2), OK],
      ],
    ],
    [
      'a value never written',
      [
        [0, 1, put(1), OK],
        [2, 3, get, read(7)],
      ],
    ],
    [
      'a value read before it is written',
      [
        [0, 1, get, read(1)],
        [2, 3, put(1), OK],
      ],
    ],
    [
      'an unknown write that shows and goes',
      [
        [0, 1, put(1), OK],
        [2, null, put(2), null],
        [4, 5, get, read(2)],
        [6, 7, get, read(1)],
      ],
    ],
    [
      'an unknown write before its call',
      [
        [0, 1, get, read(1)],
        [2, null, put(1), null],
      ],
    ],
    [
      'an unknown write used twice',
      [
        [0, null, put(1), null],
        [1, 2, get, read(1)],
        [3, 4, put(2), OK],
        [5, 6, get, read(2)],
        [7, 8, get, read(1)],
      ],
    ],
    [
      'cas that matched nothing',
      [
        [0, 1, put(1), OK],
        [2, 3, cas(5, 2), OK],
      ],
    ],
    ['cas on a missing key', [[0, 1, cas(null, 2), OK]]],
    [
      'cas refused though it matches',
      [
        [0, 1, put(1), OK],
        [2, 3, cas(1, 2), { type: 'refused' }],
      ],
    ],
    ['cas that mistakes a missing key', [[0, 1, cas(1, 2), { type: 'mismatch' }]]],
    [
      'a value after its delete',
      [
        [0, 1, put(1), OK],
        [2, 3, remove, OK],
        [4, 5, get, read(1)],
      ],
    ],
    ['a delete of nothing', [[0, 1, remove, { type: 'deleted' }]]],
    [
      'a delete that misses what is there',
      [
        [0, 1, put(1), OK],
        [2, 3, remove, { type: 'missing' }],
      ],
    ],
    [
      'an object that differs inside',
      [
        [0, 1, put({ a: [1, { b: 2 }] }), OK],
        [2, 3, get, read({ a: [1, { b: 3 }] })],
      ],
    ],
    [
      'a number for a string',
      [
        [0, 1, put('1'), OK],
        [2, 3, get, read(1)],
      ],
    ],
    ['an answer of another kind', [[0, 1, put(1), read(1)]]],
  ])('%s', (_, rows) => {
    expect(check(rows)).toBe('violation')
  })
})
