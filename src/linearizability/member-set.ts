/**
 * Which operations are in a linearization, a bit for each. Early ones are nearly all in, late ones out, so that few
 * words tell one set from another whatever the size.
 */
export class MemberSet {
  readonly words: Int32Array
  /** All words before it are full. */
  #first = 0
  /** All words after it are empty. */
  #last = -1

  constructor(size: number) {
    this.words = new Int32Array((size >>> 5) + 1)
  }

  has(member: number): boolean {
    return (this.#word(member >>> 5) & (1 << (member & 31))) !== 0
  }

  add(member: number): void {
    const at = member >>> 5
    this.words[at] = this.#word(at) | (1 << (member & 31))
    if (at > this.#last) this.#last = at
  }

  remove(member: number): void {
    const at = member >>> 5
    this.words[at] = this.#word(at) & ~(1 << (member & 31))
    if (at < this.#first) this.#first = at
  }

  /** The first word that is not full. */
  first(): number {
    while (this.#word(this.#first) === FULL) this.#first++
    return this.#first
  }

  /** The last word that is not empty; before the first when there is none from it on. */
  last(): number {
    while (this.#last >= 0 && this.#word(this.#last) === 0) this.#last--
    return this.#last
  }

  #word(at: number): number {
    return this.words[at] ?? 0
  }
}

const FULL = -1
