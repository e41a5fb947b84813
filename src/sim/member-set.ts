/**
 * Which operations are in a linearization, a bit for each. Early ones are nearly all in, late ones out, so that the
 * text that stands for it is short whatever the size.
 */
export class MemberSet {
  readonly #words: Uint16Array
  /** All words before it are full. */
  #first = 0
  /** All words after it are empty. */
  #last = -1

  constructor(size: number) {
    this.#words = new Uint16Array((size >>> 4) + 1)
  }

  has(member: number): boolean {
    return (this.#word(member >>> 4) & (1 << (member & 15))) !== 0
  }

  add(member: number): void {
    const at = member >>> 4
    this.#words[at] = this.#word(at) | (1 << (member & 15))
    if (at > this.#last) this.#last = at
  }

  remove(member: number): void {
    const at = member >>> 4
    this.#words[at] = this.#word(at) & ~(1 << (member & 15))
    if (at < this.#first) this.#first = at
  }

  /** Text that two sets of one size share exactly when they are equal; it tells where it ends. */
  describe(): string {
    while (this.#word(this.#first) === 0xffff) this.#first++
    while (this.#last >= this.#first && this.#word(this.#last) === 0) this.#last--
    let text = `${this.#first},${this.#last},`
    for (let at = this.#first; at <= this.#last; at++) text += String.fromCharCode(this.#word(at))
    return text
  }

  #word(at: number): number {
    return this.#words[at] ?? 0
  }
}
