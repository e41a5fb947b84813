import fc from 'fast-check'
import type { JsonValue } from '../../src/core/entry.ts'
import type { KvCommand, KvResult } from '../../src/machine/kv/kv.ts'

/** The key-value machine as a specification: a Map of JSON texts, changed in place. */
export class KvModel {
  readonly map = new Map<string, JsonValue>()

  /** The entries in the order of UTF-16 code units. */
  entries(): [string, JsonValue][] {
    return [...this.map].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  apply(command: KvCommand): KvResult {
    const value = this.map.get(command.key)
    switch (command.op) {
      case 'get':
        return value === undefined ? { type: 'missing' } : { type: 'value', value }
      case 'put':
        this.map.set(command.key, command.value)
        return { type: 'ok' }
      case 'delete':
        return this.map.delete(command.key) ? { type: 'ok' } : { type: 'missing' }
      case 'cas':
        if (value === undefined && command.createIfMissing !== true) return { type: 'missing' }
        if (value !== undefined && canonical(value) !== canonical(command.from)) return { type: 'mismatch', value }
        this.map.set(command.key, command.to)
        return { type: 'ok' }
    }
  }
}

/** JSON with members sorted: equal texts are equal values. */
const canonical = (value: JsonValue): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonical).join()}]`
  const members = Object.entries<JsonValue>(value as Readonly<Record<string, JsonValue>>)
  return `{${members
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`)
    .sort()
    .join()}}`
}

/** Few keys, so that commands meet; among them those that trip careless code. */
const awkwardKeys = ['', '__proto__', 'constructor', 'a', 'B', 'é', 'z', '\u{1f600}', '\uffff', '\ud800', '10', '9']
export const keys: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...awkwardKeys),
  fc.nat(40).map((number) => `key${number}`),
)

export const values: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<JsonValue>(0, 1, '1', null, false, '', [], [1, { a: 1, b: 2 }]) },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue>({ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, { c: 2, a: 1 }) },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as JsonValue) },
)

export const commands: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ op: fc.constant('get' as const), key: keys }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('put' as const), key: keys, value: values }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key: keys }) },
  {
    weight: 2,
    arbitrary: fc.record(
      { op: fc.constant('cas' as const), key: keys, from: values, to: values, createIfMissing: fc.boolean() },
      { requiredKeys: ['op', 'key', 'from', 'to'] },
    ),
  },
)

export const batches: fc.Arbitrary<KvCommand[][]> = fc.array(fc.array(commands, { maxLength: 12, size: 'large' }), {
  maxLength: 12,
  size: 'large',
})
