import { UsageError } from '../core/assert.ts'
import type { NodeId } from '../core/ids.ts'
import type { Seed } from '../core/random.ts'
import { Dice, type Range } from './dice.ts'

/** How a network treats messages. Times are units of virtual time, rates lie in [0, 1]. */
export interface NetworkOptions {
  /** How long a message takes: any of these with equal probability. Messages thus overtake each other. */
  readonly delay: Range
  /** This share of them takes any of `slow` instead. */
  readonly slowRate: number
  readonly slow: Range
  readonly lossRate: number
  /** This share of those not lost arrives twice. */
  readonly duplicateRate: number
}

export const NETWORK_DEFAULTS: NetworkOptions = {
  delay: { least: 1, most: 5 },
  slowRate: 0.01,
  slow: { least: 10, most: 100 },
  lossRate: 0.005,
  duplicateRate: 0.005,
}

/** Decides when the messages between nodes arrive, and whether. */
export class Network {
  private readonly options: NetworkOptions
  private readonly dice: Dice
  /** The group of each node while the network is split; null while it is whole. */
  private groups: ReadonlyMap<NodeId, number> | null = null

  /** @throws UsageError for rates outside [0, 1] and times that are not whole numbers in order. */
  constructor(options: Partial<NetworkOptions>, seed: Seed) {
    this.options = { ...NETWORK_DEFAULTS, ...options }
    const { delay, slow } = this.options
    checkRange('delay', delay)
    checkRange('slow', slow)
    for (const name of ['slowRate', 'lossRate', 'duplicateRate'] as const) {
      const rate = this.options[name]
      if (!(rate >= 0 && rate <= 1)) throw new UsageError(`${name} lies between 0 and 1`, { [name]: rate })
    }
    this.dice = new Dice('network', seed)
  }

  /**
   * Splits the network: only nodes of one group reach each other, one in no group reaches nobody. What is under way
   * between groups is lost. Takes the place of an earlier split. @throws UsageError when a node is in two groups.
   */
  partition(groups: readonly (readonly NodeId[])[]): void {
    const groupOf = new Map<NodeId, number>()
    for (const [number, group] of groups.entries())
      for (const id of group) {
        if (groupOf.has(id)) throw new UsageError('a node is in one group', { id })
        groupOf.set(id, number)
      }
    this.groups = groupOf
  }

  /** Everybody reaches everybody again. */
  heal(): void {
    this.groups = null
  }

  reaches(from: NodeId, to: NodeId): boolean {
    if (this.groups === null) return true
    const group = this.groups.get(from)
    return group !== undefined && group === this.groups.get(to)
  }

  /** After which times a message sent now arrives: never, once or twice. */
  delays(from: NodeId, to: NodeId): readonly number[] {
    const { lossRate, duplicateRate } = this.options
    if (!this.reaches(from, to) || this.dice.chance(lossRate)) return []
    return this.dice.chance(duplicateRate) ? [this.delay(), this.delay()] : [this.delay()]
  }

  private delay(): number {
    const { delay, slow, slowRate } = this.options
    return this.dice.within(this.dice.chance(slowRate) ? slow : delay)
  }
}

/** @throws UsageError unless both ends are whole numbers, 0 or more and in order. */
export const checkRange = (name: string, { least, most }: Range): void => {
  if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || least < 0 || least > most)
    throw new UsageError(`${name} runs from one whole number to another`, { [name]: [least, most] })
}
