import { InvariantViolation } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import type { KvCommand, KvResult } from '../machine/kv/kv.ts'
import type { Dice } from './dice.ts'
import type { Get, Input, Output } from '../linearizability/history.ts'

const KEYS: readonly string[] = ['w', 'x', 'y', 'z']

/**
 * Random reads, writes, deletions and compare-and-sets on a few keys. Every value is written at most once, which tells most.
 * A compare-and-set expects what the key was last seen to hold.
 */
export class Workload {
  private readonly dice: Dice
  /** What a key was last seen to hold: what a cas expects, so that some succeed. */
  private readonly seen = new Map<string, JsonValue>()
  private written = 0

  constructor(dice: Dice) {
    this.dice = dice
  }

  next(): Input {
    const { dice } = this
    const key = dice.pick(KEYS) ?? 'x'
    const draw = dice.integer(0, 10)
    if (draw < 4) return { kind: 'get', key }
    if (draw === 4 && dice.chance(0.5)) return { kind: 'delete', key }
    this.written++
    if (draw < 7) return { kind: 'put', key, value: this.written }
    const from = this.seen.get(key) ?? 0
    return { kind: 'cas', key, from, to: this.written, createIfMissing: dice.chance(0.5) }
  }

  /** Whether the key was last seen to hold something. */
  expects(key: string): boolean {
    return this.seen.has(key)
  }

  /** Learns from an answer. A compare-and-set that failed says what it found. */
  notice(input: Input, output: Output, answer: unknown = null): void {
    if (output.type === 'mismatch' && isMismatch(answer)) this.seen.set(input.key, answer.value)
    if (output.type === 'value') this.seen.set(input.key, output.value)
    if (output.type === 'missing') this.seen.delete(input.key)
    if (output.type !== 'ok') return
    if (input.kind === 'put') this.seen.set(input.key, input.value)
    if (input.kind === 'cas') this.seen.set(input.key, input.to)
  }
}

const isMismatch = (answer: unknown): answer is Extract<KvResult, { type: 'mismatch' }> =>
  typeof answer === 'object' && answer !== null && 'value' in answer

/** What is proposed for an operation that changes something. */
export const commandOf = (input: Exclude<Input, Get>): KvCommand => {
  switch (input.kind) {
    case 'put':
      return { op: 'put', key: input.key, value: input.value }
    case 'delete':
      return { op: 'delete', key: input.key }
    case 'cas':
      return { op: 'cas', key: input.key, from: input.from, to: input.to, createIfMissing: input.createIfMissing }
  }
}

/** What a client makes of the machine's result. */
export const outputOfResult = (result: KvResult): Output => {
  switch (result.type) {
    case 'ok':
    case 'missing':
    case 'mismatch':
      return { type: result.type }
    case 'value':
      return result
    case 'invalid':
      throw new InvariantViolation('the workload proposes valid commands', { reason: result.reason })
  }
}

/** What a client makes of a key's value. */
export const outputOfRead = (value: JsonValue | undefined): Output =>
  value === undefined ? { type: 'missing' } : { type: 'value', value }
