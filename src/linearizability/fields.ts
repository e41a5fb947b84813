import type { JsonValue } from '../core/entry.ts'
import type { CompareAndSet, Input, Output } from './history.ts'
import { asTime, type Time } from './times.ts'
import { decimalOf } from '../codec/numerals.ts'

/** One item of a history somebody else wrote: JSON, with fields under any of several names. */
export type Fields = Readonly<Record<string, JsonValue>>

/** What is wrong with an item; history-parse.ts adds which one. */
export class Problem extends Error {
  override readonly name = 'Problem'
}

/** The names a field goes by; the first that is there counts. */
export const NAMES = {
  kind: ['op', 'f', 'kind', 'operation', 'action', 'method', 'type'],
  key: ['key', 'k', 'register'],
  written: ['value', 'val', 'new_value', 'newValue'],
  read: ['result', 'output', 'response', 'returned', 'value', 'val'],
  told: ['result', 'output', 'response', 'returned'],
  from: ['from', 'expected', 'old', 'expect', 'old_value', 'oldValue'],
  to: ['to', 'new', 'desired', 'new_value', 'newValue'],
  create: ['createIfMissing', 'create_if_missing', 'create_if_not_exists', 'createIfNotExists'],
  start: [
    ...['start', 'invoke', 'invoked_at', 'invokedAt', 'invoke_time', 'invokeTime', 'start_time', 'startTime', 'call'],
    ...['call_time', 'start_ts', 'start_ms', 'invoke_ts', 'invoked', 'started_at', 'begin'],
  ],
  end: [
    ...['end', 'complete', 'completed_at', 'completedAt', 'complete_time', 'completeTime', 'end_time', 'endTime'],
    ...['return', 'return_time', 'end_ts', 'end_ms', 'complete_ts', 'completed', 'finished_at', 'finish'],
  ],
  client: ['client', 'process', 'client_id', 'clientId', 'session'],
  status: ['status', 'outcome'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** The field under the first of the names that is there; null counts as there. */
export const field = (fields: Fields, names: readonly string[]): JsonValue | undefined => {
  const name = names.find((each) => Object.hasOwn(fields, each))
  return name === undefined ? undefined : fields[name]
}

const KINDS: ReadonlyMap<string, Input['kind']> = new Map([
  ...['get', 'read', 'r'].map((name) => [name, 'get'] as const),
  ...['put', 'write', 'set', 'w'].map((name) => [name, 'put'] as const),
  ...['cas', 'compareandset', 'compareandswap'].map((name) => [name, 'cas'] as const),
  ...['delete', 'del', 'remove'].map((name) => [name, 'delete'] as const),
])

export const kindOf = (fields: Fields): Input['kind'] => {
  const nested = nestedInput(fields)
  const name = field(nested, NAMES.kind)
  if (name === undefined) throw new Problem('does not say what was done ("op", "f" or "type")')
  const kind = typeof name === 'string' ? KINDS.get(plain(name)) : undefined
  if (kind === undefined) {
    throw new Problem(`the operation is ${JSON.stringify(name)}; expected read, write, cas or delete`)
  }
  return kind
}

/** What was asked, where it has an object of its own, as in our Operation. */
const nestedInput = (fields: Fields): Fields => {
  const input = fields['input']
  return input !== undefined && isRecord(input) && field(input, NAMES.kind) !== undefined ? input : fields
}

export const isRecord = (value: JsonValue): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A cas also has from and to as a pair in `value`, as in Jepsen. */
export const inputOf = (fields: Fields, kind: Input['kind']): Input => {
  const own = nestedInput(fields)
  const key = keyOf(own)
  switch (kind) {
    case 'get':
    case 'delete':
      return { kind, key }
    case 'put': {
      const value = field(own, NAMES.written)
      if (value === undefined) throw new Problem('a write needs a "value"')
      return { kind, key, value }
    }
    case 'cas':
      return { kind, key, ...swapOf(own) }
  }
}

export const keyOf = (fields: Fields): string => {
  const key = field(fields, NAMES.key) ?? 'x'
  const name = nameOf(key)
  if (name !== null) return name
  throw new Problem(`the key is ${JSON.stringify(key)}; expected a string or a number`)
}

/** Numbers name what their text names. */
const nameOf = (value: JsonValue): string | null =>
  decimalOf(value) ?? (typeof value === 'string' || typeof value === 'number' ? String(value) : null)

/** As a missing key reads as null, a cas from null may create it, unless the item says otherwise. */
const swapOf = (fields: Fields): Pick<CompareAndSet, 'from' | 'to' | 'createIfMissing'> => {
  const value = fields['value']
  const pair: readonly JsonValue[] | null = Array.isArray(value) && value.length === 2 ? value : null
  const from = firstOf(field(fields, NAMES.from), pair?.[0])
  const to = firstOf(field(fields, NAMES.to), pair === null ? value : pair[1])
  if (from === undefined || to === undefined) throw new Problem('a cas needs "from" and "to"')
  const create = field(fields, NAMES.create) ?? from === null
  if (typeof create !== 'boolean') throw new Problem(`createIfMissing is ${JSON.stringify(create)}; expected a boolean`)
  return { from, to, createIfMissing: create }
}

/** Unlike ??, it takes null for an answer. */
const firstOf = (first: JsonValue | undefined, second: JsonValue | undefined): JsonValue | undefined =>
  first === undefined ? second : first

/** The answer to an operation that returned. */
export const outputOf = (fields: Fields, input: Input): Output | null => {
  const told = field(fields, NAMES.told)
  if (nestedInput(fields) !== fields) return nativeOutputOf(told ?? null)
  switch (input.kind) {
    case 'get':
      return readOf(fields)
    case 'put':
      return { type: 'ok' }
    case 'cas':
    case 'delete':
      return { type: answerOf(input.kind, told ?? null) }
  }
}

/** A delete's other answers, such as the value there was, are taken as ok. */
const answerOf = (kind: 'cas' | 'delete', told: JsonValue): Answer => {
  const word = typeof told === 'string' ? (ANSWERS.get(plain(told)) ?? null) : null
  if (kind === 'delete') return told === false || word === 'missing' ? 'missing' : word === 'deleted' ? word : 'ok'
  if (told === null || told === true || word === 'ok') return 'ok'
  if (told === false) return 'refused'
  if (word === null || word === 'deleted') {
    throw new Problem(`the cas gave ${JSON.stringify(told)}; expected ok, missing, mismatch, true or false`)
  }
  return word
}

type Answer = Exclude<Output['type'], 'value'>

const ANSWERS: ReadonlyMap<string, Answer> = new Map([
  ...['ok', 'success', 'succeeded', 'swapped', 'done'].map((word) => [word, 'ok'] as const),
  ...['deleted'].map((word) => [word, 'deleted'] as const),
  ...['missing', 'notfound', 'keydoesnotexist'].map((word) => [word, 'missing'] as const),
  ...['mismatch', 'preconditionfailed'].map((word) => [word, 'mismatch'] as const),
  ...['refused', 'fail', 'failed'].map((word) => [word, 'refused'] as const),
])

/** A result of "ok" beside a value is a status, not what was read. */
export const readOf = (fields: Fields): Output => {
  const told = field(fields, NAMES.told)
  const written = field(fields, NAMES.written)
  const value = told === undefined || ((told === 'ok' || told === true) && written !== undefined) ? written : told
  if (value === undefined) throw new Problem('a read that returned needs its "value", "result" or "output"')
  return { type: 'value', value }
}

const nativeOutputOf = (told: JsonValue): Output | null => {
  if (told === null) return null
  const type = isRecord(told) ? told['type'] : undefined
  if (type === 'ok' || type === 'deleted' || type === 'missing' || type === 'mismatch' || type === 'refused') {
    return { type }
  }
  const value = isRecord(told) ? told['value'] : undefined
  if (type === 'value' && value !== undefined) return { type, value }
  throw new Problem(`the output is ${JSON.stringify(told)}; expected {"type": "value", "value": …}, {"type": "ok"} …`)
}

export type Status = 'ok' | 'fail' | 'info'

const STATUSES: ReadonlyMap<string, Status> = new Map([
  ...['ok', 'success', 'succeeded', 'done', 'complete', 'completed'].map((word) => [word, 'ok'] as const),
  ...['fail', 'failed', 'failure', 'rejected', 'aborted'].map((word) => [word, 'fail'] as const),
  ...['info', 'unknown', 'indeterminate', 'timeout', 'pending', 'error'].map((word) => [word, 'info'] as const),
])

/** What the item says of its outcome: it happened, it did not and will not, or nobody knows. Null: nothing. */
export const statusOf = (fields: Fields, kind: Input['kind']): Status | null => {
  const flag = fields['ok'] ?? fields['success']
  if (typeof flag === 'boolean') return flag ? 'ok' : 'fail'
  const word = field(fields, NAMES.status)
  if (word !== undefined && word !== null) {
    const status = typeof word === 'string' ? STATUSES.get(plain(word)) : undefined
    if (status === undefined) throw new Problem(`the status is ${JSON.stringify(word)}; expected ok, fail or info`)
    return status
  }
  const type = fields['type']
  if (typeof type === 'string' && STATUSES.has(plain(type))) return STATUSES.get(plain(type)) ?? null
  const told = kind === 'put' ? field(fields, NAMES.told) : undefined
  if (told === false) return 'fail'
  return typeof told === 'string' ? (STATUSES.get(plain(told)) ?? null) : null
}

/** Null when the item has none, or says null. */
export const timeOf = (fields: Fields, which: 'start' | 'end'): Time | null => {
  const value = field(fields, NAMES[which]) ?? null
  const time = asTime(value)
  if (time !== null || value === null) return time
  throw new Problem(`its ${which} is ${JSON.stringify(value)}; expected a number`)
}

export const clientOf = (fields: Fields): string | null => {
  const client = field(fields, NAMES.client) ?? null
  const name = nameOf(client)
  if (name !== null || client === null) return name
  throw new Problem(`the client is ${JSON.stringify(client)}; expected a string or a number`)
}

/** Deeper values are refused: walking them would exhaust the stack. */
const DEPTH_MAX = 200

export const isJsonValue = (value: unknown, depth = 0): value is JsonValue => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === DEPTH_MAX) return false
  return Object.values(value).every((inner) => isJsonValue(inner, depth + 1))
}

const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, '')
