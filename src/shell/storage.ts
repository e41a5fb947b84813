import type { Save } from '../core/output.ts'
import type { Remains } from '../core/start.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { CapturedObject } from '../machine/capture.ts'
import type { ReceivedObject } from '../machine/replica-state.ts'

/**
 * Where a node's promises are kept. Writes take effect in the order given, each as a whole or not at all; after a
 * crash any suffix of the unanswered ones may be missing, never one from the middle.
 */
export interface Storage {
  /** What is there; null where no node ever lived. @throws StorageError when it cannot be read or makes no sense. */
  load(): Promise<Stored | null>
  /**
   * Makes the writes durable, in order. Resolves when they are; a storage without a disk may answer at once with
   * nothing. @throws StorageError when it fails: the node must stop, and nothing it promised on them may leave.
   */
  write(writes: readonly StorageWrite[]): Promise<void> | undefined
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

/** The disk failed, or holds what no node could have written. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/** Keeps nothing: for tests, courses, and nodes whose loss does not matter. */
export const memoryStorage = (): Storage => ({
  load: () => Promise.resolve(null),
  write: () => undefined,
  close: () => Promise.resolve(),
})
