import type { KeyState } from './kv-model.ts'
import type { Claim, Refutation } from './claims.ts'
import type { Sources } from './sources.ts'

/**
 * What the operations on one value say of when it was held (Gibbons & Korach 1997): by the first return it had been
 * held, at the last call it was still to be. Where the first return comes before the last call, a value that was
 * written once was held throughout; otherwise at some moment from the last call to the first return.
 */
interface Zone {
  readonly returnsFirst: Claim | null
  readonly calledLast: Claim
  /** −Infinity where the value was there at birth. */
  readonly firstReturn: number
  readonly lastCall: number
}

/** No two values are held throughout the same time, nor another one within the time throughout which one is held. */
export const checkZones = (claims: readonly Claim[], sources: Sources): Refutation | null => {
  const zones = zonesOf(claims, sources)
  const throughout = zones
    .filter(({ firstReturn, lastCall }) => firstReturn < lastCall)
    .sort((left, right) => left.firstReturn - right.firstReturn)
  for (const [at, zone] of throughout.entries()) {
    const before = throughout[at - 1]
    if (before !== undefined && zone.firstReturn < before.lastCall)
      return { reason: 'two values, each written once, were held at the same time', operations: members(before, zone) }
  }
  for (const zone of zones) {
    if (zone.firstReturn < zone.lastCall) continue
    const around = lastBefore(throughout, zone.lastCall)
    if (around !== undefined && zone.firstReturn < around.lastCall)
      return {
        reason: 'a value that is written once was held before and after another',
        operations: members(around, zone),
      }
  }
  return null
}

const members = (...zones: readonly Zone[]): Refutation['operations'] => {
  const claims = zones.flatMap(({ returnsFirst, calledLast }) => [returnsFirst, calledLast])
  return [...new Set(claims.flatMap((claim) => claim?.operation ?? []))]
}

/** The last zone whose first return is before the time; they are in that order. */
const lastBefore = (zones: readonly Zone[], time: number): Zone | undefined => {
  let low = 0
  let high = zones.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((zones[middle]?.firstReturn ?? Infinity) < time) low = middle + 1
    else high = middle
  }
  return zones[low - 1]
}

/** A zone for each value that is written once and was held, and one for each sighting of any other. */
const zonesOf = (claims: readonly Claim[], sources: Sources): readonly Zone[] => {
  const zones: Zone[] = []
  const byValue = new Map<KeyState, Claim[]>()
  const see = (value: KeyState, claim: Claim): void => {
    if (!sources.isWrittenOnce(value)) zones.push(zoneOf([claim], false))
    else {
      const ofValue = byValue.get(value) ?? []
      byValue.set(value, ofValue)
      ofValue.push(claim)
    }
  }
  for (const claim of claims) {
    if (claim.end === Infinity) continue
    if (claim.requires?.length === 1) see(claim.requires[0], claim)
    if (claim.leaves?.isCertain === true) see(claim.leaves.value, claim)
  }
  for (const [value, ofValue] of byValue) {
    // Its one writer took effect if it was seen at all, even if its outcome is unknown.
    zones.push(zoneOf([...ofValue, ...sources.writersOf(value)], value === undefined))
  }
  return zones
}

const zoneOf = (claims: readonly Claim[], isAtBirth: boolean): Zone => {
  const [first, ...others] = claims
  if (first === undefined) throw new RangeError('a zone has an operation')
  const returnsFirst = others.reduce((least, claim) => (claim.end < least.end ? claim : least), first)
  const calledLast = others.reduce((most, claim) => (claim.call > most.call ? claim : most), first)
  return {
    returnsFirst: isAtBirth ? null : returnsFirst,
    calledLast,
    firstReturn: isAtBirth ? -Infinity : returnsFirst.end,
    lastCall: calledLast.call,
  }
}
