import { UsageError } from '../../core/assert.ts'
import type { JsonValue } from '../../core/entry.ts'
import { VALUE_DEPTH_MAX, misfitIn } from '../../core/json.ts'
import { OBJECT_BYTES_MAX, arrayOf, checkPositive, recordObjects, utf8Bytes, type Records } from '../capture.ts'
import { OrderedMap, type MapEdit } from './ordered-map.ts'
import type { StateMachine } from '../machine.ts'

/**
 * The built-in key-value machine. Keys are any strings, in the order of their UTF-16 code units; values are any JSON.
 * An edit costs O(log n) with one lazy clone per batch; a state kept is a snapshot.
 */
export type KvState = OrderedMap<JsonValue>

export type KvCommand =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'put'; readonly key: string; readonly value: JsonValue }
  | { readonly op: 'delete'; readonly key: string }
  /** Puts `to` where the value equals `from` (member order aside), or, if so asked, where there is none. */
  | {
      readonly op: 'cas'
      readonly key: string
      readonly from: JsonValue
      readonly to: JsonValue
      readonly createIfMissing?: boolean
    }

export type KvResult =
  | { readonly type: 'ok' }
  /** The value that was asked for. */
  | { readonly type: 'value'; readonly value: JsonValue }
  /** There is no such key; nothing has changed. */
  | { readonly type: 'missing' }
  /** Not the value that cas expected, but this one; nothing has changed. */
  | { readonly type: 'mismatch'; readonly value: JsonValue }
  /** Not a command; nothing has changed. */
  | { readonly type: 'invalid'; readonly reason: string }

export interface KvOptions {
  /** Bytes in one snapshot object, at most; a single larger entry still gets one. Default 256 KiB. */
  readonly objectBytesMax?: number
}

/** @throws UsageError when objectBytesMax is not a whole number, 1 or more. */
export const kvMachine = (options: KvOptions = {}): StateMachine<KvState, KvCommand, KvResult> => {
  const bytesMax = checkPositive('objectBytesMax', options.objectBytesMax ?? OBJECT_BYTES_MAX)
  return {
    initial: new OrderedMap(),
    apply(state, commands) {
      const edit = state.edit()
      const results = commands.map((command) => applyCommand(edit, command))
      return [edit.done(), results]
    },
    ...recordObjects(RECORDS, bytesMax),
  }
}

const OK: KvResult = Object.freeze({ type: 'ok' })
const MISSING: KvResult = Object.freeze({ type: 'missing' })

const applyCommand = (edit: MapEdit<JsonValue>, command: KvCommand): KvResult => {
  const reason = faultOf(command)
  if (reason !== null) return { type: 'invalid', reason }
  switch (command.op) {
    case 'get': {
      const value = edit.get(command.key)
      return value === undefined ? MISSING : { type: 'value', value }
    }
    case 'put':
      edit.set(command.key, command.value)
      return OK
    case 'delete':
      return edit.delete(command.key) ? OK : MISSING
    case 'cas': {
      const value = edit.get(command.key)
      if (value === undefined && command.createIfMissing !== true) return MISSING
      if (value !== undefined && !equalJson(value, command.from)) return { type: 'mismatch', value }
      edit.set(command.key, command.to)
      return OK
    }
  }
}

/** The values that each operation carries. A Map, because an op of "constructor" must find nothing. */
const VALUES_OF: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['get', []],
  ['put', ['value']],
  ['delete', []],
  ['cas', ['from', 'to']],
])

/** What is wrong with something that claims to be a command; null when it is one. Unknown fields are let be. */
const faultOf = (command: unknown): string | null => {
  if (typeof command !== 'object' || command === null) return 'a command is an object'
  const fields = command as Readonly<Record<string, unknown>>
  const values = VALUES_OF.get(fields['op'])
  if (values === undefined) return 'op is get, put, delete or cas'
  if (typeof fields['key'] !== 'string') return 'key is a string'
  for (const name of values) {
    const reason = faultOfValue(fields[name])
    if (reason !== null) return `${name} ${reason}`
  }
  const create = fields['createIfMissing']
  return create === undefined || typeof create === 'boolean' ? null : 'createIfMissing is true or false'
}

/** Why a value is not one that the machine takes; null when it is. */
const faultOfValue = (value: unknown): string | null => {
  if (value === undefined) return 'is missing'
  const misfit = misfitIn(value, VALUE_DEPTH_MAX)
  return misfit === null ? null : `is not JSON, or nests too deep: found ${misfit.found}`
}

/** Whether two values are the same JSON; the order of an object's members does not count. */
export const equalJson = (a: JsonValue, b: JsonValue): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const members = Object.entries(a) as readonly [string, JsonValue][]
  if (members.length !== Object.keys(b).length) return false
  const others = b as Readonly<Record<string, JsonValue>>
  return members.every(([key, item]) => {
    const other = Object.hasOwn(others, key) ? others[key] : undefined
    return other !== undefined && equalJson(item, other)
  })
}

/** The value of a key; undefined when there is none. */
export const kvGet = (state: KvState, key: string): JsonValue | undefined => state.get(key)

/** How many keys there are. O(1). */
export const kvSize = (state: KvState): number => state.size

/** At most `limit` entries in the order of keys, from `from` (included) on. Lazy; the state may be an old one. */
export function* kvEntries(
  state: KvState,
  from?: string,
  limit = Number.POSITIVE_INFINITY,
): Generator<readonly [string, JsonValue], void> {
  let left = limit
  if (left <= 0) return
  for (const entry of state.entries(from)) {
    yield entry
    left -= 1
    if (left <= 0) return
  }
}

/** A plain object of all entries. It has no prototype, so that "__proto__" is a key like any other. */
export const kvToObject = (state: KvState): Readonly<Record<string, JsonValue>> => {
  const object = Object.create(null) as Record<string, JsonValue>
  for (const [key, value] of state) object[key] = value
  return object
}

/** The state whose entries are the own enumerable properties of an object. @throws UsageError for what is not JSON. */
export const kvFromObject = (object: Readonly<Record<string, JsonValue>>): KvState => {
  const edit = new OrderedMap<JsonValue>().edit()
  for (const [key, value] of Object.entries(object)) {
    const reason = faultOfValue(value)
    if (reason !== null) throw new UsageError(`the values of a key-value state are JSON, but one ${reason}`, { key })
    edit.set(key, value)
  }
  return edit.done()
}

/** The length in bytes of the state as one JSON object: compact, UTF-8. O(state). */
export const kvStateBytes = (state: KvState): number => {
  let bytes = 2 + Math.max(0, state.size - 1)
  for (const [key, value] of state) bytes += utf8Bytes(JSON.stringify(key)) + 1 + utf8Bytes(JSON.stringify(value))
  return bytes
}

/** Each entry is a record, [key, value], and its key the position. */
const RECORDS: Records<KvState, string> = {
  *after(state, position) {
    const entries = position === null ? state.entries() : state.entriesAfter(position)
    for (const entry of entries) yield { position: entry[0], record: entry }
  },
  last: (state) => state.maxKey() ?? null,
  parse: (value) => (typeof value === 'string' ? value : null),
  isLess: (a, b) => a < b,
  add(partial, position, records) {
    const edit = partial.edit()
    let before = position
    for (const record of records) {
      const [key, value] = arrayOf(record) ?? []
      if (typeof key !== 'string' || value === undefined) return { error: 'the object is damaged' }
      if (before !== null && key <= before) return { error: 'the keys of the object are out of order' }
      edit.set(key, value)
      before = key
    }
    return { state: edit.done() }
  },
}
