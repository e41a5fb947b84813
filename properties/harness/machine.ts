import type { Entry } from '../../src/core/entry.ts'
import type { ObjectId } from '../../src/core/ids.ts'

/** A state machine that remembers everything: the payload of each entry, blank ones included, in order. */
export type Memory = readonly string[]

/** What an entry is, term included: equal texts mean equal entries. */
export const textOf = (entry: Entry): string =>
  `${entry.term}:${entry.type === 'command' ? JSON.stringify(entry.command) : entry.type}`

/** How many texts one object holds. */
const CHUNK = 3

interface ReadObject {
  readonly data: string
  readonly next: ObjectId | null
}

/**
 * The objects of a snapshot: 0 is a header, the others hold a few texts each. Where the walk starts and how the
 * objects are named depends on the state, so that objects of two snapshots do not fit together.
 */
export const readObject = (memory: Memory, id: ObjectId): ReadObject => {
  const chunks = Math.ceil(memory.length / CHUNK)
  const order = Array.from({ length: chunks }, (_, at) => (at + memory.length) % chunks)
  const names: readonly ObjectId[] = [0, ...order.map((chunk) => (chunk % 2 === 0 ? `c${chunk}` : chunk + 1))]
  const at = names.indexOf(id)
  if (at < 0) throw new Error(`no such object: ${id}`)
  const next = names[at + 1] ?? null
  const chunk = order[at - 1] ?? 0
  const part = at === 0 ? [] : memory.slice(chunk * CHUNK, chunk * CHUNK + CHUNK)
  return { data: JSON.stringify({ chunk: at === 0 ? -1 : chunk, total: memory.length, next, part }), next }
}

interface Parsed {
  readonly chunk: number
  readonly total: number
  readonly next: ObjectId | null
  readonly part: readonly string[]
}

const parse = (data: string): Parsed => JSON.parse(data) as Parsed

/** The object that the receiver's machine wants after this one. */
export const nextWanted = (data: string): ObjectId => parse(data).next ?? 0

/** Puts objects together without asking whether they fit: whether they did is for a property to say. */
export const assemble = (objects: readonly string[]): Memory => {
  const memory: string[] = []
  for (const data of objects) {
    const { chunk, part } = parse(data)
    for (const [at, text] of part.entries()) memory[chunk * CHUNK + at] = text
  }
  return Array.from(memory, (text: string | undefined) => text ?? '(missing)')
}
