import type { Entry } from '../core/entry.ts'
import type { Index, ObjectId } from '../core/ids.ts'
import type { Message, RequestId } from '../core/message.ts'
import type { Note, Output, Save, Send } from '../core/output.ts'
import type { Queue } from '../core/queue.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { RaftState } from '../core/state.ts'
import type { Completed, Lost, Pending } from './pending.ts'

/** A server with its state machine: everything a node is, as one immutable value. */
export interface Replica<S, R = unknown> {
  readonly raft: RaftState
  /** The state after `raft.server.lastApplied`. */
  readonly machine: S
  /** Snapshots as kept references: the latest, one being written, and those being sent; oldest first. */
  readonly captures: readonly Capture<S>[]
  /** The state being received, after the objects that have come. */
  readonly incoming: { readonly snapshot: SnapshotMeta; readonly state: S } | null
  /**
   * Accepted proposals that have no answer yet, in the order of acceptance: by term, and by index within a term. At
   * most uncommittedEntriesMax, and one more for each later term. Volatile: what waits at a crash is never answered.
   */
  readonly pending: Queue<Pending<R>>
  /** Reads that are granted, but wait for the machine to reach their index, in the order they were granted. */
  readonly reads: Queue<{ readonly id: RequestId; readonly index: Index }>
}

/** A snapshot: the meaning and the state it stands for. Taking one costs a reference. */
export interface Capture<S> {
  readonly snapshot: SnapshotMeta
  readonly state: S
}

/** What goes into a replica: the core's messages, but for those that a state machine in memory answers by itself. */
export type ReplicaMessage =
  | Exclude<
      Message,
      | { type: 'applied' }
      | { type: 'objectRead' }
      | { type: 'objectReadFailed' }
      | { type: 'objectSaved' }
      | { type: 'objectRejected' }
      | { type: 'snapshotInstalled' }
    >
  /**
   * Take a snapshot of what is applied now, whatever the policy says. Answered by `saveSnapshot`, if there is news that
   * no `saveSnapshot` before has asked to write.
   */
  | { readonly type: 'capture' }
  /** Answer to the output `continue`: apply the next batch. Every other message does so too, once it is handled. */
  | { readonly type: 'continue' }

export type ReplicaOutput<R> =
  | Save
  | Send
  | Note
  | Extract<Output, { type: 'accepted' | 'refused' }>
  | Completed<R>
  | Lost
  /** A batch has been applied. Results are those of its commands, in order; other entries have none. */
  | { readonly type: 'applied'; readonly entries: readonly Entry[]; readonly results: readonly R[] }
  /**
   * More is committed than one step applies (applyEntriesMax): answer with `continue`, after what else waits, so that a
   * long log is applied between other messages. The last output of its step.
   */
  | { readonly type: 'continue' }
  /** A read of the machine's present state is linearizable now. */
  | { readonly type: 'readable'; readonly id: RequestId; readonly index: Index }
  /** Write the capture of this index to disk, then answer `snapshotTaken` or `snapshotFailed`. */
  | { readonly type: 'saveSnapshot'; readonly snapshot: SnapshotMeta }
  /**
   * Keep a received object, in order with the saves, so that a transfer survives a restart and a later save may adopt
   * the snapshot. The first of a snapshot (`objectId` 0) discards what was kept of another.
   */
  | ReceivedObject

export interface ReceivedObject {
  readonly type: 'storeObject'
  readonly snapshot: SnapshotMeta
  readonly objectId: ObjectId
  readonly data: string
  /** Chained over the objects so far; with nextObjectId it is what `Remains.received` asks for. */
  readonly digest: number
  readonly nextObjectId: ObjectId
}

/** The capture that a `saveSnapshot` asks to write. */
export const captureAt = <S>(captures: readonly Capture<S>[], index: Index): Capture<S> | null =>
  captures.find(({ snapshot }) => snapshot.lastIncludedIndex === index) ?? null
