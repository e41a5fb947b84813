import type { KeyState } from './kv-model.ts'
import type { Claim } from './claims.ts'

/** A value's writers by call; of those up to each, the two that returned last. */
interface Writers {
  readonly claims: Claim[]
  readonly latest: (readonly [Claim, Claim | null])[]
}

/** Which operations may have written what. A missing key is there at birth, before every operation. */
export class Sources {
  readonly #byValue = new Map<KeyState, Writers>()
  /** Those that write any value, and so end a missing key. */
  readonly #present: Writers = { claims: [], latest: [] }

  constructor(claims: readonly Claim[]) {
    for (const claim of [...claims].sort((left, right) => left.call - right.call)) {
      if (claim.leaves === null) continue
      const { value } = claim.leaves
      const writers = this.#byValue.get(value) ?? { claims: [], latest: [] }
      this.#byValue.set(value, writers)
      enter(writers, claim)
      if (value !== undefined) enter(this.#present, claim)
    }
  }

  has(value: KeyState): boolean {
    return value === undefined || this.#byValue.has(value)
  }

  isWrittenOnce(value: KeyState): boolean {
    return this.count(value) === 1
  }

  /** How often the value is written, birth included. */
  count(value: KeyState): number {
    return (this.#byValue.get(value)?.claims.length ?? 0) + (value === undefined ? 1 : 0)
  }

  writersOf(value: KeyState): readonly Claim[] {
    return this.#byValue.get(value)?.claims ?? []
  }

  /** Of the other operations that may have written the value ahead of the reader's return, the one that returned last. */
  latest(value: KeyState, reader: Claim): Claim | null {
    return latestOf(this.#byValue.get(value), reader)
  }

  /** The same for any value. */
  latestOfAny(reader: Claim): Claim | null {
    return latestOf(this.#present, reader)
  }
}

const enter = ({ claims, latest }: Writers, claim: Claim): void => {
  claims.push(claim)
  const [first, second] = latest.at(-1) ?? [null, null]
  if (first === null) latest.push([claim, null])
  else if (claim.end > first.end) latest.push([claim, first])
  else latest.push([first, second === null || claim.end > second.end ? claim : second])
}

const latestOf = (writers: Writers | undefined, reader: Claim): Claim | null => {
  if (writers === undefined) return null
  let low = 0
  let high = writers.claims.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((writers.claims[middle]?.call ?? Infinity) <= reader.end) low = middle + 1
    else high = middle
  }
  const [first, second] = writers.latest[low - 1] ?? [null, null]
  return first?.operation === reader.operation ? second : first
}
