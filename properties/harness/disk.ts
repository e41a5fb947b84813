import type { Entry } from '../../src/core/entry.ts'
import { type Index, type NodeId, type ObjectId, type Term } from '../../src/core/ids.ts'
import type { HardState, Save } from '../../src/core/output.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import { birthSnapshot, type Remains } from '../../src/core/start.ts'
import type { Configuration } from '../../src/core/membership/configuration.ts'
import { INDEX_ZERO, TERM_ZERO } from '../../src/core/ids.ts'
import type { Memory } from './machine.ts'
import { ClaimViolation } from '../../src/trace/checker/index.ts'

/** What a service keeps of a snapshot: durable as soon as it is here. */
export interface KeptSnapshot {
  readonly meta: SnapshotMeta
  readonly memory: Memory
}

/** Objects of an unfinished transfer. */
export interface Staged {
  readonly snapshot: SnapshotMeta
  readonly objects: readonly string[]
  readonly nextObjectId: ObjectId
  readonly digest: number
}

/**
 * A disk with a queue of writes: saves become durable in order, later than they were asked for. A crash keeps some
 * of the unanswered ones, the oldest, and loses the rest.
 */
export class Disk {
  hardState: HardState = { currentTerm: TERM_ZERO, votedFor: null }
  base: { readonly index: Index; readonly term: Term } = { index: INDEX_ZERO, term: TERM_ZERO }
  entries: Entry[] = []
  /** The latest snapshot in force, taken or received. */
  snapshot: SnapshotMeta
  readonly snapshots = new Map<Index, KeptSnapshot>()
  staged: Staged | null = null
  pending: Save[] = []
  /** The last save performed whose answer the server has not seen. */
  unreported: Save | null = null

  constructor(configuration: Configuration) {
    this.snapshot = birthSnapshot(configuration)
    this.snapshots.set(INDEX_ZERO, { meta: this.snapshot, memory: [] })
  }

  /** Makes the oldest saves durable and returns them. */
  complete(count: number): readonly Save[] {
    const done = this.pending.splice(0, count)
    for (const save of done) this.perform(save)
    this.unreported = done.at(-1) ?? this.unreported
    return done
  }

  crash(keep: number): void {
    for (const save of this.pending.splice(0, keep)) this.perform(save)
    this.pending = []
    this.unreported = null
  }

  private perform(save: Save): void {
    const { truncateFrom, entries, snapshot, compactTo } = save
    if (save.hardState !== null) this.hardState = save.hardState
    if (truncateFrom !== null) this.entries = this.entries.filter(({ index }) => index < truncateFrom)
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1)
        throw new ClaimViolation('PBS', 'saves leave no hole on a disk', { last: this.lastIndex, entry })
      this.entries.push(entry)
    }
    if (snapshot !== null) this.snapshot = snapshot
    if (compactTo === null || compactTo.index <= this.base.index) return
    this.entries = this.entries.filter(({ index }) => index > compactTo.index)
    this.base = compactTo
  }

  /** A snapshot of the service's own, durable before the server is told. */
  keep(kept: KeptSnapshot): void {
    this.snapshots.set(kept.meta.lastIncludedIndex, kept)
    if (kept.meta.lastIncludedIndex > this.snapshot.lastIncludedIndex) this.snapshot = kept.meta
  }

  get lastIndex(): Index {
    return this.entries.at(-1)?.index ?? this.base.index
  }

  /** The term at an index that is held; null when it is not, or compacted. */
  termAt(index: Index): Term | null {
    if (index === this.base.index) return this.base.term
    return this.entries[index - this.base.index - 1]?.term ?? null
  }

  /** Whether the entry would survive a crash, as itself or inside a snapshot. */
  holds(index: Index, term: Term): boolean {
    return index <= this.snapshot.lastIncludedIndex || this.termAt(index) === term
  }

  remains(id: NodeId): Remains {
    const { hardState, base, entries, snapshot, staged } = this
    const received = staged === null ? {} : { received: staged }
    return { id, hardState, base, entries: [...entries], snapshot, ...received }
  }
}
