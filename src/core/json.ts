import { UsageError } from './assert.ts'
import type { JsonValue } from './entry.ts'

/*
 * Values that a round trip through JSON leaves as they are. A command reaches one replica as the object that was
 * proposed, the others as JSON from a network or a disk; all of them must apply the same.
 *
 * Not among them: undefined, functions, symbols, big integers; NaN and the infinities, which JSON makes null; −0, which
 * it makes 0; whatever is not a plain object or a plain array, such as a Date, a Map, an instance of a class, and an
 * object without a prototype, which comes back with one; holes in an array, and names on it; keys that are symbols or
 * not enumerable; and what nests too deep, cycles included.
 *
 * Among them: halves of surrogate pairs, since JSON.stringify writes them as escapes, so that all that carries JSON
 * text keeps them; "__proto__" as a key, an own property before and after; an object at two places, which becomes two
 * equal ones. Accessors are not looked for: they count as the value they give.
 */

/**
 * How deep a value may nest that a state machine stores or answers. The stack that a deeper one overflows, in
 * JSON.stringify for instance, has another size on every replica.
 */
export const VALUE_DEPTH_MAX = 1000

/** How deep a command may nest, or a result: around a value there is an operation, around that a session, and so on. */
export const COMMAND_DEPTH_MAX = VALUE_DEPTH_MAX + 24

/**
 * The approximate size of a value as JSON, in bytes. Exact for ASCII text without escapes; it walks the value
 * instead of building text, so that a string costs O(1). The proposer computes it once per entry.
 * @throws UsageError for what JSON changes, or what nests deeper than COMMAND_DEPTH_MAX.
 */
export const jsonBytes = (value: unknown): number => {
  const bytes = sizeOf(value, COMMAND_DEPTH_MAX)
  if (Number.isNaN(bytes))
    throw new UsageError('a command is a value that a round trip through JSON leaves as it is', {
      ...misfitIn(value, COMMAND_DEPTH_MAX),
    })
  return bytes
}

/** Whether JSON leaves a value as it is, and it nests at most VALUE_DEPTH_MAX deep. */
export const isJson = (value: unknown): value is JsonValue => !Number.isNaN(sizeOf(value, VALUE_DEPTH_MAX))

/** NaN for what JSON changes. Every sum is checked at once: a cycle with branches would be walked for ever. */
const sizeOf = (value: unknown, depth: number): number => {
  if (typeof value === 'string') return value.length + 2
  if (typeof value === 'number') return isJsonNumber(value) ? 8 : Number.NaN
  if (typeof value === 'boolean') return 5
  if (value === null) return 4
  if (typeof value !== 'object' || depth === 0) return Number.NaN
  return Array.isArray(value) ? sizeOfArray(value, depth - 1) : sizeOfObject(value, depth - 1)
}

const sizeOfArray = (value: readonly unknown[], depth: number): number => {
  if (!isPlainArray(value)) return Number.NaN
  let bytes = 2
  for (const item of value) {
    bytes += sizeOf(item, depth) + 1
    if (Number.isNaN(bytes)) return bytes
  }
  return bytes
}

const sizeOfObject = (value: object, depth: number): number => {
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value)
  if (!isPlainObject(value, entries.length)) return Number.NaN
  let bytes = 2
  for (const [key, item] of entries) {
    bytes += key.length + 4 + sizeOf(item, depth)
    if (Number.isNaN(bytes)) return bytes
  }
  return bytes
}

const isJsonNumber = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0)

/** An array of this or another realm, whose names are its indices. A hole that a name makes up for is undefined. */
export const isPlainArray = (value: readonly unknown[]): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Array.prototype && !Array.isArray(prototype)) return false
  return Object.keys(value).length === value.length && Object.getOwnPropertySymbols(value).length === 0
}

/** Made by {} in this or another realm, all its keys enumerable strings. */
export const isPlainObject = (value: object, enumerable: number): boolean => {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype !== Object.prototype && !isObjectPrototype(prototype)) return false
  return Object.getOwnPropertyNames(value).length === enumerable && Object.getOwnPropertySymbols(value).length === 0
}

/** Whether it is the Object.prototype of some realm. */
const isObjectPrototype = (value: object | null): boolean =>
  value !== null && Object.getPrototypeOf(value) === null && Object.hasOwn(value, 'isPrototypeOf')

/** The words are the same in every build of a program, as they get into results: no names of classes. */
export const NOT_PLAIN = {
  array: 'an array with holes or names, or not a plain one',
  object: 'an object that is not plain, or has hidden keys',
} as const

/** What about a value JSON changes, whatever its parts are; null for nothing. */
export const misfitOf = (value: unknown): string | null => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null
  if (typeof value === 'number') return isJsonNumber(value) ? null : Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object') return typeof value
  if (Array.isArray(value)) return isPlainArray(value) ? null : NOT_PLAIN.array
  return isPlainObject(value, Object.keys(value).length) ? null : NOT_PLAIN.object
}

/** Something in a value that JSON changes, or the depth that it exceeds, and where it is. */
export interface Misfit {
  readonly found: string
  /** None for the depth. */
  readonly path?: string
}

/** The first misfit in a value; null when there is none. */
export const misfitIn = (value: unknown, depthMax: number): Misfit | null => {
  if (!Number.isNaN(sizeOf(value, depthMax))) return null
  let path = ''
  let inner = value
  for (let depth = depthMax; ; depth--) {
    const found = misfitOf(inner)
    if (found !== null) return { found, path }
    const parts = depth === 0 ? [] : Object.entries(inner ?? {})
    const misfit = parts.find(([, part]) => Number.isNaN(sizeOf(part, depth - 1)))
    if (misfit === undefined) return { found: `more than ${depthMax} levels` }
    path += placeOf(inner, misfit[0])
    inner = misfit[1]
  }
}

/** A part's place in a value, as in a program. */
export const placeOf = (within: unknown, key: string): string =>
  Array.isArray(within) ? `[${key}]` : `[${JSON.stringify(key)}]`
