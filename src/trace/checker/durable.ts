import type { Entry } from '../../core/entry.ts'
import { successor, type Index, type NodeId, type Term } from '../../core/ids.ts'
import { slice } from '../../core/log/log.ts'
import type { Save, Send } from '../../core/output.ts'
import type { Rpc, SnapshotMeta } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import { ClaimViolation } from './violation.ts'

interface Pending {
  readonly save: Save
  readonly i: number | null
}

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
  private readonly pending: Pending[] = []
  /** Snapshots of its own that it was asked for, oldest first, and that may still be under way. */
  private asked: readonly SnapshotMeta[] = []

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

  /** A save is under way: that of step `i`, where steps are numbered. */
  enqueue(save: Save, i: number | null): void {
    this.pending.push({ save, i })
  }

  /** Everything up to this save is durable. Returns what was promised on it, in order. */
  complete(sequence: number): readonly Send[] {
    const released: Send[] = []
    for (let first = this.pending[0]; first !== undefined; first = this.pending[0]) {
      const { save } = first
      if (save.sequence > sequence) break
      this.pending.shift()
      this.perform(save)
      released.push(...save.then)
    }
    return released
  }

  /** The save under way that promises a message that `isIt`; null when none does. */
  promising(to: NodeId, isIt: (rpc: Rpc, i: number | null) => boolean): number | null {
    if (this.pending.length === 0) return null
    const found = this.pending.find(({ save, i }) => save.then.some((send) => send.to === to && isIt(send.rpc, i)))
    return found?.save.sequence ?? null
  }

  /** The server asks for a snapshot of its own. */
  ask(snapshot: SnapshotMeta): void {
    this.asked = [...this.asked, snapshot]
  }

  /**
   * The server learns that the snapshot of this index is on the disk. It may itself have turned to a later one, which it
   * received, and whose save is still under way: that one is not on the disk for it.
   */
  taken(index: Index, { snapshot }: RaftState['server']): void {
    const isIt = ({ lastIncludedIndex }: SnapshotMeta): boolean => lastIncludedIndex === index
    const written = isIt(snapshot) ? snapshot : this.asked.find(isIt)
    if (written !== undefined) this.adopt(written)
    this.asked = this.asked.filter(({ lastIncludedIndex }) => lastIncludedIndex > index)
  }

  private adopt(snapshot: SnapshotMeta): void {
    if (snapshot.lastIncludedIndex > this.snapshot.lastIncludedIndex) this.snapshot = snapshot
  }

  /**
   * Whether a server may come back like this: from what is surely on its disk, and any number of the saves under way,
   * the oldest first. What is on the disk is not to be asked for afterwards.
   */
  mayLeave(state: RaftState): boolean {
    for (;;) {
      if (this.isLike(state)) return true
      const next = this.pending.shift()
      if (next === undefined) return false
      this.perform(next.save)
    }
  }

  /** Equal logs end alike (Log Matching). A log that disagrees with its snapshot is none. */
  private isLike({ server, log }: RaftState): boolean {
    const { lastIncludedIndex, lastIncludedTerm } = server.snapshot
    const isKnown = server.currentTerm === this.currentTerm && server.votedFor === this.votedFor
    if (!isKnown && !this.isOfLostTerm(server)) return false
    if (lastIncludedIndex < this.snapshot.lastIncludedIndex) return false
    const isKept = this.termAt(lastIncludedIndex) === lastIncludedTerm
    const lastIndex = isKept ? this.lastIndex : lastIncludedIndex
    return log.lastIndex === lastIndex && log.lastTerm === (isKept ? this.termAt(lastIndex) : lastIncludedTerm)
  }

  /** A machine with a disk of its own has put a snapshot in force whose term is newer than the log's disk knows. */
  private isOfLostTerm({ currentTerm, votedFor, snapshot }: RaftState['server']): boolean {
    const isAhead = snapshot.lastIncludedIndex > this.snapshot.lastIncludedIndex
    return isAhead && currentTerm === snapshot.lastIncludedTerm && currentTerm > this.currentTerm && votedFor === null
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
