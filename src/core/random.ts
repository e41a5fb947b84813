/**
 * Randomness as data: a 32-bit seed in the state, a new one beside every value drawn.
 * The generator is mulberry32 (public domain): one 32-bit word of state, full period, good enough to spread
 * election timeouts; nothing here is secret.
 */
export type Seed = number

/** Draws a whole number in [from, to). Requires from < to. Returns the value and the seed to draw from next. */
export const drawInteger = (seed: Seed, from: number, to: number): readonly [number, Seed] => {
  const next = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(next ^ (next >>> 15), next | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  const unit = ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  return [from + Math.floor(unit * (to - from)), next]
}

/** A seed from any text, so that every node of a cluster draws differently from one number (FNV-1a). */
export const seedFrom = (text: string, seed: Seed = 0): Seed => {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
