import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import { VALUE_DEPTH_MAX } from '../../src/core/json.ts'
import {
  equalJson,
  kvEntries,
  kvFromObject,
  kvGet,
  kvMachine,
  kvSize,
  kvStateBytes,
  kvToObject,
  type KvCommand,
  type KvResult,
} from '../../src/machine/kv/kv.ts'

const machine = kvMachine()
const [held] = machine.apply(machine.initial, [
  { op: 'put', key: 'one', value: 1 },
  { op: 'put', key: 'object', value: { a: 1, b: [2] } },
])

const nested = (depth: number): JsonValue => (depth === 0 ? 0 : [nested(depth - 1)])

describe('a command on a state that holds one: 1 and object: {"a":1,"b":[2]}', () => {
  const cases: readonly [string, KvCommand, KvResult, JsonValue | undefined][] = [
    ['get finds the value', { op: 'get', key: 'one' }, { type: 'value', value: 1 }, 1],
    ['get of nothing', { op: 'get', key: 'two' }, { type: 'missing' }, undefined],
    ['put overwrites', { op: 'put', key: 'one', value: '1' }, { type: 'ok' }, '1'],
    ['put of null is a value', { op: 'put', key: 'one', value: null }, { type: 'ok' }, null],
    ['delete removes', { op: 'delete', key: 'one' }, { type: 'ok' }, undefined],
    ['delete of nothing', { op: 'delete', key: 'two' }, { type: 'missing' }, undefined],
    ['cas with the right value', { op: 'cas', key: 'one', from: 1, to: 2 }, { type: 'ok' }, 2],
    ['cas with another value', { op: 'cas', key: 'one', from: '1', to: 2 }, { type: 'mismatch', value: 1 }, 1],
    ['cas whatever the member order', { op: 'cas', key: 'object', from: { b: [2], a: 1 }, to: 3 }, { type: 'ok' }, 3],
    ['cas on nothing', { op: 'cas', key: 'two', from: null, to: 2 }, { type: 'missing' }, undefined],
    ['cas that may create', { op: 'cas', key: 'two', from: 0, to: 2, createIfMissing: true }, { type: 'ok' }, 2],
    [
      'cas that may create, on another value',
      { op: 'cas', key: 'one', from: 0, to: 2, createIfMissing: true },
      { type: 'mismatch', value: 1 },
      1,
    ],
  ]
  it.each(cases)('%s', (_name, command, result, after) => {
    const [state, results] = machine.apply(held, [command])
    expect([results, kvGet(state, command.key)]).toEqual([[result], after])
  })
})

describe('something that is no command', () => {
  const cases: readonly [string, unknown, string][] = [
    ['null', null, 'a command is an object'],
    ['a string', 'get', 'a command is an object'],
    ['an array', [], 'op is get, put, delete or cas'],
    ['no op', { key: 'one' }, 'op is get, put, delete or cas'],
    ['an op that objects inherit', { op: 'constructor', key: 'one' }, 'op is get, put, delete or cas'],
    ['no key', { op: 'get' }, 'key is a string'],
    ['a numeric key', { op: 'get', key: 1 }, 'key is a string'],
    ['put without value', { op: 'put', key: 'one' }, 'value is missing'],
    ['put of NaN', { op: 'put', key: 'one', value: NaN }, 'value is not JSON, or nests too deep: found NaN'],
    ['cas without from', { op: 'cas', key: 'one', to: 2 }, 'from is missing'],
    ['cas without to', { op: 'cas', key: 'one', from: 1 }, 'to is missing'],
    [
      'createIfMissing of another type',
      { op: 'cas', key: 'one', from: 1, to: 2, createIfMissing: 1 },
      'createIfMissing is true or false',
    ],
    [
      'a value nested too deep',
      { op: 'put', key: 'one', value: nested(VALUE_DEPTH_MAX + 1) },
      'value is not JSON, or nests too deep: found more than 1000 levels',
    ],
  ]
  it.each(cases)('%s is invalid and changes nothing', (_name, command, reason) => {
    expect(machine.apply(held, [command as KvCommand])).toEqual([held, [{ type: 'invalid', reason }]])
  })

  it('does not stop the batch', () => {
    const batch = [null as unknown as KvCommand, { op: 'put', key: 'two', value: 2 } as const]
    expect(kvGet(machine.apply(held, batch)[0], 'two')).toBe(2)
  })
})

describe('a state', () => {
  it('is the same object after a batch of reads', () => {
    expect(machine.apply(held, [{ op: 'get', key: 'one' }])[0]).toBe(held)
  })

  it('holds a value at the greatest depth, and its snapshot too', () => {
    const [deep] = machine.apply(machine.initial, [{ op: 'put', key: 'deep', value: nested(VALUE_DEPTH_MAX) }])
    expect(machine.writeObject(machine.initial, 0, machine.readObject(deep, 0).data)).toEqual({
      state: deep,
      next: null,
    })
  })

  it('survives a deep freeze, which cannot reach its nodes', () => {
    const frozen = kvFromObject({ a: 1 })
    Object.freeze(frozen)
    expect(kvGet(machine.apply(frozen, [{ op: 'put', key: 'b', value: 2 }])[0], 'b')).toBe(2)
  })

  it('shows as its entries in JSON', () => {
    expect(JSON.stringify(kvFromObject({ b: 1, a: 2 }))).toBe('[["a",2],["b",1]]')
  })

  it('orders keys by code units, not by locale', () => {
    const state = kvFromObject({ é: 1, z: 1, a: 1, B: 1, '10': 1, '9': 1 })
    expect([...kvEntries(state)].map(([key]) => key)).toEqual(['10', '9', 'B', 'a', 'z', 'é'])
  })

  it('counts its keys', () => {
    expect(kvSize(held)).toBe(2)
  })

  it('keeps "__proto__" as a key like any other', () => {
    const state = kvFromObject(JSON.parse('{"__proto__":{"a":1}}') as Record<string, JsonValue>)
    expect(JSON.stringify(kvToObject(state))).toBe('{"__proto__":{"a":1}}')
  })

  it.each([
    ['{}', 2],
    ['{"a":1}', 7],
    ['{"a":1,"é":"\u{1f600}"}', 19],
  ])('measures %s as %i bytes', (text, bytes) => {
    expect(kvStateBytes(kvFromObject(JSON.parse(text) as Record<string, JsonValue>))).toBe(bytes)
  })

  it('refuses to be made from what is not JSON', () => {
    expect(() => kvFromObject({ a: undefined as unknown as JsonValue })).toThrow('are JSON')
  })
})

describe('snapshot objects', () => {
  const small = kvMachine({ objectBytesMax: 1 })
  const state = kvFromObject({ a: 1, b: 2, c: 3 })

  it.each([
    [0, 'more:[["a",1]]', 'after:"a"'],
    ['after:"a"', 'more:[["b",2]]', 'after:"b"'],
    ['after:"b"', 'last:[["c",3]]', null],
    ['after:"aa"', 'more:[["b",2]]', 'after:"b"'],
  ])('%s', (id, data, next) => {
    expect(small.readObject(state, id)).toEqual({ data, next })
  })

  it('are one, and empty, for the empty state', () => {
    expect(machine.readObject(machine.initial, 0)).toEqual({ data: 'last:[]', next: null })
  })

  it.each([1, 'after:', 'after:1', 'before:"a"', ''])('named %j do not exist', (id) => {
    expect(() => machine.readObject(state, id)).toThrow('there is no such snapshot object')
  })

  it.each([
    ['', 'the object is damaged'],
    ['last:', 'the object is damaged'],
    ['last:{}', 'the object is damaged'],
    ['last:[["a"]]', 'the object is damaged'],
    ['more:[]', 'the object is damaged'],
    ['last:[["b",1],["a",2]]', 'the keys of the object are out of order'],
  ])('that read %j are refused', (data, error) => {
    expect(machine.writeObject(machine.initial, 0, data)).toEqual({ error })
  })

  it('need a bound of at least one byte', () => {
    expect(() => kvMachine({ objectBytesMax: 0 })).toThrow('objectBytesMax is a whole number, 1 or more')
  })
})

describe('equality of JSON values', () => {
  it.each<[JsonValue, JsonValue, boolean]>([
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1 }, { b: 1 }, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [null, {}, false],
    [0, '0', false],
    [{}, JSON.parse('{"toString":1}') as JsonValue, false],
    [{ toString: 1 }, { valueOf: 1 }, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(equalJson(a, b)).toBe(equal)
  })
})
