import { invariant } from '../../core/assert.ts'
import type { Entry } from '../../core/entry.ts'
import { FIRST_OBJECT, INDEX_ZERO, TERM_ZERO, type Index, type NodeId, type Term } from '../../core/ids.ts'
import type { HardState, Save } from '../../core/output.ts'
import type { SnapshotMeta } from '../../core/rpc.ts'
import { birthSnapshot, type Birth, type Remains } from '../../core/start.ts'
import type { CapturedObject } from '../../machine/capture.ts'
import type { ReceivedObject } from '../../machine/replica-state.ts'
import { interrupted } from './torn.ts'

/** One turn at a disk. */
export type DiskWrite = Save | ReceivedObject | OwnSnapshot

/** A snapshot of the node's own. Its objects are made only if they are ever read back. */
export interface OwnSnapshot {
  readonly type: 'snapshot'
  readonly snapshot: SnapshotMeta
  readonly objects: () => readonly CapturedObject[]
}

/** What a crash cost. */
export interface CrashLoss {
  readonly lost: number
  /** A write was found in part, and discarded. */
  readonly isTorn: boolean
  /** A write that had begun, and was not synced, left nothing. */
  readonly isUnsynced: boolean
}

/** What a restart needs: see `restartReplica`. */
export interface DiskContent {
  readonly remains: Pick<Remains, 'id' | 'hardState' | 'snapshot' | 'base' | 'entries' | 'received'>
  readonly objects: readonly CapturedObject[]
  readonly received: readonly CapturedObject[]
}

/** Writes that become durable together, by one sync. */
interface Batch {
  readonly writes: DiskWrite[]
  isBegun: boolean
}

/**
 * A node's disk in memory. Batches of writes wait in order until their time has come; a crash loses the last of those that
 * still wait, never one from the middle. Of the first that is lost, some sectors may have been written.
 */
export class SimDisk {
  private readonly id: NodeId
  private hardState: HardState = { currentTerm: TERM_ZERO, votedFor: null }
  private base: { readonly index: Index; readonly term: Term } = { index: INDEX_ZERO, term: TERM_ZERO }
  private readonly entries: Entry[] = []
  private snapshot: SnapshotMeta
  private objects: () => readonly CapturedObject[] = () => []
  private received: { readonly last: ReceivedObject; readonly objects: readonly CapturedObject[] } | null = null
  private waiting: Batch[] = []
  private beside: OwnSnapshot[] = []
  private readonly isCopying: boolean

  /** @param isCopying whether what is read back went through its bytes */
  constructor({ id, configuration }: Birth, isCopying = false) {
    this.id = id
    this.isCopying = isCopying
    this.snapshot = birthSnapshot(configuration)
  }

  /** How many batches wait. */
  get waitingCount(): number {
    return this.waiting.length
  }

  /** A write that becomes durable by itself. */
  enqueue(write: DiskWrite): void {
    this.waiting.push({ writes: [write], isBegun: true })
  }

  /** A write that shares a batch with those that come until the batch begins. */
  gather(write: DiskWrite): void {
    const last = this.waiting.at(-1)
    if (last === undefined || last.isBegun) this.waiting.push({ writes: [write], isBegun: false })
    else last.writes.push(write)
  }

  /** Begins the batch that has gathered, unless another is under way. Returns whether there is one. */
  begin(): boolean {
    const [first] = this.waiting
    if (first === undefined || first.isBegun) return false
    first.isBegun = true
    return true
  }

  /** The oldest batch that waits becomes durable. */
  complete(): readonly DiskWrite[] {
    const batch = this.waiting.shift()
    invariant(batch !== undefined, 'a write is waited for until it is done')
    for (const write of batch.writes) this.perform(write)
    return batch.writes
  }

  /** A snapshot is written beside the batches. */
  writeBeside(write: OwnSnapshot): void {
    this.beside.push(write)
  }

  finishBeside(write: OwnSnapshot): void {
    this.dropBeside(write)
    this.perform(write)
  }

  dropBeside(write: OwnSnapshot): void {
    this.beside = this.beside.filter((other) => other !== write)
  }

  /** The first write of the oldest batch that waits. */
  get next(): DiskWrite | null {
    return this.waiting[0]?.writes[0] ?? null
  }

  /** The oldest batch that waits fails, and leaves no trace. */
  refuse(): void {
    this.waiting.shift()
  }

  /**
   * Of the batches that wait, the first ones make it, although nothing was said of it; the others are lost. Of the first of
   * those, if it was begun, some sectors reach the disk, and the next start judges what it finds there.
   * @param place where in a sector it begins, in units of the frames' alignment
   */
  crash(survivors: number, isWritten: (sector: number) => boolean = () => false, place = 0): CrashLoss {
    for (const { writes } of this.waiting.slice(0, survivors)) for (const write of writes) this.perform(write)
    // Beside what waits; a snapshot speaks of what was durable before.
    if (survivors > 0 || this.waiting.length === 0) for (const write of this.beside) this.perform(write)
    this.beside = []
    const lost = this.waiting.slice(survivors)
    this.waiting = []
    const [first] = lost
    if (first === undefined) return { lost: 0, isTorn: false, isUnsynced: false }
    const found = first.isBegun ? interrupted(JSON.stringify(first.writes), place, isWritten) : 'nothing'
    if (found === 'whole') for (const write of first.writes) this.perform(write)
    const count = lost.length - (found === 'whole' ? 1 : 0)
    return { lost: count, isTorn: found === 'torn', isUnsynced: first.isBegun && found === 'nothing' }
  }

  read(): DiskContent {
    const { id, hardState, base, snapshot, received } = this

    const remains = {
      id,
      hardState,
      base,
      snapshot,
      entries: this.isCopying ? copyOf(this.entries) : [...this.entries],
    }
    if (received === null) return { remains, objects: this.objects(), received: [] }
    const { snapshot: offered, nextObjectId, digest } = received.last
    return {
      remains: { ...remains, received: { snapshot: offered, nextObjectId, digest } },
      objects: this.objects(),
      received: received.objects,
    }
  }

  private perform(write: DiskWrite): void {
    switch (write.type) {
      case 'save':
        return this.save(write)
      case 'storeObject':
        return this.receive(write)
      case 'snapshot':
        // One received meanwhile may be newer.
        if (write.snapshot.lastIncludedIndex <= this.snapshot.lastIncludedIndex) return
        this.snapshot = write.snapshot
        this.objects = write.objects
        return
    }
  }

  /** In the order that Save prescribes: truncate, append, adopt, compact. */
  private save({ hardState, truncateFrom, entries, snapshot, compactTo }: Save): void {
    if (hardState !== null) this.hardState = hardState
    if (truncateFrom !== null) this.entries.length = Math.min(this.entries.length, truncateFrom - this.base.index - 1)
    for (const entry of entries) {
      invariant(entry.index === this.base.index + this.entries.length + 1, 'saved entries continue the log', {
        index: entry.index,
      })
      this.entries.push(entry)
    }
    if (snapshot !== null) this.adopt(snapshot)
    if (compactTo === null || compactTo.index <= this.base.index) return
    this.entries.splice(0, compactTo.index - this.base.index)
    this.base = compactTo
  }

  private adopt(snapshot: SnapshotMeta): void {
    const objects = this.received?.objects ?? []
    invariant(
      this.received?.last.snapshot.lastIncludedIndex === snapshot.lastIncludedIndex,
      'a snapshot that is adopted was received before',
    )
    this.snapshot = snapshot
    this.objects = () => objects
    this.received = null
  }

  private receive(last: ReceivedObject): void {
    const before = last.objectId === FIRST_OBJECT ? [] : (this.received?.objects ?? [])
    // An object may come again: it is as it was.
    const others = before.filter(({ id }) => id !== last.objectId)
    this.received = { last, objects: [...others, { id: last.objectId, data: last.data }] }
  }
}

const copyOf = (entries: readonly Entry[]): readonly Entry[] => JSON.parse(JSON.stringify(entries)) as Entry[]
