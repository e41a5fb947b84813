import type { Operation } from './history.ts'
import { type KeyState, shareEqualValues } from './kv-model.ts'
import { type Claim, claimOf, type Refutation } from './claims.ts'
import { Sources } from './sources.ts'
import { checkZones } from './zones.ts'

/**
 * Conditions that every linearizable history of one key meets, each checked in O(n log n) for n operations, where
 * the search may need exponential time:
 * - what an operation requires was written by another one that was called before it returned, or at birth;
 * - not every such write returned before something else was held, which in turn was before the operation was called;
 * - a value that only one operation writes is held without interruption (see linearizability-zones.ts).
 * Where clients only read and write, every answer is known and no value is written twice, they suffice as well
 * (Gibbons & Korach, Testing Shared Memories, 1997).
 */
export type Judgement =
  /** The operations contradict each other, whatever the others did. */
  | { readonly type: 'refuted'; readonly reason: string; readonly operations: readonly Operation[] }
  | { readonly type: 'linearizable' }
  /** The conditions hold, but do not suffice. */
  | { readonly type: 'undecided' }

/** The operations have to be of one key. */
export const judge = (operations: readonly Operation[]): Judgement => {
  const share = shareEqualValues()
  const claims = operations.map((operation) => claimOf(operation, share))
  const sources = new Sources(claims)
  const narrowed = claims.map((claim) => narrow(claim, sources))
  const refuted = checkSources(narrowed, sources) ?? checkZones(narrowed, sources)
  if (refuted !== null) return { type: 'refuted', ...refuted }
  return { type: narrowed.every((claim) => isDecisive(claim, sources)) ? 'linearizable' : 'undecided' }
}

/** Whether the conditions suffice as far as this operation goes. */
const isDecisive = (
  { operation: { input, output, return: end }, requires, leaves }: Claim,
  sources: Sources,
): boolean => {
  if (input.kind === 'put') return leaves !== null && sources.isWrittenOnce(leaves.value)
  return input.kind === 'get' && (end === null || output === null || requires?.length === 1)
}

/** Without what was never there: a null that was read is a missing key where null was never written. */
const narrow = (claim: Claim, sources: Sources): Claim =>
  claim.requires === null || claim.requires.length < 2
    ? claim
    : { ...claim, requires: claim.requires.filter((value) => sources.has(value)) }

/** At some time between its call and its return, the operation was about to see the value, or left it. */
interface Sighting {
  readonly claim: Claim
  readonly value: KeyState
}

/**
 * What was certainly held before a moment: of the values seen by operations that returned before it, those seen by
 * the operations called last. A reader rules out at most two values, so three are enough to find another.
 */
class Sightings {
  readonly #last: Sighting[] = []
  /** The last to find the key there, whatever it held. */
  #present: Claim | null = null
  /** The last to find it missing. */
  #missing: Claim | null = null

  enter(claim: Claim): void {
    if (claim.requires?.length === 1) this.#see({ claim, value: claim.requires[0] })
    if (claim.requiresPresent) this.#present = laterCall(this.#present, claim)
    if (claim.leaves?.isCertain === true) this.#see({ claim, value: claim.leaves.value })
  }

  /** The last to find something else than all of these. */
  otherThan(values: readonly KeyState[]): Claim | null {
    const other = this.#last.find(({ value }) => !values.includes(value))?.claim ?? null
    if (values.length !== 1 || values[0] !== undefined || this.#present === null) return other
    return laterCall(other, this.#present)
  }

  /** The last to find the key missing. */
  missing(): Claim | null {
    return this.#missing
  }

  #see(sighting: Sighting): void {
    if (sighting.value === undefined) this.#missing = laterCall(this.#missing, sighting.claim)
    const at = this.#last.findIndex(({ value }) => value === sighting.value)
    const known = this.#last[at]
    if ((known?.claim.call ?? -Infinity) >= sighting.claim.call) return
    if (known !== undefined) this.#last.splice(at, 1)
    const place = this.#last.findIndex(({ claim }) => claim.call < sighting.claim.call)
    this.#last.splice(place === -1 ? this.#last.length : place, 0, sighting)
    if (this.#last.length > SIGHTINGS_MAX) this.#last.pop()
  }
}

const SIGHTINGS_MAX = 3

const laterCall = (known: Claim | null, claim: Claim): Claim =>
  known === null || claim.call > known.call ? claim : known

/** Whether what each operation requires was there to be found. */
const checkSources = (claims: readonly Claim[], sources: Sources): Refutation | null => {
  const byEnd = claims.filter(({ end }) => end < Infinity).sort((left, right) => left.end - right.end)
  const byCall = [...byEnd].sort((left, right) => left.call - right.call)
  const before = new Sightings()
  let entered = 0
  for (const reader of byCall) {
    for (let next = byEnd[entered]; next !== undefined && next.end < reader.call; next = byEnd[++entered])
      before.enter(next)
    const refuted =
      (reader.requires === null ? null : checkRequired(reader, reader.requires, sources, before)) ??
      (reader.requiresPresent ? checkPresent(reader, sources, before) : null)
    if (refuted !== null) return refuted
  }
  return null
}

const checkRequired = (
  reader: Claim,
  values: readonly KeyState[],
  sources: Sources,
  before: Sightings,
): Refutation | null => {
  const { operation } = reader
  if (values.length === 0)
    return { reason: 'no operation may ever be answered so, in any state', operations: [operation] }
  const found = values.map((value) => sources.latest(value, reader)).filter((claim) => claim !== null)
  const isAtBirth = values.includes(undefined)
  if (found.length === 0 && !isAtBirth) {
    const written = values.flatMap((value) => sources.writersOf(value)).find((claim) => claim.operation !== operation)
    return written === undefined
      ? { reason: 'what it found was never written', operations: [operation] }
      : { reason: 'what it found was not written before it returned', operations: [operation, written.operation] }
  }
  return gone(reader, found, before.otherThan(values))
}

const checkPresent = (reader: Claim, sources: Sources, before: Sightings): Refutation | null => {
  const { operation } = reader
  const found = sources.latestOfAny(reader)
  if (found === null) return { reason: 'nothing was written before it returned', operations: [operation] }
  return gone(reader, [found], before.missing())
}

/** Whether all writes of what the reader found returned before something else was held, and that before its call. */
const gone = ({ operation }: Claim, found: readonly Claim[], other: Claim | null): Refutation | null => {
  if (other === null) return null
  const last = found.reduce<Claim | null>(
    (latest, claim) => (latest === null || claim.end > latest.end ? claim : latest),
    null,
  )
  if (last !== null && last.end >= other.call) return null
  const operations = [...(last === null ? [] : [last.operation]), other.operation, operation]
  return { reason: 'what it found was gone before it was called', operations }
}
