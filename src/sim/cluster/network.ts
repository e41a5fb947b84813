import { UsageError } from '../../core/assert.ts'
import type { NodeId } from '../../core/ids.ts'
import type { Seed } from '../../core/random.ts'
import { Dice, type Range } from '../dice.ts'

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

/** What became of a message, for whoever counts or records it. */
export type Fate = 'lost' | 'duplicated' | 'overtaken' | 'clogged'

/** One direction between two nodes. */
interface Link {
  isCut: boolean
  /** Messages sent before then arrive after it. */
  clogEnd: number
  /** When the last of its messages arrives. */
  lastArrival: number
}

/** Decides when the messages between nodes arrive, and whether. */
export class Network {
  private options: NetworkOptions
  private readonly dice: Dice
  private readonly onFate: (fate: Fate, from: NodeId, to: NodeId) => void
  private readonly links = new Map<NodeId, Map<NodeId, Link>>()
  /** The group of each node while the network is split; null while it is whole. */
  private groups: ReadonlyMap<NodeId, number> | null = null

  /** @throws UsageError for rates outside [0, 1] and times that are not whole numbers in order. */
  constructor(
    options: Partial<NetworkOptions>,
    seed: Seed,
    onFate: (fate: Fate, from: NodeId, to: NodeId) => void = () => undefined,
  ) {
    this.options = checkNetwork({ ...NETWORK_DEFAULTS, ...options })
    this.dice = new Dice('network', seed)
    this.onFate = onFate
  }

  /** Treats messages otherwise from now on. @throws UsageError as the constructor does. */
  change(options: Partial<NetworkOptions>): void {
    this.options = checkNetwork({ ...this.options, ...options })
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

  /** Cuts one direction between two nodes; what is under way on it is lost. */
  cut(from: NodeId, to: NodeId): void {
    this.link(from, to).isCut = true
  }

  /** One direction between two nodes holds back what is sent until then. */
  clog(from: NodeId, to: NodeId, until: number): void {
    const link = this.link(from, to)
    link.clogEnd = Math.max(link.clogEnd, until)
  }

  /** Everybody reaches everybody again, and nothing is held back any more. */
  heal(): void {
    this.groups = null
    for (const links of this.links.values())
      for (const link of links.values()) {
        link.isCut = false
        link.clogEnd = 0
      }
  }

  reaches(from: NodeId, to: NodeId): boolean {
    if (this.links.get(from)?.get(to)?.isCut === true) return false
    if (this.groups === null) return true
    const group = this.groups.get(from)
    return group !== undefined && group === this.groups.get(to)
  }

  /** When a message sent now arrives: never, once or twice. */
  arrivals(from: NodeId, to: NodeId, now: number): readonly number[] {
    const { lossRate, duplicateRate } = this.options
    if (!this.reaches(from, to) || this.dice.chance(lossRate)) {
      this.onFate('lost', from, to)
      return []
    }
    const link = this.link(from, to)
    const first = this.arrival(link, from, to, now)
    if (!this.dice.chance(duplicateRate)) return [first]
    this.onFate('duplicated', from, to)
    return [first, this.arrival(link, from, to, now)]
  }

  private arrival(link: Link, from: NodeId, to: NodeId, now: number): number {
    const { delay, slow, slowRate } = this.options
    if (link.clogEnd > now) this.onFate('clogged', from, to)
    const at = Math.max(now, link.clogEnd) + this.dice.within(this.dice.chance(slowRate) ? slow : delay)
    if (at < link.lastArrival) this.onFate('overtaken', from, to)
    else link.lastArrival = at
    return at
  }

  private link(from: NodeId, to: NodeId): Link {
    const links = this.links.get(from) ?? new Map<NodeId, Link>()
    const link = links.get(to)
    if (link !== undefined) return link
    const added: Link = { isCut: false, clogEnd: 0, lastArrival: 0 }
    this.links.set(from, links.set(to, added))
    return added
  }
}

const checkNetwork = (options: NetworkOptions): NetworkOptions => {
  checkRange('delay', options.delay)
  checkRange('slow', options.slow)
  for (const name of ['slowRate', 'lossRate', 'duplicateRate'] as const) {
    const rate = options[name]
    if (!(rate >= 0 && rate <= 1)) throw new UsageError(`${name} lies between 0 and 1`, { [name]: rate })
  }
  return options
}

/** @throws UsageError unless both ends are whole numbers, 0 or more and in order. */
export const checkRange = (name: string, { least, most }: Range): void => {
  if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || least < 0 || least > most)
    throw new UsageError(`${name} runs from one whole number to another`, { [name]: [least, most] })
}
