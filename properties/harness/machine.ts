import type { Entry } from '../../src/core/entry.ts'
import type { ObjectId } from '../../src/core/ids.ts'

/** A state machine that remembers everything: the payload of each entry, blank ones included, in order. */
export type Memory = readonly string[]

/** What an entry is, term included: equal texts mean equal entries. */
export const textOf = (entry: Entry): string =>
  `${entry.term}:${entry.type === 'command' ? JSON.stringify(entry.command) : entry.type}`

/** How many texts one object holds, about. */
const CHUNK = 3

interface ReadObject {
  readonly data: string
  readonly next: ObjectId | null
}

/**
 * The objects of a snapshot, by stripes: with n objects, the one at place k holds the texts at k, k + n, k + 2n. How
 * many there are and in which order they are walked depends on the state, and their names recur in other snapshots:
 * objects of two snapshots go together without complaint, and what comes of it is wrong. Null: no such object.
 */
export const readObject = (memory: Memory, id: ObjectId): ReadObject | null => {
  const stripes = Math.ceil(memory.length / CHUNK) + 1 + (memory.length % 2)
  const later = Array.from({ length: stripes - 1 }, (_, at) => 1 + ((at + memory.length) % (stripes - 1)))
  const order = [0, ...later]
  const at = order.findIndex((stripe) => nameOf(stripe) === id)
  const stripe = order[at]
  if (stripe === undefined) return null
  const after = order[at + 1]
  const next = after === undefined ? null : nameOf(after)
  const part = memory.flatMap((text, place) => (place % stripes === stripe ? [[place, text] as const] : []))
  return { data: JSON.stringify({ next, part } satisfies Parsed), next }
}

/** Names are numbers and texts: the protocol knows both. */
const nameOf = (stripe: number): ObjectId => (stripe % 2 === 0 ? stripe : `s${stripe}`)

interface Parsed {
  readonly next: ObjectId | null
  readonly part: readonly (readonly [number, string])[]
}

const parse = (data: string): Parsed => JSON.parse(data) as Parsed

/** The object that the receiver's machine wants after this one. */
export const nextWanted = (data: string): ObjectId => parse(data).next ?? 0

/** Puts objects together without asking whether they fit: whether they did is for a property to say. */
export const assemble = (objects: readonly string[]): Memory => {
  const memory: string[] = []
  for (const data of objects) for (const [place, text] of parse(data).part) memory[place] = text
  return Array.from(memory, (text: string | undefined) => text ?? '(missing)')
}
