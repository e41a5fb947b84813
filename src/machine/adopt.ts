import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { NOT_PLAIN, VALUE_DEPTH_MAX, isPlainArray, isPlainObject, misfitOf, placeOf } from '../core/json.ts'

type Key = string | number

type Parts = Readonly<Record<Key, unknown>>

/** The path from the root to a part, innermost first. */
interface Place {
  readonly within: object
  readonly key: Key
  readonly outer: Place | null
}

/**
 * A frozen copy of a value that a handler made, to which there is no other reference. It shares with `before`, a tree of this
 * function's own, the objects that are still at their place or moved within their parent: it costs what has changed,
 * and the number of parts in each object on the way there.
 *
 * The copy is a tree: an object at two places becomes two. Hence nothing that later commands do depends on whether the
 * state was computed here or read from a snapshot, nor on what the handler keeps and changes.
 *
 * @param plainOf an object in place of one found, which is a proxy
 * @throws UsageError for what JSON changes, naming the place.
 */
export const adopt = (
  value: unknown,
  before: unknown,
  name: string,
  plainOf: (part: object) => object = (part) => part,
): JsonValue => {
  if (isObject(value) && value === before) return value as JsonValue
  return new Adoption(name, plainOf).copy(value, before, null, VALUE_DEPTH_MAX)
}

class Adoption {
  private readonly name: string
  private readonly plainOf: (part: object) => object

  constructor(name: string, plainOf: (part: object) => object) {
    this.name = name
    this.plainOf = plainOf
  }

  copy(value: unknown, before: unknown, place: Place | null, depth: number): JsonValue {
    if (!isObject(value)) return this.scalar(value, place)
    const plain = this.plainOf(value)
    if (depth === 0) throw tooDeep(this.name)
    const old = isObject(before) && Array.isArray(before) === Array.isArray(plain) ? before : {}
    return Array.isArray(plain)
      ? this.copyArray(plain, old as Parts, place, depth - 1)
      : this.copyObject(plain as Parts, old as Parts, place, depth - 1)
  }

  private scalar(value: unknown, place: Place | null): JsonValue {
    const misfit = misfitOf(value)
    if (misfit !== null) throw this.refusal(misfit, place)
    // What is no misfit and no object is JSON.
    return value as JsonValue
  }

  private copyArray(value: readonly unknown[], old: Parts, place: Place | null, depth: number): JsonValue {
    if (!isPlainArray(value)) throw this.refusal(NOT_PLAIN.array, place)
    const partOf = this.parts(value as unknown as Parts, old, place, depth)
    const copy: JsonValue[] = []
    for (let at = 0; at < value.length; at++) copy.push(partOf(at))
    return Object.freeze(copy)
  }

  private copyObject(value: Parts, old: Parts, place: Place | null, depth: number): JsonValue {
    const keys = Object.keys(value)
    if (!isPlainObject(value, keys.length)) throw this.refusal(NOT_PLAIN.object, place)
    const partOf = this.parts(value, old, place, depth)
    const copy: Record<string, JsonValue> = {}
    for (const key of keys) {
      // Assigned, it would be lost; and immer loses it.
      if (key === '__proto__') throw this.refusal('the key "__proto__"', place)
      copy[key] = partOf(key)
    }
    return Object.freeze(copy)
  }

  /** A function from keys to parts of the copy: the old ones where they may stay, copies of the others. */
  private parts(value: Parts, old: Parts, outer: Place | null, depth: number): (key: Key) => JsonValue {
    let vacated: Set<unknown> | null = null
    return (key) => {
      const part = value[key]
      const before = old[key]
      if (!isObject(part)) {
        if (typeof part === 'string') return part
        return this.scalar(part, { within: value, key, outer })
      }
      // Old parts were adopted once: JSON, frozen, and nowhere else in the tree.
      if (part === before) return part as JsonValue
      vacated ??= vacatedBy(value, old)
      if (vacated.delete(part)) return part as JsonValue
      // An old part lends its own parts to one copy, and is not used itself from then on.
      const lender = vacated.delete(before) ? before : undefined
      return this.copy(part, lender, { within: value, key, outer }, depth)
    }
  }

  private refusal(found: string, place: Place | null): UsageError {
    let path = ''
    for (let at = place; at !== null; at = at.outer) path = placeOf(at.within, String(at.key)) + path
    return new UsageError(`${this.name} is JSON that a round trip leaves as it is: plain data, and null for nothing`, {
      found,
      path,
    })
  }
}

export const tooDeep = (name: string): UsageError => new UsageError(`${name} nests at most ${VALUE_DEPTH_MAX} deep`)

/** The parts of an old object that are not at their place in the new one. */
const vacatedBy = (value: Parts, old: Parts): Set<unknown> => {
  const vacated = new Set<unknown>()
  for (const [key, part] of Object.entries(old)) if (isObject(part) && value[key] !== part) vacated.add(part)
  return vacated
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
