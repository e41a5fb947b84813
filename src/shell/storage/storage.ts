import type { Save } from '../../core/output.ts'
import type { Remains } from '../../core/start.ts'
import type { SnapshotMeta } from '../../core/rpc.ts'
import type { CapturedObject } from '../../machine/capture.ts'
import type { ReceivedObject } from '../../machine/replica-state.ts'

/**
 * Where a node's promises are kept. Writes take effect in the order given, each as a whole or not at all; after a
 * crash any suffix of the unanswered ones may be missing, never one from the middle.
 *
 * Calls of `write` may overlap. One of nothing but snapshots never overtakes an earlier call, but later ones may
 * overtake it, so that saves need not wait for it; if what they bring covers more, or replaces everything, the
 * snapshot comes to nothing.
 */
export interface Storage {
  /** What is there; null where no node ever lived. @throws StorageError when it cannot be read or makes no sense. */
  load(): Promise<Stored | null>
  /**
   * Makes the writes durable, in order. Resolves when they are; a storage without a disk may answer at once with
   * nothing. The first write of all is a `reset`.
   * @throws StorageError when it fails: the node must stop, and nothing it promised on them may leave. The storage
   * refuses everything from then on; what is on the disk is known again once it has been opened anew.
   * @throws SnapshotNotStored when there was no room for the snapshot of a call of nothing but snapshots: everything is
   * as before, and the storage goes on.
   */
  write(writes: readonly StorageWrite[]): Promise<void> | undefined
  /** Ends what is under way, then lets go of the disk. Writes that come later are refused. */
  close(): Promise<void>
}

export type StorageWrite =
  | Save
  | ReceivedObject
  /** A snapshot of this node's own: all objects, then its meaning, as a whole; the one before it may go. */
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotMeta; readonly objects: Iterable<CapturedObject> }
  /** Everything afresh, in place of whatever is there: a birth, or a state that somebody vouches for. */
  | {
      readonly type: 'reset'
      readonly remains: StoredRemains
      readonly objects: Iterable<CapturedObject>
    }

/** What of a server lives on its disk. */
export type StoredRemains = Required<Pick<Remains, 'id' | 'hardState' | 'snapshot' | 'base' | 'entries'>>

export interface Stored {
  readonly remains: StoredRemains & Pick<Remains, 'received'>
  /** Of the snapshot in `remains`; none where that is the birth of the cluster. */
  readonly objects: readonly CapturedObject[]
  /** Of an unfinished transfer, in the order they came. */
  readonly received: readonly CapturedObject[]
}

/** The disk failed, or holds what no node could have written; or a write was asked for that no node would make. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/** A snapshot had no room. What was stored before is untouched. */
export class SnapshotNotStored extends Error {
  override readonly name = 'SnapshotNotStored'
}

/** Keeps nothing: for tests, courses, and nodes whose loss does not matter. */
export const memoryStorage = (): Storage => ({
  load: () => Promise.resolve(null),
  write: () => undefined,
  close: () => Promise.resolve(),
})
