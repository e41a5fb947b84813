import type { Input, Operation, Output } from './history.ts'
import { type KeyState, observes, overwrites, type Share, shareEqualValues, step } from './kv-model.ts'
import { scramble } from './memo.ts'

/** The history of one key as the search walks it: what may come next stands ahead of the first return. */
export interface EventList {
  /** Calls and returns by time. */
  readonly main: Link
  /** The calls of {@link isSpare}, kept apart: there may be many, and seldom one that is any use. */
  readonly spare: Link
  /** How many operations returned, and how many may still take effect at any time. */
  readonly returned: number
  readonly unknown: number
  /** The states of the key by their numbers: undefined, then what any operation reads or writes. */
  readonly tallies: readonly Tally[]
}

/** What is left to be placed that has to do with one value. */
export interface Tally {
  /** Its place among all; 0 is the missing key. */
  readonly number: number
  readonly value: KeyState
  /** How many may still write it. */
  writers: number
  /** How many are legal only while it is held. */
  readers: number
  /** How many compare what is held with it, readers among them. When none does, it is like any other such value. */
  mentions: number
}

/** An operation as the search sees it: states are numbers of tallies. */
export interface Candidate {
  readonly operation: Operation
  readonly effects: Effects
  readonly overwrites: boolean
  readonly observes: boolean
  /** Its number among those that returned, or among those that did not, in the order of calls. */
  readonly member: number
  /** Spare entries: the one called last before it that writes the same. Which of the two happens is all one. */
  readonly twin: Candidate | null
  /** Its share in the hash of a set that it is in. */
  readonly hash: number
  /** The tallies in which it counts as a writer, a reader and a mention. */
  readonly writes: Tally | null
  readonly reads: Tally | null
  readonly mentions: Tally | null
}

/**
 * What the operation leads to from the missing key, from the one value that it compares with, and from any other: the
 * number of a state, or one of the two below.
 */
export interface Effects {
  /** The number of the value; −1 for none. */
  readonly compared: number
  readonly fromMissing: number
  readonly fromCompared: number
  readonly fromOther: number
}

/** It is not legal there. */
export const ILLEGAL = -1
/** It leaves the state as it is. */
const SAME = -2

/** The number of the state that the operation leads to, or {@link ILLEGAL}. */
export const successor = (state: number, effects: Effects): number => {
  const next = state === 0 ? effects.fromMissing : state === effects.compared ? effects.fromCompared : effects.fromOther
  return next === SAME ? state : next
}

/** An entry of the list. Taken out, it keeps its neighbours, so that it can be put back (Knuth's dancing links). */
export interface Entry {
  readonly candidate: Candidate
  readonly type: 'call' | 'return'
  /** Its place in the whole history: of two entries, the one with the lower place came first. */
  place: number
  /** The return of a call; null for returns, and for calls of unknown outcome. */
  readonly match: Entry | null
  previous: Link
  next: Entry | null
}

export interface Link {
  next: Entry | null
}

export const unlink = (entry: Entry): void => {
  entry.previous.next = entry.next
  if (entry.next !== null) entry.next.previous = entry.previous
}

/** Undoes {@link unlink}; several are undone in reverse. */
export const relink = (entry: Entry): void => {
  entry.previous.next = entry
  if (entry.next !== null) entry.next.previous = entry
}

/** Whether it may happen or not, and hides what was there: of no use unless its effect is seen. */
export const isSpare = ({ operation, overwrites: isBlind }: Candidate): boolean => operation.return === null && isBlind

export const listOf = (operations: readonly Operation[]): EventList => {
  const representative = shareEqualValues()
  const twins: Making['twins'] = new Map()
  const tallies: Making['tallies'] = new Map<KeyState, Tally>([
    [undefined, { number: 0, value: undefined, writers: 0, readers: 0, mentions: 0 }],
  ])
  const timed: { readonly entry: Entry; readonly time: number }[] = []
  let returned = 0
  let unknown = 0
  for (const operation of operations.filter(mayMatter).sort((left, right) => left.call - right.call)) {
    const member = operation.return === null ? unknown++ : returned++
    const candidate = candidateOf(operation, { member, twins, tallies, representative })
    const end = operation.return === null ? null : entryOf(candidate, 'return', null)
    timed.push({ entry: entryOf(candidate, 'call', end), time: operation.call })
    if (end !== null) timed.push({ entry: end, time: operation.return ?? Infinity })
  }
  timed.sort((left, right) => left.time - right.time || rank(left.entry) - rank(right.entry))
  const entries = timed.map(({ entry }) => entry)
  entries.forEach((entry, place) => {
    entry.place = place
  })
  const main = link(entries.filter(({ candidate }) => !isSpare(candidate)))
  const spare = link(entries.filter(({ candidate }) => isSpare(candidate)))
  return { main, spare, returned, unknown, tallies: [...tallies.values()] }
}

/** A read without an answer says nothing and changes nothing. */
const mayMatter = ({ input, return: end }: Operation): boolean => end !== null || input.kind !== 'get'

/** Of equal times calls come first: such operations are concurrent. */
const rank = (entry: Entry): number => (entry.type === 'call' ? 0 : 1)

const entryOf = (candidate: Candidate, type: Entry['type'], match: Entry | null): Entry => ({
  candidate,
  type,
  match,
  place: 0,
  previous: { next: null },
  next: null,
})

const link = (entries: readonly Entry[]): Link => {
  const head: Link = { next: null }
  let previous = head
  for (const entry of entries) {
    entry.previous = previous
    previous.next = entry
    previous = entry
  }
  return head
}

/** Enters the candidate in its tallies (1), or takes it out (−1). */
export const count = ({ writes, reads, mentions }: Candidate, by: 1 | -1): void => {
  if (writes !== null) writes.writers += by
  if (reads !== null) reads.readers += by
  if (mentions !== null) mentions.mentions += by
}

interface Making {
  readonly member: number
  readonly representative: Share
  /** By what they write, the last of the spare candidates so far. */
  readonly twins: Map<KeyState, Candidate>
  readonly tallies: Map<KeyState, Tally>
}

const candidateOf = (operation: Operation, { member, twins, tallies, representative }: Making): Candidate => {
  const input = sharedInput(operation.input, representative)
  const { output: told, return: end } = operation
  const output: Output | null = told?.type === 'value' ? { type: 'value', value: representative(told.value) } : told
  const writes = tallyOf(tallies, writtenBy(input))
  const mentions = tallyOf(tallies, mentionedBy(input, output))
  const candidate: Candidate = {
    operation,
    effects: effectsOf(input, output, { writes, mentions }),
    overwrites: overwrites(input, output),
    observes: observes(input, output),
    member,
    hash: scramble(2 * member + (end === null ? 1 : 0) + 1),
    twin: twins.get(writtenBy(input)) ?? null,
    writes,
    reads: tallyOf(tallies, readBy(input, output)),
    mentions,
  }
  count(candidate, 1)
  if (isSpare(candidate)) twins.set(writtenBy(input), candidate)
  return candidate
}

/** The model's answers for the three kinds of states there are to an operation. */
const effectsOf = (
  input: Input,
  output: Output | null,
  { writes, mentions }: Pick<Candidate, 'writes' | 'mentions'>,
): Effects => {
  const other = mentions?.value === 'other' ? 'another' : 'other'
  const from = (state: KeyState): number => {
    const [legal, next] = step(state, input, output)
    if (!legal) return ILLEGAL
    if (next === state) return SAME
    return next === undefined ? 0 : (writes?.number ?? ILLEGAL)
  }
  return {
    compared: mentions?.number ?? -1,
    fromMissing: from(undefined),
    fromCompared: mentions === null ? ILLEGAL : from(mentions.value),
    fromOther: from(other),
  }
}

const writtenBy = (input: Input): KeyState => {
  if (input.kind === 'put') return input.value
  return input.kind === 'cas' ? input.to : undefined
}

/** The one value under which the output is legal; undefined where there may be others, such as null for a missing key. */
const readBy = (input: Input, output: Output | null): KeyState => {
  if (input.kind === 'get' && output?.type === 'value' && output.value !== null) return output.value
  return input.kind === 'cas' && output?.type === 'ok' && !input.createIfMissing ? input.from : undefined
}

const mentionedBy = (input: Input, output: Output | null): KeyState => {
  if (input.kind === 'get' && output?.type === 'value') return output.value
  return input.kind === 'cas' ? input.from : undefined
}

const tallyOf = (tallies: Map<KeyState, Tally>, value: KeyState): Tally | null => {
  if (value === undefined) return null
  const tally = tallies.get(value) ?? { number: tallies.size, value, writers: 0, readers: 0, mentions: 0 }
  tallies.set(value, tally)
  return tally
}

const sharedInput = (input: Input, representative: Share): Input => {
  switch (input.kind) {
    case 'get':
    case 'delete':
      return input
    case 'put':
      return { ...input, value: representative(input.value) }
    case 'cas':
      return { ...input, from: representative(input.from), to: representative(input.to) }
  }
}
