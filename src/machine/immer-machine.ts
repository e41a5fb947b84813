import { Immer, current, freeze, isDraft, type Draft } from 'immer'
import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, isCounter, type ObjectId } from '../core/ids.ts'
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
   * say). It depends on nothing but its two arguments; it may run twice for one command. Throwing undoes what it did
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
  /** The handler threw, or its result was not JSON. The command has changed nothing. */
  | { readonly type: 'failed'; readonly reason: string }

/**
 * A state machine from a handler that mutates. It suits small and nested states: immer copies each object on the way
 * to a change, so that one put into a plain object of a million keys costs about a second. Use kvMachine for large
 * maps, or spread the keys over buckets.
 *
 * There is one draft per batch. A throw leaves it half changed, and immer has no savepoints; so the whole draft is
 * thrown away, the commands before the one that threw are run again on a new draft (they are deterministic, so they
 * do the same as before), that one is skipped with a `failed` result, and the rest goes on with a draft of its own.
 * Hence a command that throws costs a second run of the commands before it; a handler returns expected failures.
 *
 * Traps: the state is JSON (no undefined, Date, Map or class instance: they would not survive a snapshot, nor would
 * anything stored under the key "__proto__"); iterating over an object's keys is deterministic, as snapshots keep
 * their order; and immer's plugins (`enableArrayMethods`) are global: enable them on all servers or on none.
 *
 * @throws UsageError when `initial` is no plain object or array of JSON, or objectBytesMax no whole number ≥ 1.
 */
export const immerMachine = <S extends object, C extends JsonValue, R extends JsonValue>(
  options: ImmerOptions<S, C, R>,
): StateMachine<ImmerState<S>, C, ImmerResult<R>> => {
  const bytesMax = checkPositive('objectBytesMax', options.objectBytesMax ?? OBJECT_BYTES_MAX)
  const copy = copyJson(options.initial, 'the initial state')
  if (typeof copy !== 'object' || copy === null) throw new UsageError('the initial state is an object or an array')
  const initial = freeze(copy as unknown as S, true)
  // An instance of its own: the global settings belong to the application.
  const immer = new Immer({ autoFreeze: true })
  const textOf = rememberTexts()
  return {
    initial: { value: initial, received: '' },
    apply(state, commands) {
      const [value, results] = applyBatch(immer, options.apply, state.value, commands)
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

const applyBatch = <S extends object, C extends JsonValue, R extends JsonValue>(
  immer: Immer,
  handler: Handler<S, C, R>,
  before: S,
  commands: readonly C[],
): [S, readonly ImmerResult<R>[]] => {
  const results: ImmerResult<R>[] = []
  let state = before
  let end = commands.length
  while (results.length < commands.length) {
    const from = results.length
    const run = runInOneDraft(immer, handler, state, commands.slice(from, end))
    if (run.type === 'done') {
      state = run.state
      for (const result of run.results) results.push({ type: 'ok', result })
      end = commands.length
    } else if (run.completed === 0 || end - from === 1) {
      results.push({ type: 'failed', reason: run.reason })
      end = commands.length
    } else {
      // Either a command threw: stop before it. Or all ran, and immer refused the draft they left: look in one half.
      end = from + (run.completed < end - from ? run.completed : run.completed >> 1)
    }
  }
  return [state, results]
}

type Run<S, R> =
  | { readonly type: 'done'; readonly state: S; readonly results: readonly R[] }
  /** Nothing has changed. `completed` commands went well before it. */
  | { readonly type: 'thrown'; readonly completed: number; readonly reason: string }

const runInOneDraft = <S extends object, C extends JsonValue, R extends JsonValue>(
  immer: Immer,
  handler: Handler<S, C, R>,
  before: S,
  commands: readonly C[],
): Run<S, R> => {
  const results: R[] = []
  try {
    const state = immer.produce(before, (draft: Draft<S>) => {
      for (const command of commands) {
        // Frozen, as a handler that edits a command would edit the log.
        const result = handler(draft, freeze(command, true))
        // Copied now: what is a draft would be revoked, and what is not may be changed by the next command.
        results.push(copyJson(result, 'the result of a command') as R)
      }
    })
    return { type: 'done', state, results }
  } catch (error) {
    return { type: 'thrown', completed: results.length, reason: reasonOf(error) }
  }
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
  if (typeof error === 'string') return error
  if (!(error instanceof Error)) return 'the handler threw something that is no Error'
  if (error.message.startsWith('[Immer]')) return 'immer refused what the handler did with the draft'
  return ENGINE_ERRORS.has(error.name) ? error.name : `${error.name}: ${error.message}`
}

const DEPTH_MAX = 1000

/** A deep copy without drafts. @throws UsageError for what JSON cannot carry, naming the place. */
const copyJson = (value: unknown, name: string, path = '', depth = 0): JsonValue => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (depth > DEPTH_MAX) throw new UsageError(`${name} nests at most ${DEPTH_MAX} deep`)
  const plain: unknown = isDraft(value) ? current(value) : value
  if (Array.isArray(plain)) {
    return Array.from(plain, (item: unknown, at) => copyJson(item, name, `${path}[${at}]`, depth + 1))
  }
  if (typeof plain === 'object' && plain !== null && isPlain(plain)) {
    const copies = Object.entries(plain).map(([key, item]): [string, JsonValue] => {
      return [key, copyJson(item, name, `${path}[${JSON.stringify(key)}]`, depth + 1)]
    })
    return Object.fromEntries(copies)
  }
  throw new UsageError(`${name} is JSON: return plain data, and null for nothing`, { found: typeof value, path })
}

/** Made by {} or Object.create(null), in whatever realm; not a Date, a Map, a Promise or an instance of a class. */
const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

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
  if (typeof value !== 'object' || value === null) return { error: 'the objects do not make up a state' }
  return { state: { value: freeze(value as unknown as S, true), received: '' }, next: null }
}
