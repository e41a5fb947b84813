import type { JsonValue } from '../core/entry.ts'
import { type HistoryEvent, type Input, type Operation, operationsOf, type Output } from './history.ts'
import {
  clientOf,
  field,
  type Fields,
  inputOf,
  isJsonValue,
  keyOf,
  kindOf,
  NAMES,
  outputOf,
  Problem,
  readOf,
  statusOf,
  timeOf,
} from './fields.ts'
import { fromPorcupine, isPorcupine } from './porcupine.ts'
import { asTime, compareTimes, inNumbers, type Timed } from './times.ts'

export type ParsedHistory = { readonly operations: readonly Operation[] } | { readonly error: string }

/**
 * Reads a history from JSON, in whichever of these shapes it comes; an object with such an array under `history`,
 * `operations` or `events` is taken for the array.
 * - One item per operation: what was done (op, f, type, kind …), key, value, result, and its start and end under
 *   any of the usual names. No end, or a status such as "info", is an unknown outcome; `ok: false` or a status such
 *   as "fail" did not happen. When no item has a time, each returns before the next is called.
 * - Jepsen's events {process, type: invoke | ok | fail | info, f, value}, told by an "invoke" among them. Their
 *   order is that of `index`, or else `time`, or else the array. A value may be a pair [key, value].
 * - {@link Operation} itself, as JSON; or porcupine's, see history-porcupine.ts.
 * Without a key everything is about the one register "x". The error names the first bad item, counting from 1.
 * JSON.parse rounds numbers beyond 2^53, nanoseconds for instance; parseNumerals does not, and what it gives is
 * understood here.
 */
export const parseHistory = (source: unknown): ParsedHistory => {
  const items = arrayIn(source)
  if (items === null) return { error: 'a history is an array of operations or of events' }
  const fields: Fields[] = []
  for (const [at, item] of items.entries()) {
    if (!isObject(item)) return { error: `item ${at + 1}: is not an object` }
    if (!isJsonValue(item)) return { error: `item ${at + 1}: holds something that is not JSON, or is nested too deep` }
    fields.push(item)
  }
  let current = 0
  const at = (item: number): void => {
    current = item
  }
  try {
    const items = fields.map((item, number) => {
      at(number)
      return isPorcupine(item) ? fromPorcupine(item) : item
    })
    const isEvents = items.some((item) => item['type'] === 'invoke')
    return { operations: isEvents ? parseEvents(items, at) : parseItems(items, at) }
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem
    return { error: `item ${current + 1}: ${problem.message}` }
  }
}

/** Told which item is being read, for the sake of the error. */
type Progress = (item: number) => void

const arrayIn = (source: unknown): readonly unknown[] | null => {
  if (isArray(source)) return source
  if (!isObject(source)) return null
  const inner = source['history'] ?? source['operations'] ?? source['events']
  return isArray(inner) ? inner : null
}

/** Array.isArray makes any[] of unknown. */
const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parseItems = (items: readonly Fields[], at: Progress): readonly Operation[] => {
  const isTimed = items.some((item) => field(item, NAMES.start) !== undefined || field(item, NAMES.end) !== undefined)
  const operations: Timed[] = []
  for (const [item, fields] of items.entries()) {
    at(item)
    const operation = parseItem(fields, item, isTimed)
    if (operation !== null) operations.push(operation)
  }
  return inNumbers(operations)
}

/** Null when it did not happen. */
const parseItem = (fields: Fields, item: number, isTimed: boolean): Timed | null => {
  const input = inputOf(fields, kindOf(fields))
  const status = statusOf(fields, input.kind)
  const client = clientOf(fields) ?? `#${item + 1}`
  const call = isTimed ? timeOf(fields, 'start') : item * 2
  const end = isTimed ? timeOf(fields, 'end') : item * 2 + 1
  if (call === null) throw new Problem('has no start time, while it or others have times')
  if (status === 'fail') return null
  if (status === 'info' || (end === null && status === null)) return { client, call, return: null, input, output: null }
  if (end === null) throw new Problem('is marked as done, but has no end time')
  if (compareTimes(end, call) < 0) throw new Problem(`ends at ${end}, before it starts at ${call}`)
  return { client, call, return: end, input, output: outputOf(fields, input) }
}

const parseEvents = (events: readonly Fields[], at: Progress): readonly Operation[] => {
  const isPaired = hasKeyPairs(events)
  const open = new Map<string, Input>()
  const history: HistoryEvent[] = []
  for (const [time, item] of inOrder(events).entries()) {
    at(item)
    const fields = events[item] ?? {}
    const client = clientOf(fields)
    if (client === null) throw new Problem('has no process')
    // Jepsen's own disruptions of the system are no operations.
    if (client === 'nemesis') continue
    const invoked = open.get(client)
    const type = fields['type']
    if (type === 'invoke') {
      if (invoked !== undefined) throw new Problem(`process ${client} invokes while its last operation is open`)
      const input = inputOf(unpaired(fields, isPaired), kindOf(fields))
      open.set(client, input)
      history.push({ type, client, time, input })
      continue
    }
    if (type !== 'ok' && type !== 'fail' && type !== 'info') {
      throw new Problem(`"type" is ${JSON.stringify(type ?? null)}; expected invoke, ok, fail or info`)
    }
    if (invoked === undefined) throw new Problem(`process ${client} completes what it did not invoke`)
    open.delete(client)
    history.push(
      type === 'ok' ? { type, client, time, output: answer(fields, invoked, isPaired) } : { type, client, time },
    )
  }
  return operationsOf(history)
}

/** What an ok event says; only a read says more than that. */
const answer = (fields: Fields, input: Input, isPaired: boolean): Output => {
  if (fields['f'] !== undefined && kindOf(fields) !== input.kind) {
    throw new Problem(`completes a ${kindOf(fields)}, but its process invoked a ${input.kind}`)
  }
  const own = unpaired(fields, isPaired)
  if (field(own, NAMES.key) !== undefined && keyOf(own) !== input.key) {
    throw new Problem(`is about key "${keyOf(own)}", but its process invoked an operation on "${input.key}"`)
  }
  return input.kind === 'get' ? readOf(own) : { type: 'ok' }
}

/** The items' numbers in the order of what happened: by index, or else by time, where all have one. */
const inOrder = (events: readonly Fields[]): readonly number[] => {
  const numbers = [...events.keys()]
  for (const name of ['index', 'time']) {
    const by = events.map((fields) => asTime(fields[name] ?? null))
    if (!by.every((time) => time !== null)) continue
    return numbers.sort((left, right) => compareTimes(by[left] ?? 0, by[right] ?? 0))
  }
  return numbers
}

/** Whether the events are of jepsen.independent: no key, and each invocation's value a pair whose first is one. */
const hasKeyPairs = (events: readonly Fields[]): boolean =>
  events.every((fields) => {
    if (fields['type'] !== 'invoke' || clientOf(fields) === 'nemesis') return true
    const value = fields['value']
    if (field(fields, NAMES.key) !== undefined || !isPair(value)) return false
    const [key, inner] = value
    return (typeof key === 'string' || typeof key === 'number') && (kindOf(fields) !== 'cas' || isPair(inner))
  })

const isPair = (value: JsonValue | undefined): value is readonly [JsonValue, JsonValue] =>
  Array.isArray(value) && value.length === 2

const unpaired = (fields: Fields, isPaired: boolean): Fields => {
  const value = fields['value']
  return isPaired && isPair(value) ? { ...fields, key: value[0], value: value[1] } : fields
}
