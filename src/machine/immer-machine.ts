import { Immer, current, isDraft, type Draft } from 'immer'
import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, isCounter, type ObjectId } from '../core/ids.ts'
import { isJson } from '../core/json.ts'
import { adopt, tooDeep } from './adopt.ts'
import {
  FRAME_BYTES,
  OBJECT_BYTES_MAX,
  checkPositive,
  cutText,
  frame,
  parseJson,
  positionOf,
  unframe,
} from './capture.ts'
import type { ObjectWritten, StateMachine } from './machine.ts'

export interface ImmerOptions<S extends object, C extends JsonValue, R extends JsonValue> {
  /** The state before the first command: a plain object or array, JSON all through. It is copied. */
  readonly initial: S
  /**
   * Changes the draft as if it were ordinary data, and returns a result, which is JSON (null when there is nothing to
   * say). It depends on nothing but its two arguments, and changes nothing but the draft. Throwing undoes what it did
   * to the draft and makes the command's result `failed`. Commands are frozen.
   */
  readonly apply: (draft: Draft<S>, command: C) => R
  /** Bytes in one snapshot object, at most (one character at least). Default 256 KiB. */
  readonly objectBytesMax?: number
}

/** The user's state, and beside it the text of a snapshot that is being received. */
export interface ImmerState<S> {
  /** Deeply frozen. */
  readonly value: S
  /** The beginning of the new state's JSON text; '' except during a transfer, when `value` does not count yet. */
  readonly received: string
}

export type ImmerResult<R extends JsonValue> =
  | { readonly type: 'ok'; readonly result: R }
  /** The handler threw, or JSON would change its result or the state. The command has changed nothing. */
  | { readonly type: 'failed'; readonly reason: string }

/**
 * A state machine from a handler that mutates. It suits small and nested states: immer copies each object on the way
 * to a change, and so does the check after it, for every command. One put into a plain object of 8 keys costs 3 µs, of
 * 1,000 keys 1.1 ms, of 10,000 keys 11 ms, of a million over a second. Use kvMachine for large maps, or spread the keys
 * over buckets.
 *
 * Every command has a draft of its own, and leaves a tree to which there is no other reference: drafts end with it, an object that
 * was assigned is copied, one that was assigned at two places becomes two. Nothing else would be the same wherever
 * batches begin and end, and after a restart from a snapshot; a draft for the whole batch, which would be cheaper where
 * batches are large, is not.
 *
 * What JSON changes in the state or the result (undefined, NaN, −0, a Date, a Map, an instance of a class, an object
 * without a prototype, a hole, a symbol or "__proto__" as key, or more than VALUE_DEPTH_MAX levels) makes the command's
 * result `failed`. For −0, which `-x` and Math.round give, add 0.
 *
 * Traps: a constant from outside the draft that is assigned to it, and then changed there by the same command, has
 * changed for good, until a restart: assign a copy. Immer's plugins (`enableArrayMethods`) are global: enable them on
 * all servers or on none.
 *
 * @throws UsageError when `initial` is no plain object or array of JSON, or objectBytesMax no whole number ≥ 1.
 */
export const immerMachine = <S extends object, C extends JsonValue, R extends JsonValue>(
  options: ImmerOptions<S, C, R>,
): StateMachine<ImmerState<S>, C, ImmerResult<R>> => {
  const bytesMax = checkPositive('objectBytesMax', options.objectBytesMax ?? OBJECT_BYTES_MAX)
  const copy = adopt(options.initial, undefined, 'the initial state')
  if (typeof copy !== 'object' || copy === null) throw new UsageError('the initial state is an object or an array')
  const initial = copy as unknown as S
  // An instance of its own: the global settings belong to the application. It must not freeze what the handler holds.
  const immer = new Immer({ autoFreeze: false })
  const textOf = rememberTexts()
  return {
    initial: { value: initial, received: '' },
    apply(state, commands) {
      let value = state.value
      const results = commands.map((command) => {
        const [after, result] = applyCommand(immer, options.apply, value, command)
        value = after
        return result
      })
      return [value === state.value ? state : { value, received: '' }, results]
    },
    readObject(state, id) {
      const text = textOf(state.value)
      const from = offsetOf(id)
      if (from === null || from > text.length) throw new UsageError('there is no such snapshot object', { id })
      const end = cutText(text, from, bytesMax - FRAME_BYTES)
      const more = end < text.length
      return { data: frame(text.slice(from, end), more), next: more ? atOffset(end) : null }
    },
    writeObject: writePiece,
  }
}

type Handler<S, C, R> = (draft: Draft<S>, command: C) => R

const applyCommand = <S extends object, C extends JsonValue, R extends JsonValue>(
  immer: Immer,
  handler: Handler<S, C, R>,
  before: S,
  command: C,
): readonly [S, ImmerResult<R>] => {
  const handled: JsonValue[] = []
  try {
    const after = immer.produce(before, (draft: Draft<S>) => {
      // Frozen, as a handler that edits a command would edit the log. A result may hold drafts, which end here.
      handled.push(adopt(handler(draft, freezeAll(command)), undefined, RESULT, withoutDrafts))
    })
    const value = adopt(after, before, 'the state') as unknown as S
    return [value, { type: 'ok', result: handled[0] as unknown as R }]
  } catch (error) {
    // Immer walks new objects before their depth is checked.
    const isTooDeep = handled.length > 0 && error instanceof RangeError
    return [before, { type: 'failed', reason: reasonOf(isTooDeep ? tooDeep('the state') : error) }]
  }
}

const RESULT = 'the result of a command'

const withoutDrafts = (part: object): object => {
  try {
    return isDraft(part) ? current(part) : part
  } catch (error) {
    // How deep it goes before the stack ends is different on every replica; it is deeper than allowed on each.
    throw error instanceof RangeError ? tooDeep(RESULT) : error
  }
}

/** Freezes a value and all it holds, whatever of it is frozen already: a caller may have frozen an outer part only. */
const freezeAll = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) freezeAll(part)
  return Object.freeze(value)
}

const ENGINE_ERRORS: ReadonlySet<string> = new Set([
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
])

/**
 * A reason that is the same on every replica. The engine words its errors differently from version to version, and
 * immer between development and production; so only the name of such an error gets into the result.
 */
const reasonOf = (error: unknown): string => {
  try {
    if (typeof error === 'string') return error
    if (!(error instanceof Error)) return 'the handler threw something that is no Error'
    if (error.message.startsWith('[Immer]')) return 'immer refused what the handler did with the draft'
    return isOfEngine(error) ? error.name : `${error.name}: ${error.message}`
  } catch {
    // A draft, which has ended, or an Error whose name or message is no text.
    return 'the handler threw something that cannot be read'
  }
}

/** Also what structuredClone and atob throw, for instance. */
const isOfEngine = (error: Error): boolean =>
  ENGINE_ERRORS.has(error.name) || Object.prototype.toString.call(error) === '[object DOMException]'

/** JSON.stringify, remembered as long as the state lives: it is read once per object of the snapshot. */
const rememberTexts = (): ((value: object) => string) => {
  const texts = new WeakMap<object, string>()
  return (value) => {
    const known = texts.get(value)
    if (known !== undefined) return known
    const text = JSON.stringify(value)
    texts.set(value, text)
    return text
  }
}

/** Objects after the first are named by where they begin in the text, in UTF-16 code units. */
const AT = 'at:'

const atOffset = (offset: number): ObjectId => AT + String(offset)

const offsetOf = (id: ObjectId): number | null => {
  const offset = id === FIRST_OBJECT ? 0 : positionOf(id, AT)
  return isCounter(offset) ? offset : null
}

const writePiece = <S extends object>(
  partial: ImmerState<S>,
  id: ObjectId,
  data: string,
): ObjectWritten<ImmerState<S>> => {
  const from = offsetOf(id)
  if (from === null) return { error: 'there is no such snapshot object' }
  const held = partial.received
  if (from > held.length) return { error: 'an object before this one is missing' }
  const piece = unframe(data)
  if (piece === null || (piece.more && piece.content === '')) return { error: 'the object is damaged' }
  const isNew = from + piece.content.length > held.length
  const received = isNew ? held.slice(0, from) + piece.content : held
  if (piece.more) return { state: { value: partial.value, received }, next: atOffset(received.length) }
  const value = parseJson(received)
  if (typeof value !== 'object' || value === null || !isJson(value))
    return { error: 'the objects do not make up a state' }
  return { state: { value: freezeAll(value as unknown as S), received: '' }, next: null }
}
