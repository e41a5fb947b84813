import { unreachable } from '../core/assert.ts'
import type { Entry } from '../core/entry.ts'
import { FIRST_OBJECT, predecessor, successor, type Index } from '../core/ids.ts'
import type { Save } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { ReceivedObject } from '../machine/replica-state.ts'
import type { Head, ObjectRun } from './decode-stored.ts'
import { entryKey, objectKey, seal, type Operation } from './level-keys.ts'
import { StorageError, type StoredRemains } from './storage.ts'

/** A write whose objects, if it has any, are in the database, or in the same batch, already. */
export type StagedWrite =
  | Save
  | ReceivedObject
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotMeta; readonly objects: ObjectRun }
  | { readonly type: 'reset'; readonly remains: StoredRemains; readonly objects: ObjectRun }

/** Writes on their way to becoming one batch. Nothing is read: all that decides is in the head. */
export class WritePlan {
  /** As it will be after the batch. */
  head: Head | null
  readonly operations: Operation[]
  /** Objects that nothing refers to after the batch. */
  readonly garbage: ObjectRun[] = []
  private readonly newGeneration: () => number

  constructor(head: Head | null, operations: readonly Operation[], newGeneration: () => number) {
    this.head = head
    this.operations = [...operations]
    this.newGeneration = newGeneration
  }

  /**
   * `isObsolete` says of a snapshot that a reset overtook it.
   * @throws StorageError for a write that would leave a hole, or that adopts what is not there.
   */
  add(write: StagedWrite, isObsolete: boolean): void {
    switch (write.type) {
      case 'save':
        this.head = this.save(this.bornHead(), write)
        return
      case 'storeObject':
        this.head = this.storeObject(this.bornHead(), write)
        return
      case 'snapshot': {
        const head = this.bornHead()
        const isOlder = write.snapshot.lastIncludedIndex < head.snapshot.lastIncludedIndex
        if (isObsolete || isOlder) this.garbage.push(write.objects)
        else this.head = this.adopt(head, write.snapshot, write.objects)
        return
      }
      case 'reset':
        this.head = this.reset(write.remains, write.objects)
        return
      default:
        return unreachable(write)
    }
  }

  private bornHead(): Head {
    if (this.head === null) throw new StorageError('a server is stored as a whole (reset) before changes to it are')
    return this.head
  }

  /** First truncate, then append, then adopt the snapshot, then compact. */
  private save(before: Head, save: Save): Head {
    let head = save.hardState === null ? before : { ...before, hardState: save.hardState }
    if (save.truncateFrom !== null) head = this.truncate(head, save.truncateFrom)
    if (save.entries.length > 0) head = { ...head, lastIndex: this.append(head.lastIndex, save.entries) }
    if (save.snapshot !== null) head = this.adoptReceived(head, save.snapshot)
    if (save.compactTo !== null) head = this.compact(head, save.compactTo)
    if (head.lastIndex !== save.lastIndex)
      throw new StorageError(`a save ends at index ${save.lastIndex}, the stored log at ${head.lastIndex}`)
    return head
  }

  private truncate(head: Head, from: Index): Head {
    if (from > head.lastIndex) return head
    if (from <= head.base.index)
      throw new StorageError(`entries up to ${head.base.index} are compacted, and cannot be dropped from ${from} on`)
    this.deleteEntries(from, head.lastIndex)
    return { ...head, lastIndex: predecessor(from) }
  }

  private append(after: Index, entries: readonly Entry[]): Index {
    let lastIndex = after
    for (const entry of entries) {
      if (entry.index !== lastIndex + 1)
        throw new StorageError(`entry ${entry.index} does not follow the stored log, which ends at ${lastIndex}`)
      lastIndex = entry.index
      this.operations.push(seal(entryKey(lastIndex), entry))
    }
    return lastIndex
  }

  private adoptReceived(head: Head, snapshot: SnapshotMeta): Head {
    const { received } = head
    if (received === null || !isSame(received.snapshot, snapshot) || received.nextObjectId !== FIRST_OBJECT)
      throw new StorageError(`the objects of the snapshot at ${snapshot.lastIncludedIndex} are not all stored`)
    return this.adopt({ ...head, received: null }, snapshot, received.objects)
  }

  /** The objects become those of this server's snapshot; a transfer of what it covers has lost its purpose. */
  private adopt(head: Head, snapshot: SnapshotMeta, objects: ObjectRun): Head {
    this.garbage.push(head.objects)
    const { received } = head
    if (received === null || received.snapshot.lastIncludedIndex > snapshot.lastIncludedIndex)
      return { ...head, snapshot, objects }
    this.garbage.push(received.objects)
    return { ...head, snapshot, objects, received: null }
  }

  /** A log compacted past the snapshot would have a hole for ever: refused, rather than written. */
  private compact(head: Head, to: Head['base']): Head {
    const { base, lastIndex, snapshot } = head
    if (to.index <= base.index) return head
    if (to.index > snapshot.lastIncludedIndex)
      throw new StorageError(`the log is not compacted to ${to.index}: no stored snapshot covers it`)
    this.deleteEntries(successor(base.index), to.index < lastIndex ? to.index : lastIndex)
    return { ...head, base: to, lastIndex: to.index > lastIndex ? to.index : lastIndex }
  }

  private storeObject(head: Head, write: ReceivedObject): Head {
    const { snapshot, objectId, data, digest, nextObjectId } = write
    const objects = objectId === FIRST_OBJECT ? this.beginReceiving(head) : runToContinue(head, write)
    this.operations.push(seal(objectKey(objects.generation, objects.count), { id: objectId, data }))
    return {
      ...head,
      received: { snapshot, nextObjectId, digest, objects: { ...objects, count: objects.count + 1 } },
    }
  }

  private beginReceiving({ received }: Head): ObjectRun {
    if (received !== null) this.garbage.push(received.objects)
    return { generation: this.newGeneration(), count: 0 }
  }

  private reset(remains: StoredRemains, objects: ObjectRun): Head {
    const { id, hardState, snapshot, base, entries } = remains
    if (this.head !== null) {
      this.deleteEntries(successor(this.head.base.index), this.head.lastIndex)
      this.garbage.push(this.head.objects)
      if (this.head.received !== null) this.garbage.push(this.head.received.objects)
    }
    if (base.index > snapshot.lastIncludedIndex)
      throw new StorageError(`no snapshot covers the log up to its base, ${base.index}`)
    return { id, hardState, base, lastIndex: this.append(base.index, entries), snapshot, objects, received: null }
  }

  private deleteEntries(from: Index, to: Index): void {
    for (let index = from; index <= to; index = successor(index))
      this.operations.push({ type: 'del', key: entryKey(index) })
  }
}

const runToContinue = ({ received }: Head, { snapshot, objectId }: ReceivedObject): ObjectRun => {
  if (received === null || !isSame(received.snapshot, snapshot) || received.nextObjectId !== objectId)
    throw new StorageError(`object ${JSON.stringify(objectId)} does not follow the stored ones of its transfer`)
  return received.objects
}

const isSame = (a: SnapshotMeta, b: SnapshotMeta): boolean =>
  a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm
