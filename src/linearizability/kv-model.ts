import type { JsonValue } from '../core/entry.ts'
import type { CompareAndSet, Input, Output } from './history.ts'

/** What one key holds; undefined when it is missing, which is not the same as holding null. */
export type KeyState = JsonValue | undefined

/** Whether the output is one that the input may give in this state, and what the key holds afterwards. */
export type Transition = readonly [legal: boolean, next: KeyState]

/**
 * The sequential store that a linearizable one must look like, one key of it. An unknown output (null) is legal in
 * every state. The state after an illegal transition is the one before.
 */
export const step = (state: KeyState, input: Input, output: Output | null): Transition => {
  switch (input.kind) {
    case 'get':
      return [output === null || isRead(state, output), state]
    case 'put':
      return output === null || output.type === 'ok' ? [true, input.value] : [false, state]
    case 'cas':
      return compareAndSet(state, input, output)
    case 'delete':
      return output === null || isDeletion(state, output) ? [true, undefined] : [false, state]
  }
}

const isRead = (state: KeyState, output: Output): boolean => {
  if (output.type === 'missing') return state === undefined
  if (output.type !== 'value') return false
  return state === undefined ? output.value === null : jsonEquals(state, output.value)
}

const isDeletion = (state: KeyState, output: Output): boolean =>
  output.type === 'ok' || (output.type === 'deleted' && state !== undefined) || isAbsence(state, output)

const isAbsence = (state: KeyState, output: Output): boolean => output.type === 'missing' && state === undefined

const compareAndSet = (state: KeyState, input: CompareAndSet, output: Output | null): Transition => {
  const applies = state === undefined ? input.createIfMissing : jsonEquals(state, input.from)
  if (applies) return output === null || output.type === 'ok' ? [true, input.to] : [false, state]
  if (output === null || output.type === 'refused') return [true, state]
  return [state === undefined ? output.type === 'missing' : output.type === 'mismatch', state]
}

/** Whether it is legal in every state and leads to the same one from all: it hides whatever was there before. */
export const overwrites = (input: Input, output: Output | null): boolean =>
  (input.kind === 'put' || input.kind === 'delete') && (output === null || output.type === 'ok')

/** Whether it leaves the state as it is wherever it is legal: it only tells what was there. */
export const observes = (input: Input, output: Output | null): boolean => {
  if (input.kind === 'get') return true
  if (output === null || input.kind === 'put') return false
  return output.type === 'missing' || output.type === 'mismatch' || output.type === 'refused'
}

/** Structural equality; the order of an object's keys does not count, and 0 equals −0, as in JSON. */
export const jsonEquals = (left: JsonValue, right: JsonValue): boolean => {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (isArray(left)) return isArray(right) && left.length === right.length && left.every(equalsAt(right))
  if (isArray(right)) return false
  const entries = Object.entries(left)
  if (entries.length !== Object.keys(right).length) return false
  return entries.every(([key, value]) => {
    const other = Object.hasOwn(right, key) ? right[key] : undefined
    return other !== undefined && jsonEquals(value, other)
  })
}

const equalsAt =
  (others: readonly JsonValue[]) =>
  (value: JsonValue, at: number): boolean => {
    const other = others[at]
    return other !== undefined && jsonEquals(value, other)
  }

/** Array.isArray does not narrow readonly arrays. */
const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value)

/** Text that two values share exactly when {@link jsonEquals} holds. */
export const canonicalJson = (value: JsonValue): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`
}

/** Gives equal values as one and the same. */
export type Share = (value: JsonValue) => JsonValue

/** A {@link Share} of its own: values compare by identity, but for those of another. */
export const shareEqualValues = (): Share => {
  const known = new Map<string, JsonValue>()
  return (value) => {
    if (typeof value !== 'object' || value === null) return value
    const text = canonicalJson(value)
    const first = known.get(text) ?? value
    known.set(text, first)
    return first
  }
}
