import type { JsonValue } from '../core/entry.ts'
import type { Log } from '../core/log/log.ts'
import type { Output } from '../core/output.ts'
import type { RaftState } from '../core/state.ts'

/*
 * A canonical hash of plain data: 64 bits, equal for values that JSON would not tell apart, whatever the order of their
 * keys. It finds differences, not forgeries.
 *
 * The log would dominate, so it is hashed as the sum of its entries' hashes: every entry knows its index, hence a sum
 * tells logs apart, and it does not depend on how they are cut. The sum over each segment and block is remembered as
 * long as the array lives; as arrays are shared between all versions of a log, hashing the next version costs what is
 * new in it. That memory is not visible from outside: arrays of a log never change.
 */

/** Two 32-bit halves. */
interface Lanes {
  readonly high: number
  readonly low: number
}

const TAG = { null: 1, false: 2, true: 3, integer: 4, string: 5, array: 6, object: 7, double: 8 } as const

/** Field names that repeat; what a client chose as keys does not fill it. */
const KEYS_MAX = 1024
const knownKeys = new Map<string, Lanes>()
const knownObjects = new WeakMap<object, Lanes>()
const bits = new DataView(new ArrayBuffer(8))

/** Folds values into two lanes, one word after the other. */
class Digest {
  private high = 0x243f6a88
  private low = 0x85a308d3

  word(word: number): void {
    const first = Math.imul(word, 0xcc9e2d51)
    const high = this.high ^ Math.imul((first << 15) | (first >>> 17), 0x1b873593)
    this.high = Math.imul((high << 13) | (high >>> 19), 5) + 0xe6546b64
    const second = Math.imul(word ^ 0x5bd1e995, 0x85ebca6b)
    const low = this.low ^ Math.imul((second << 16) | (second >>> 16), 0xc2b2ae35)
    this.low = (Math.imul((low << 17) | (low >>> 15), 9) + this.high) | 0
  }

  lanes(): Lanes {
    return { high: finish(this.high ^ (this.low >>> 3)), low: finish(this.low + 0x9e3779b9) }
  }

  join({ high, low }: Lanes): void {
    this.word(high)
    this.word(low)
  }

  string(text: string): void {
    this.word(TAG.string)
    this.word(text.length)
    for (let at = 0; at < text.length; at += 2) this.word(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16))
  }

  /** As JSON has it: −0 is 0, and what is not finite is null. */
  number(number: number): void {
    if (!Number.isFinite(number)) return this.word(TAG.null)
    const isInteger = (number | 0) === number
    // Two words follow a double, one an integer: without tags of their own, one double could be two integers.
    this.word(isInteger ? TAG.integer : TAG.double)
    if (isInteger) return this.word(number)
    bits.setFloat64(0, number)
    this.word(bits.getInt32(0))
    this.word(bits.getInt32(4))
  }

  value(value: unknown): void {
    if (typeof value === 'number') return this.number(value)
    if (typeof value === 'string') return this.string(value)
    if (typeof value === 'boolean') return this.word(value ? TAG.true : TAG.false)
    if (typeof value !== 'object' || value === null) return this.word(TAG.null)
    if (!Array.isArray(value)) return this.object(value)
    this.word(TAG.array)
    this.word(value.length)
    for (let at = 0; at < value.length; at++) this.value(value[at])
  }

  /** A sum over the fields, so that their order means nothing and nothing has to be sorted. */
  private object(value: object): void {
    let count = 0
    let high = 0
    let low = 0
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (inner === undefined) continue
      const field = new Digest()
      field.join(keyLanes(key))
      field.value(inner)
      const lanes = field.lanes()
      high = (high + lanes.high) | 0
      low = (low + lanes.low) | 0
      count++
    }
    this.word(TAG.object)
    this.word(count)
    this.word(high)
    this.word(low)
  }
}

const finish = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

const keyLanes = (key: string): Lanes => {
  const known = knownKeys.get(key)
  if (known !== undefined) return known
  const digest = new Digest()
  digest.string(key)
  const lanes = digest.lanes()
  if (knownKeys.size < KEYS_MAX) knownKeys.set(key, lanes)
  return lanes
}

const hex = ({ high, low }: Lanes): string => word(high) + word(low)
const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')

const lanesOf = (value: unknown): Lanes => {
  const digest = new Digest()
  digest.value(value)
  return digest.lanes()
}

/** Of an object that never changes: computed once in its life. */
const remembered = (value: object, compute: () => Lanes): Lanes => {
  const known = knownObjects.get(value)
  if (known !== undefined) return known
  const lanes = compute()
  knownObjects.set(value, lanes)
  return lanes
}

const sum = <T>(items: readonly T[], of: (item: T) => Lanes): Lanes => {
  let high = 0
  let low = 0
  for (const item of items) {
    const lanes = of(item)
    high = (high + lanes.high) | 0
    low = (low + lanes.low) | 0
  }
  return { high, low }
}

const segmentLanes = (segment: readonly object[]): Lanes => remembered(segment, () => sum(segment, lanesOf))
const blockLanes = (block: readonly (readonly object[])[]): Lanes => remembered(block, () => sum(block, segmentLanes))

const addLog = (digest: Digest, log: Log): void => {
  for (const number of [log.baseIndex, log.baseTerm, log.lastIndex, log.lastTerm, log.bytes]) digest.number(number)
  digest.join(sum([sum(log.blocks, blockLanes), sum(log.open, segmentLanes), segmentLanes(log.tail)], (lanes) => lanes))
}

const stateDigest = ({ options, server, log }: RaftState): Digest => {
  const digest = new Digest()
  digest.join(remembered(options, () => lanesOf(options)))
  digest.value(server)
  addLog(digest, log)
  return digest
}

/** 16 hexadecimal digits, equal for equal values. */
export const hashValue = (value: JsonValue | object): string => hex(lanesOf(value))

/** The hash of a server's whole state; O(what has changed in its log since it was last asked for, plus the server). */
export const hashState = (state: RaftState): string => hex(stateDigest(state).lanes())

/** The hash of what a step gave: the state and the outputs, in order. */
export const hashStep = (state: RaftState, outputs: readonly Output[]): string => {
  const digest = stateDigest(state)
  digest.value(outputs)
  return hex(digest.lanes())
}
