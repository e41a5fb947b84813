import type { MemberSet } from './member-set.ts'

/**
 * The configurations (two sets of operations, and a state) from which no order was found: a hash table in two typed
 * arrays. An entry is [the entry before it with the same slot, hash, state, then for each set its first and last word
 * and the words between]. Equality is exact; the hash only finds the candidates.
 */
export class Memo {
  /** For each slot the place of its last entry, or 0. */
  #slots = new Int32Array(64)
  #entries = new Int32Array(1024)
  /** Place 0 stands for none. */
  #end = 1
  size = 0

  has(hash: number, state: number, left: MemberSet, right: MemberSet): boolean {
    const entries = this.#entries
    for (let at = this.#slots[hash & (this.#slots.length - 1)] ?? 0; at !== 0; at = entries[at] ?? 0) {
      if (entries[at + 1] !== hash || entries[at + 2] !== state) continue
      const next = this.#matchEnd(at + HEAD, left)
      if (next !== -1 && this.#matchEnd(next, right) !== -1) return true
    }
    return false
  }

  /** Adds what it does not have; once the memory is full it adds no more, which costs time only. */
  add(hash: number, state: number, left: MemberSet, right: MemberSet): void {
    const room = HEAD + roomOf(left) + roomOf(right)
    if (this.#end + room > WORDS_MAX) return
    if (this.#end + room > this.#entries.length) {
      const larger = new Int32Array(Math.min(WORDS_MAX, Math.max(this.#end + room, this.#entries.length * 2)))
      larger.set(this.#entries)
      this.#entries = larger
    }
    if (this.size >= this.#slots.length) this.#spread()
    const slot = hash & (this.#slots.length - 1)
    this.#entries[this.#end] = this.#slots[slot] ?? 0
    this.#entries[this.#end + 1] = hash
    this.#entries[this.#end + 2] = state
    this.#slots[slot] = this.#end
    this.#end = this.#write(this.#write(this.#end + HEAD, left), right)
    this.size++
  }

  /** The place after the set that is at the place, or −1 when it is another set. */
  #matchEnd(at: number, set: MemberSet): number {
    const first = set.first()
    const last = set.last()
    if (this.#entries[at] !== first || this.#entries[at + 1] !== last) return -1
    let place = at + 2
    for (let word = first; word <= last; word++) if (this.#entries[place++] !== set.words[word]) return -1
    return place
  }

  #write(at: number, set: MemberSet): number {
    const first = set.first()
    const last = set.last()
    this.#entries[at] = first
    this.#entries[at + 1] = last
    let place = at + 2
    for (let word = first; word <= last; word++) this.#entries[place++] = set.words[word] ?? 0
    return place
  }

  /** Twice the slots, each entry in its new one. */
  #spread(): void {
    const before = this.#slots
    const slots = new Int32Array(before.length * 2)
    for (const last of before) {
      for (let at = last; at !== 0;) {
        const next = this.#entries[at] ?? 0
        const slot = (this.#entries[at + 1] ?? 0) & (slots.length - 1)
        this.#entries[at] = slots[slot] ?? 0
        slots[slot] = at
        at = next
      }
    }
    this.#slots = slots
  }
}

/** The entry before, the hash and the state. */
const HEAD = 3

const roomOf = (set: MemberSet): number => 2 + Math.max(0, set.last() - set.first() + 1)

/** 512 MiB of 4-byte words. */
const WORDS_MAX = 2 ** 27

/** Spreads a number over 32 bits, for hashes that are combined by exclusive or (the finalizer of MurmurHash3). */
export const scramble = (value: number): number => {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
