import { invariant } from '../core/assert.ts'
import { checksum } from '../core/checksum.ts'
import type { Entry } from '../core/entry.ts'
import { FIRST_OBJECT, INDEX_ZERO, TERM_ZERO, type Index, type NodeId, type Term } from '../core/ids.ts'
import type { HardState, Save } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import { birthSnapshot, type Birth, type Remains } from '../core/start.ts'
import type { CapturedObject } from '../machine/capture.ts'
import type { ReceivedObject } from '../machine/replica-state.ts'

/** One turn at a disk. */
export type DiskWrite =
  | Save
  | ReceivedObject
  /** A snapshot of the node's own. Its objects are made only if they are ever read back. */
  | {
      readonly type: 'snapshot'
      readonly snapshot: SnapshotMeta
      readonly objects: () => readonly CapturedObject[]
    }

/** What a crash cost. */
export interface CrashLoss {
  readonly lost: number
  /** A write was found in part, and discarded. */
  readonly isTorn: boolean
}

/** What a restart needs: see `restartReplica`. */
export interface DiskContent {
  readonly remains: Pick<Remains, 'id' | 'hardState' | 'snapshot' | 'base' | 'entries' | 'received'>
  readonly objects: readonly CapturedObject[]
  readonly received: readonly CapturedObject[]
}

/**
 * A node's disk in memory. Writes wait in order until their time has come; a crash loses the last of those that still
 * wait, never one from the middle.
 */
export class SimDisk {
  private readonly id: NodeId
  private hardState: HardState = { currentTerm: TERM_ZERO, votedFor: null }
  private base: { readonly index: Index; readonly term: Term } = { index: INDEX_ZERO, term: TERM_ZERO }
  private readonly entries: Entry[] = []
  private snapshot: SnapshotMeta
  private objects: () => readonly CapturedObject[] = () => []
  private received: { readonly last: ReceivedObject; readonly objects: readonly CapturedObject[] } | null = null
  private waiting: DiskWrite[] = []

  constructor({ id, configuration }: Birth) {
    this.id = id
    this.snapshot = birthSnapshot(configuration)
  }

  /** How many writes wait. */
  get waitingCount(): number {
    return this.waiting.length
  }

  enqueue(write: DiskWrite): void {
    this.waiting.push(write)
  }

  /** The oldest write that waits becomes durable. */
  complete(): DiskWrite {
    const write = this.waiting.shift()
    invariant(write !== undefined, 'a write is waited for until it is done')
    this.perform(write)
    return write
  }

  /** The oldest write that waits. */
  get next(): DiskWrite | null {
    return this.waiting[0] ?? null
  }

  /** The oldest write that waits fails, and leaves no trace. */
  refuse(): void {
    this.waiting.shift()
  }

  /**
   * Of the writes that wait, the first ones make it, and nobody will hear of it; the others are lost. The first of
   * those may get onto the disk in part: the share `torn` of its record, which the next start then finds damaged.
   */
  crash(survivors: number, torn = 0): CrashLoss {
    for (const write of this.waiting.slice(0, survivors)) this.perform(write)
    const lost = this.waiting.slice(survivors)
    this.waiting = []
    const [cut] = lost
    if (cut === undefined || torn <= 0) return { lost: lost.length, isTorn: false }
    const record = recordOf(cut)
    const isWhole = isRecord(record.slice(0, Math.ceil(record.length * torn)))
    if (isWhole) this.perform(cut)
    return { lost: isWhole ? lost.length - 1 : lost.length, isTorn: !isWhole }
  }

  read(): DiskContent {
    const { id, hardState, base, snapshot, received } = this
    const remains = { id, hardState, base, snapshot, entries: [...this.entries] }
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

/** A write as a journal holds it: it counts only if it is followed by its checksum. */
const recordOf = (write: DiskWrite): string => {
  const text = JSON.stringify(write)
  return `${text}${checksum(text).toString(16).padStart(8, '0')}`
}

const isRecord = (found: string): boolean => {
  const text = found.slice(0, -8)
  return found.slice(-8) === checksum(text).toString(16).padStart(8, '0')
}
