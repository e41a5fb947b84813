import type { Entry } from '../../core/entry.ts'
import { successor, type Index, type NodeId, type Term } from '../../core/ids.ts'
import { slice } from '../../core/log/log.ts'
import type { Save, Send } from '../../core/output.ts'
import type { Rpc, SnapshotMeta } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import { ClaimViolation } from './violation.ts'

/**
 * What is surely on a server's disk, and what is on its way there. A save counts as durable once it was answered, or
 * once anybody has heard what it promises. Kept in plain lists: it must not share the mistakes of what it watches.
 */
export class Durable {
  currentTerm: Term
  votedFor: NodeId | null
  snapshot: SnapshotMeta
  private base: { readonly index: Index; readonly term: Term }
  private readonly entries: Entry[]
  private readonly pending: Save[] = []

  /** A server starts: its disk holds what it remembers. */
  constructor({ server, log }: RaftState) {
    this.currentTerm = server.currentTerm
    this.votedFor = server.votedFor
    this.snapshot = server.snapshot
    this.base = { index: log.baseIndex, term: log.baseTerm }
    this.entries = [...slice(log, successor(log.baseIndex), log.lastIndex)]
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

  enqueue(save: Save): void {
    this.pending.push(save)
  }

  /** Everything up to this save is durable. Returns what was promised on it, in order. */
  complete(sequence: number): readonly Send[] {
    const released: Send[] = []
    for (let first = this.pending[0]; first !== undefined && first.sequence <= sequence; first = this.pending[0]) {
      this.pending.shift()
      this.perform(first)
      released.push(...first.then)
    }
    return released
  }

  /** The save under way that promises this very message; null when none does. */
  promising(to: NodeId, rpc: Rpc): number | null {
    if (this.pending.length === 0) return null
    const found = this.pending.find(({ then }) => then.some((send) => send.to === to && isSame(send.rpc, rpc)))
    return found?.sequence ?? null
  }

  /** A snapshot of the service's own, durable before the server is told. */
  adopt(snapshot: SnapshotMeta): void {
    if (snapshot.lastIncludedIndex > this.snapshot.lastIncludedIndex) this.snapshot = snapshot
  }

  private perform({ hardState, truncateFrom, entries, snapshot, compactTo }: Save): void {
    if (hardState !== null) {
      this.currentTerm = hardState.currentTerm
      this.votedFor = hardState.votedFor
    }
    if (truncateFrom !== null) this.keepBelow(truncateFrom)
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1)
        throw new ClaimViolation('PBS', 'saves leave no hole on a disk', { last: this.lastIndex, index: entry.index })
      this.entries.push(entry)
    }
    if (snapshot !== null) this.adopt(snapshot)
    if (compactTo === null || compactTo.index <= this.base.index) return
    this.entries.splice(0, compactTo.index - this.base.index)
    this.base = compactTo
  }

  private keepBelow(index: Index): void {
    this.entries.length = Math.min(this.entries.length, Math.max(0, index - this.base.index - 1))
  }
}

/** A message that went through a file is equal to what was promised, but not the same object. */
const isSame = (one: Rpc, other: Rpc): boolean =>
  one === other || (one.type === other.type && one.term === other.term && JSON.stringify(one) === JSON.stringify(other))
