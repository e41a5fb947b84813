/**
 * Delta debugging (Zeller & Hildebrandt 2002), counted in runs of the predicate: the same input gives the same result on
 * any machine, unless somebody outside stops it.
 */
export class Budget {
  private left: number
  private used = 0
  private readonly shouldStop: () => boolean

  constructor(runs: number, shouldStop: () => boolean = () => false) {
    this.left = runs
    this.shouldStop = shouldStop
  }

  get runs(): number {
    return this.used
  }

  get isSpent(): boolean {
    return this.left <= 0
  }

  /** A budget of at most this many runs, and no more than are left. */
  part(runs: number): Budget {
    return new Budget(runs, () => !this.spend())
  }

  /** Whether one more run may be made; it then counts as made. */
  spend(): boolean {
    if (!this.isSpent && this.shouldStop()) this.left = 0
    if (this.isSpent) return false
    this.left--
    this.used++
    return true
  }
}

/**
 * The smallest sublist found for which `test` gives something other than null, and what it gave. `items` themselves
 * count as tested, with `found`. Unless the budget runs out nothing can be left out of the result, item by item.
 *
 * Halves are tried first, then smaller parts, from the back: what comes late is less often the cause. `left` says what
 * of a sublist mattered to an outcome: all of it before the part that was left out, and only that is tried again.
 */
export const minimise = <T, F>(
  items: readonly T[],
  found: F,
  test: (items: readonly T[]) => F | null,
  budget: Budget,
  left: (outcome: F, items: readonly T[]) => readonly T[] = (_, tested) => tested,
): readonly [readonly T[], F] => {
  let kept = items
  let result = found
  for (let size = Math.ceil(kept.length / 2); size >= 1;) {
    let removed = false
    for (let end = kept.length; end > 0; end = Math.min(end - size, kept.length)) {
      const start = Math.max(0, end - size)
      if (!budget.spend()) return [kept, result]
      const fewer = [...kept.slice(0, start), ...kept.slice(end)]
      const outcome = test(fewer)
      if (outcome === null) continue
      kept = left(outcome, fewer)
      result = outcome
      removed = true
    }
    if (size === 1 && !removed) break
    // Single items are tried until none can go; a larger part that went may have made room for others.
    size = size === 1 ? 1 : Math.min(Math.ceil(size / 2), Math.max(1, kept.length))
  }
  return [kept, result]
}
