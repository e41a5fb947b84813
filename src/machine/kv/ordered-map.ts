import { EmptyBTree } from 'sorted-btree'

/**
 * A persistent ordered map from strings, over sorted-btree's lazily shared nodes (about 2 µs an edit at a million
 * keys, a version kept for the price of a reference). This file is the only one that knows the library.
 *
 * The library clones by setting "shared" flags on nodes of the original: nothing that shows, but the nodes must not
 * be frozen. Hence the private field: neither a deep freeze, nor a comparison, nor JSON reaches them.
 */
interface Tree<V> {
  readonly size: number
  get(key: string): V | undefined
  has(key: string): boolean
  set(key: string, value: V): boolean
  delete(key: string): boolean
  clone(): Tree<V>
  minKey(): string | undefined
  maxKey(): string | undefined
  entries(lowestKey?: string): IterableIterator<[string, V]>
}

// The library is CommonJS with a `default` member: Node and bundlers disagree about what importing its default means.
// The constructor of a named export is the same everywhere.
const BTree = EmptyBTree.constructor as unknown as new <V>(
  entries: undefined,
  compare: (a: string, b: string) => number,
) => Tree<V>

/** UTF-16 code unit order: the same on every machine, in every locale. */
const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Never undefined: absence is. */
export type Present = object | string | number | boolean | null

/** One version of a map. Immutable; versions share what they have in common. Two are equal if their entries are. */
export class OrderedMap<V extends Present> {
  readonly #tree: Tree<V>

  /** Without an argument: the empty map. */
  constructor(tree: Tree<V> = new BTree<V>(undefined, byCodeUnits)) {
    this.#tree = tree
  }

  get size(): number {
    return this.#tree.size
  }

  get(key: string): V | undefined {
    return this.#tree.get(key)
  }

  has(key: string): boolean {
    return this.#tree.has(key)
  }

  maxKey(): string | undefined {
    return this.#tree.maxKey()
  }

  /** Entries in ascending order, from `from` (included) or the first. O(log n) to begin. */
  entries(from?: string): IterableIterator<[string, V]> {
    return this.#tree.entries(from)
  }

  /** Entries whose key is greater than `key`, ascending. */
  *entriesAfter(key: string): Generator<[string, V], void> {
    for (const entry of this.#tree.entries(key)) if (entry[0] !== key) yield entry
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.entries()
  }

  /** What JSON.stringify shows: the entries, in order, which say exactly what the map holds. */
  toJSON(): readonly (readonly [string, V])[] {
    return [...this.entries()]
  }

  /** A scratch pad for one batch; this version stays as it is. */
  edit(): MapEdit<V> {
    return new MapEdit(this, this.#tree)
  }
}

/** Mutable inside one batch, invisible outside: the first change makes its own copy, lazily, node by node. */
export class MapEdit<V extends Present> {
  #version: OrderedMap<V>
  #tree: Tree<V>
  #owned = false

  constructor(version: OrderedMap<V>, tree: Tree<V>) {
    this.#version = version
    this.#tree = tree
  }

  get size(): number {
    return this.#tree.size
  }

  get(key: string): V | undefined {
    return this.#tree.get(key)
  }

  has(key: string): boolean {
    return this.#tree.has(key)
  }

  minKey(): string | undefined {
    return this.#tree.minKey()
  }

  maxKey(): string | undefined {
    return this.#tree.maxKey()
  }

  set(key: string, value: V): void {
    this.#own().set(key, value)
  }

  /** Whether there was anything to delete. */
  delete(key: string): boolean {
    // Asked first, because the library would copy nodes on the way to a key that is not there.
    return this.#tree.has(key) && this.#own().delete(key)
  }

  /** The version after the changes; the very same object as before if there were none. Edits may go on after it. */
  done(): OrderedMap<V> {
    if (this.#owned) {
      this.#version = new OrderedMap(this.#tree)
      this.#owned = false
    }
    return this.#version
  }

  #own(): Tree<V> {
    if (!this.#owned) {
      this.#tree = this.#tree.clone()
      this.#owned = true
    }
    return this.#tree
  }
}
