import type { JsonValue } from '../core/entry.ts'
import { type Fields, isRecord, Problem } from './fields.ts'

/**
 * Operations of porcupine (github.com/anishathalye/porcupine) as Go's encoding/json writes them: {ClientId, Input, Call,
 * Output, Return}. Input and Output are of the user's model; read are those with exported fields of a key-value store
 * {Op, Key, Value} or of a register {Op, Arg1, Arg2}, where Op is a name, or a number as in porcupine's own tests:
 * 0 read, 1 write, and 2 compare-and-set for a register. A store's 2, append, is refused. Go has no null: such a model
 * answers "" for a missing key, so that "" and a missing key are one here. Times at the end of an int64 stand for never.
 */
export const isPorcupine = (fields: Fields): boolean =>
  Object.hasOwn(fields, 'ClientId') && Object.hasOwn(fields, 'Input') && Object.hasOwn(fields, 'Call')

/** The same operation under the names that history-fields.ts reads. */
export const fromPorcupine = (fields: Fields): Fields => {
  const input = fields['Input'] ?? null
  if (!isRecord(input) || !Object.hasOwn(input, 'Op'))
    throw new Problem(
      `the Input is ${JSON.stringify(input)}; expected {"Op", "Key", "Value"} or {"Op", "Arg1", "Arg2"}`,
    )
  const output = fields['Output'] ?? null
  const isUnknown = NEVER.has(fields['Return'] ?? null) || (isRecord(output) && output['Unknown'] === true)
  return {
    ...askedOf(input),
    ...(input['Key'] === undefined ? {} : { key: input['Key'] }),
    ...(isUnknown ? { status: 'info' } : { status: 'ok', ...toldOf(output), end: fields['Return'] ?? null }),
    start: fields['Call'] ?? null,
    client: fields['ClientId'] ?? null,
  }
}

/** math.MaxInt64, which a history gives to what has not returned. */
const NEVER: ReadonlySet<JsonValue> = new Set<JsonValue>([2 ** 63, '\u00009223372036854775807'])

const KINDS = ['read', 'write'] as const

const askedOf = (input: Fields): Fields => {
  const { Op: op = null, Value: value, Arg1: first, Arg2: second } = input
  const isRegister = first !== undefined
  const kind = typeof op !== 'number' ? op : isRegister && op === 2 ? 'cas' : (KINDS[op] ?? null)
  if (kind === null || typeof kind !== 'string')
    throw new Problem(
      `the Op is ${JSON.stringify(op)}; expected 0 (read), 1 (write), 2 (cas, with Arg1 and Arg2) or a name`,
    )
  const from = input['From'] ?? input['Old'] ?? first
  const to = input['To'] ?? input['New'] ?? second
  // A read has a value as well in Go, the zero of its type.
  if (kind === 'read') return { op: kind }
  return {
    op: kind,
    ...(value === undefined && first === undefined ? {} : { value: orMissing(value ?? first ?? null) }),
    ...(from === undefined || to === undefined ? {} : { from: orMissing(from), to: orMissing(to) }),
  }
}

/** What was answered: a value, or an object with one, or with Ok for a cas. */
const toldOf = (output: JsonValue): Fields => {
  if (output === null) return {}
  if (!isRecord(output)) return { result: orMissing(output) }
  if (output['Exists'] === false) return { result: null }
  const told = output['Value'] ?? output['Ok']
  return told === undefined ? {} : { result: orMissing(told) }
}

const orMissing = (value: JsonValue): JsonValue => (value === '' ? null : value)
