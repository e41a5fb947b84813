import { drawInteger, seedFrom, type Seed } from '../core/random.ts'

/** A stream of seeded draws. Streams of different names are independent, so that a new draw in one disturbs no other. */
export class Dice {
  private seed: Seed

  constructor(name: string, seed: Seed) {
    this.seed = seedFrom(name, seed)
  }

  /** A whole number in [from, to). Requires from < to. */
  integer(from: number, to: number): number {
    const [value, next] = drawInteger(this.seed, from, to)
    this.seed = next
    return value
  }

  /** A whole number in [least, most]. */
  within({ least, most }: Range): number {
    return least === most ? least : this.integer(least, most + 1)
  }

  /** True with this probability; 0 is never, 1 always, and neither of them draws. */
  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.integer(0, 2 ** 30) < probability * 2 ** 30
  }

  /** One of the items; undefined of none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.integer(0, items.length)]
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): readonly T[] {
    const left = [...items]
    const shuffled: T[] = []
    while (left.length > 0) shuffled.push(...left.splice(this.integer(0, left.length), 1))
    return shuffled
  }
}

/** Whole numbers from least to most, both included. */
export interface Range {
  readonly least: number
  readonly most: number
}
