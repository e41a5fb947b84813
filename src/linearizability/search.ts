import { count, type Entry, type EventList, ILLEGAL, isSpare, listOf, relink, successor, unlink } from './event-list.ts'
import type { Operation } from './history.ts'
import type { KeyState } from './kv-model.ts'
import { Memo, scramble } from './memo.ts'
import { MemberSet } from './member-set.ts'

/**
 * The search for one key's order of operations: Wing & Gong's (1993), depth first on a doubly linked list of calls
 * and returns where only calls ahead of the first return may come next, with Lowe's memory (2017) of the pairs
 * (set of operations already placed, state) that were tried before.
 *
 * Five facts of the model keep it small, and none loses an order:
 * - what only observes the state, and is legal now, may as well come now: nothing depends on it;
 * - an operation of unknown outcome may as well never have happened when it changes nothing, or when what follows
 *   hides its effect; so it is placed only just ahead of something that depends on the state;
 * - of two such that write the same, the one called first may as well be the one that happens first;
 * - a value that is still to be read, and that nothing is left to write again, must not be given up;
 * - values that nothing left compares with are all alike.
 */
export interface Search {
  readonly operations: readonly Operation[]
  readonly list: EventList
  /** Whether to look ahead for values that would be lost. Without, it is slower, and stuck where people would be. */
  readonly looksAhead: boolean
  readonly frames: Frame[]
  readonly returned: MemberSet
  readonly unknown: MemberSet
  /** The configurations that were left for good. One on the way is a proper subset of what is tried, and not in it. */
  readonly seen: Memo
  /** The hash of both sets. */
  hash: number
  /** The number of the tally of what is held. */
  state: number
  /** Whether the operation placed last has an unknown outcome. */
  afterUnknown: boolean
  /** The first return in the list, once the calls ahead of it were tried. */
  deadline: Entry | null
  /** How many of those that returned are still to be placed. */
  remaining: number
  /** How many entries of the list were visited. */
  steps: number
  /** The entry to visit next; undefined before the first. */
  at: Entry | null | undefined
  /** The dead end furthest down the history: the return it is stuck at, and the order that led there. */
  furthest: { readonly stuckAt: Entry; readonly order: Operation[]; readonly state: KeyState } | null
  /** How many frames are still those of the furthest order. */
  shared: number
}

interface Frame {
  readonly entry: Entry
  /** What to restore when it is taken back. */
  readonly state: number
  readonly afterUnknown: boolean
  readonly deadline: Entry | null
  /** Placed without loss, so that no alternative needs trying. */
  readonly forced: boolean
}

/** The search for the operations of one key, before its first step. */
export const startSearch = (operations: readonly Operation[], looksAhead: boolean): Search => {
  const list = listOf(operations)
  return {
    operations,
    list,
    looksAhead,
    frames: [],
    returned: new MemberSet(list.returned),
    unknown: new MemberSet(list.unknown),
    seen: new Memo(),
    hash: 0,
    state: 0,
    afterUnknown: false,
    deadline: null,
    remaining: list.returned,
    steps: 0,
    at: undefined,
    furthest: null,
    shared: 0,
  }
}

export interface Limits {
  readonly stepsMax: number
  /** Asked every few thousand entries with how many were visited. */
  readonly shouldStop: (steps: number) => boolean
}

/** Few enough to be asked many times a second. */
const ASK_EVERY = 4_096

/**
 * Runs to a verdict, or gives up once stepsMax entries were visited in all, or when it should stop; it may then be run
 * on. A violation leaves `furthest`.
 */
export const runSearch = (
  search: Search,
  { stepsMax, shouldStop }: Limits,
): 'linearizable' | 'violation' | 'unknown' | 'stopped' => {
  let askAt = 0
  if (search.at === undefined) placeObservations(search)
  let entry = search.at === undefined ? search.list.main.next : search.at
  while (search.remaining > 0) {
    search.at = entry
    if (search.steps >= stepsMax) return 'unknown'
    if (search.steps >= askAt) {
      if (shouldStop(search.steps)) return 'stopped'
      askAt = search.steps + ASK_EVERY
    }
    search.steps++
    const candidate = candidateAt(search, entry)
    if (candidate === null) {
      noteDeadEnd(search)
      const undone = backtrack(search)
      if (undone === null) return 'violation'
      entry = undone.next
    } else if (tryToPlace(search, candidate)) {
      placeObservations(search)
      entry = search.list.main.next
    } else {
      entry = candidate.next
    }
  }
  return 'linearizable'
}

/** The entry, or what is to be tried in its stead: after the calls ahead of the first return, the spare ones. */
const candidateAt = (search: Search, entry: Entry | null): Entry | null => {
  if (entry?.type === 'return') {
    search.deadline = entry
    const first = search.afterUnknown ? null : search.list.spare.next
    return first === null ? null : candidateAt(search, first)
  }
  if (entry === null || !isSpare(entry.candidate)) return entry
  return entry.place < (search.deadline?.place ?? Infinity) ? entry : null
}

/** Places the operation next unless that is illegal, useless, or was tried before from the same set and state. */
const tryToPlace = (search: Search, entry: Entry): boolean => {
  const { candidate } = entry
  const { overwrites: isBlind, twin } = candidate
  const isUnknown = entry.match === null
  if (search.afterUnknown && isBlind) return false
  if (isUnknown && isBlind && twin !== null && !search.unknown.has(twin.member)) return false
  const next = successor(search.state, candidate.effects)
  if (next === ILLEGAL || (isUnknown && next === search.state)) return false
  if (search.looksAhead && next !== search.state && losesValue(search, entry)) return false
  if (search.seen.size > 0 && wasSeen(search, entry, next)) return false
  place(search, entry, next, false)
  return true
}

/** Whether the set with this one more, and the state after it, were left for good. */
const wasSeen = (search: Search, { candidate, match }: Entry, next: number): boolean => {
  const members = match === null ? search.unknown : search.returned
  members.add(candidate.member)
  const key = keyOf(search, next, match === null)
  const isSeen = search.seen.has(search.hash ^ candidate.hash ^ scramble(key), key, search.returned, search.unknown)
  members.remove(candidate.member)
  return isSeen
}

/** Whether someone else still has to read the value held now, and nobody is left to write it once it is gone. */
const losesValue = ({ list, state }: Search, { candidate }: Entry): boolean => {
  const tally = list.tallies[state]
  if (tally === undefined || tally.writers > 0) return false
  return tally.readers > (candidate.reads === tally ? 1 : 0)
}

/** Places every operation that is legal now and only observes, until none is left ahead of the first return. */
const placeObservations = (search: Search): void => {
  let entry = search.list.main.next
  while (entry !== null && entry.type === 'call') {
    search.steps++
    const { candidate } = entry
    if (!candidate.observes || successor(search.state, candidate.effects) === ILLEGAL) {
      entry = entry.next
      continue
    }
    place(search, entry, search.state, true)
    // Its return may have been the first: what is behind it has become a candidate, what is ahead was looked at.
    entry = entry.next === entry.match ? (entry.match?.next ?? null) : entry.next
  }
}

const place = (search: Search, entry: Entry, next: number, forced: boolean): void => {
  search.frames.push({
    entry,
    state: search.state,
    afterUnknown: search.afterUnknown,
    deadline: search.deadline,
    forced,
  })
  search.state = next
  search.afterUnknown = entry.match === null
  search.hash ^= entry.candidate.hash
  count(entry.candidate, -1)
  unlink(entry)
  if (entry.match === null) {
    search.unknown.add(entry.candidate.member)
  } else {
    unlink(entry.match)
    search.returned.add(entry.candidate.member)
    search.remaining--
  }
}

/** Takes back up to and including the last choice; returns it, or null when no choice is left. */
const backtrack = (search: Search): Entry | null => {
  for (let frame = search.frames.pop(); frame !== undefined; frame = search.frames.pop()) {
    const { entry } = frame
    if (search.frames.length < search.shared) search.shared = search.frames.length
    count(entry.candidate, 1)
    if (!frame.forced) {
      const key = keyOf(search, search.state, entry.match === null)
      search.seen.add(search.hash ^ scramble(key), key, search.returned, search.unknown)
    }
    search.hash ^= entry.candidate.hash
    search.state = frame.state
    search.afterUnknown = frame.afterUnknown
    search.deadline = frame.deadline
    if (entry.match === null) {
      search.unknown.remove(entry.candidate.member)
    } else {
      relink(entry.match)
      search.returned.remove(entry.candidate.member)
      search.remaining++
    }
    relink(entry)
    if (!frame.forced) return entry
  }
  return null
}

const noteDeadEnd = (search: Search): void => {
  const { deadline: stuckAt, furthest, frames, state } = search
  if (stuckAt === null) return
  const reached = furthest?.stuckAt.place ?? -1
  if (stuckAt.place < reached) return
  if (stuckAt.place === reached && frames.length <= (furthest?.order.length ?? -1)) return
  // Dead ends follow one another closely: only what differs is copied.
  const order = furthest?.order ?? []
  order.length = search.shared
  for (let at = search.shared; at < frames.length; at++) {
    const operation = frames[at]?.entry.candidate.operation
    if (operation !== undefined) order.push(operation)
  }
  search.shared = frames.length
  search.furthest = { stuckAt, order, state: search.list.tallies[state]?.value }
}

/** The state and what led to it as one number. */
const keyOf = ({ list }: Search, state: number, afterUnknown: boolean): number => {
  const tally = list.tallies[state]
  // A value that nothing left compares with behaves like any other such; null may also be taken for a missing key.
  const isAnyOther = state !== 0 && tally?.value !== null && tally?.mentions === 0
  return 2 * (isAnyOther ? -1 : state) + (afterUnknown ? 1 : 0)
}
