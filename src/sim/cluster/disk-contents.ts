import { invariant, unreachable } from '../../core/assert.ts'
import type { Entry } from '../../core/entry.ts'
import { FIRST_OBJECT, INDEX_ZERO, TERM_ZERO, type Index, type Term } from '../../core/ids.ts'
import type { HardState, Save } from '../../core/output.ts'
import { sameSnapshot, type SnapshotMeta } from '../../core/rpc.ts'
import type { CapturedObject } from '../../machine/capture.ts'
import type { ReceivedObject } from '../../machine/replica-state.ts'

/** One turn at a disk. */
export type DiskWrite = Save | ReceivedObject | OwnSnapshot

/** A snapshot of the node's own. Its objects are made only if they are ever read back. */
export interface OwnSnapshot {
  readonly type: 'snapshot'
  readonly snapshot: SnapshotMeta
  readonly objects: () => readonly CapturedObject[]
}

interface Received {
  readonly last: Pick<ReceivedObject, 'snapshot' | 'nextObjectId' | 'digest'>
  readonly objects: readonly CapturedObject[]
}

/**
 * What a disk holds, and what each write does to it. As strict as the log of the shell is: a write that it would refuse,
 * and stop for, is a violation here.
 */
export class DiskContents {
  hardState: HardState = { currentTerm: TERM_ZERO, votedFor: null }
  base: { readonly index: Index; readonly term: Term } = { index: INDEX_ZERO, term: TERM_ZERO }
  entries: Entry[] = []
  snapshot: SnapshotMeta
  objects: () => readonly CapturedObject[] = () => []
  received: Received | null = null

  constructor(birth: SnapshotMeta) {
    this.snapshot = birth
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  /** @throws InvariantViolation for a write that leaves a hole, or rests on what is not there. */
  perform(write: DiskWrite): void {
    switch (write.type) {
      case 'save':
        return this.save(write)
      case 'storeObject':
        return this.receive(write)
      case 'snapshot':
        // One received meanwhile may be newer.
        if (write.snapshot.lastIncludedIndex > this.snapshot.lastIncludedIndex)
          this.adopt(write.snapshot, write.objects)
        return
      default:
        return unreachable(write)
    }
  }

  /** In the order that Save prescribes: truncate, append, adopt, compact. */
  private save({ hardState, truncateFrom, entries, snapshot, compactTo, lastIndex }: Save): void {
    if (hardState !== null) this.hardState = hardState
    if (truncateFrom !== null) this.entries.length = Math.min(this.entries.length, truncateFrom - this.base.index - 1)
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, 'saved entries continue the log', { index: entry.index })
      this.entries.push(entry)
    }
    if (snapshot !== null) this.adoptReceived(snapshot)
    if (compactTo !== null) this.compact(compactTo)
    invariant(this.lastIndex === lastIndex, 'a save says where the log ends', { lastIndex, stored: this.lastIndex })
  }

  private compact(to: { readonly index: Index; readonly term: Term }): void {
    if (to.index <= this.base.index) return
    const covered = this.snapshot.lastIncludedIndex
    invariant(to.index <= covered, 'a log is compacted as far as a stored snapshot covers it', { to, covered })
    this.entries.splice(0, to.index - this.base.index)
    this.base = to
  }

  private adoptReceived(snapshot: SnapshotMeta): void {
    const { received } = this
    invariant(
      received !== null &&
        sameSnapshot(received.last.snapshot, snapshot) &&
        received.last.nextObjectId === FIRST_OBJECT,
      'a snapshot that is adopted was received before, with all its objects',
    )
    this.adopt(snapshot, () => received.objects)
  }

  /** A transfer of what the snapshot covers has lost its purpose. */
  private adopt(snapshot: SnapshotMeta, objects: () => readonly CapturedObject[]): void {
    this.snapshot = snapshot
    this.objects = objects
    const offered = this.received?.last.snapshot.lastIncludedIndex ?? Infinity
    if (offered <= snapshot.lastIncludedIndex) this.received = null
  }

  private receive({ snapshot, objectId, data, digest, nextObjectId }: ReceivedObject): void {
    const { received } = this
    const isNext =
      received !== null && sameSnapshot(received.last.snapshot, snapshot) && received.last.nextObjectId === objectId
    invariant(objectId === FIRST_OBJECT || isNext, 'a received object follows the stored ones of its snapshot', {
      objectId,
    })
    const before = objectId === FIRST_OBJECT ? [] : (received?.objects ?? [])
    this.received = { last: { snapshot, digest, nextObjectId }, objects: [...before, { id: objectId, data }] }
  }
}

/*
 * Contents and batches of writes as texts, for a log in bytes. What waits for a save is no part of it.
 */

export const textOfContents = ({ objects, ...rest }: DiskContents): string =>
  JSON.stringify({ ...rest, objects: objects() })

export const contentsOf = (text: string): DiskContents => {
  const { objects, snapshot, ...rest } = JSON.parse(text) as Stored<DiskContents>
  return Object.assign(new DiskContents(snapshot), rest, { snapshot, objects: () => objects })
}

export const textOfWrites = (writes: readonly DiskWrite[]): string =>
  JSON.stringify(
    writes.map((write) => {
      if (write.type === 'snapshot') return { ...write, objects: write.objects() }
      return write.type === 'save' ? { ...write, then: [] } : write
    }),
  )

export const writesOf = (text: string): readonly DiskWrite[] =>
  (JSON.parse(text) as readonly (Save | ReceivedObject | Stored<OwnSnapshot>)[]).map((write) => {
    if (write.type !== 'snapshot') return write
    const { objects } = write
    return { ...write, objects: () => objects }
  })

/** As it is in JSON. */
type Stored<T extends { readonly objects: unknown }> = Omit<T, 'objects'> & {
  readonly objects: readonly CapturedObject[]
}
