import type { Entry } from './entry.ts'
import type { Index, NodeId, ObjectId, Term } from './ids.ts'
import type { Message, RequestId } from './message.ts'
import type { Rpc, SnapshotMeta } from './rpc.ts'
import type { RaftState } from './state.ts'

/** What a step asks of its host, to be carried out in the order of the list. */
export type Output =
  | Save
  | Send
  | Apply
  | Note
  | TakeSnapshot
  | ReadObject
  | SaveObject
  | InstallReceived
  | TransferEnded
  /** The proposal is in the leader's log from firstIndex to lastIndex; it may still be lost until committed. */
  | {
      readonly type: 'accepted'
      readonly id: RequestId
      readonly firstIndex: Index
      readonly lastIndex: Index
      readonly term: Term
    }
  /** The proposal or read has not happened and will not. `leader` is where to try next, if known. */
  | {
      readonly type: 'refused'
      readonly id: RequestId
      readonly reason: RefusalReason
      readonly leader: NodeId | null
    }
  /** A read of the state machine is linearizable once it has applied `index`. */
  | { readonly type: 'readReady'; readonly id: RequestId; readonly index: Index }

export type RefusalReason = 'not-leader' | 'busy' | 'no-lease'

/** The shape of `step`: the reducer itself, or a function around it that observes or checks. */
export type Reducer = (state: RaftState, message: Message) => readonly [RaftState, readonly Output[]]

/** Figure 2, "Persistent state on all servers", the part beside the log. */
export interface HardState {
  readonly currentTerm: Term
  readonly votedFor: NodeId | null
}

/**
 * One change of the disk. The host makes it durable as a whole, in this order:
 *
 * 1. Drop the entries from `truncateFrom` on.
 * 2. Append `entries`.
 * 3. Adopt `snapshot`: the received snapshot becomes this server's own.
 * 4. Compact: drop the entries up to `compactTo.index`.
 *
 * together with `hardState`. Once all of it is durable, the host sends the RPCs in `then`, in order, and answers `saved`.
 * Saves keep their order; several may share one write, and one `saved` with the last sequence completes them all. After a
 * crash, any suffix of the saves that were not answered may be missing, never one from the middle.
 *
 * What a host may rely on, and should refuse otherwise:
 * - `truncateFrom` is above the base of the log on the disk: compacted entries are never truncated.
 * - After steps 1 and 2 the log on the disk holds `compactTo.index` with `compactTo.term`, or holds no entry at all. The
 *   second is the case of a received snapshot that a log disagrees with or does not reach: `truncateFrom` has dropped all
 *   of it, and it begins anew after `compactTo`.
 *
 * A late `saved` is harmless: it does not count for entries that were truncated since (`truncation` in state.ts).
 */
export interface Save {
  readonly type: 'save'
  /** 1, 2, 3 … since the server's start. */
  readonly sequence: number
  readonly hardState: HardState | null
  /** Null: nothing to truncate. */
  readonly truncateFrom: Index | null
  readonly entries: readonly Entry[]
  /** Null: no snapshot to adopt. Its objects were kept before, by `saveObject`. */
  readonly snapshot: SnapshotMeta | null
  /** Null: nothing to compact. The entries up to here are covered by a durable snapshot. */
  readonly compactTo: { readonly index: Index; readonly term: Term } | null
  /** The last index of the log after this save. */
  readonly lastIndex: Index
  /** Replies that this save makes true (thesis 3.8). */
  readonly then: readonly Send[]
}

export interface Send {
  readonly type: 'send'
  readonly to: NodeId
  readonly rpc: Rpc
}

/** Everything that a step sends, at once or once its save is durable, in the order of the outputs. */
export const sendsOf = (outputs: readonly Output[]): readonly Send[] =>
  outputs.flatMap((output) => (output.type === 'send' ? [output] : output.type === 'save' ? output.then : []))

/** Committed entries for the state machine, in order, each exactly once since the start; answered by `applied`. */
export interface Apply {
  readonly type: 'apply'
  readonly entries: readonly Entry[]
}

/**
 * The compaction policy asks for a snapshot of the state after lastIncludedIndex. It is emitted when the state machine has
 * applied exactly that index and nothing further was handed out, and before any later `apply` or `installSnapshot`. So a
 * machine that captures its state in the order of the outputs captures the right one, however late it answers.
 * Answered by `snapshotTaken` once the snapshot is durable, or by `snapshotFailed`. A snapshot written late must not
 * replace a newer one that a save has adopted meanwhile.
 */
export interface TakeSnapshot {
  readonly type: 'takeSnapshot'
  readonly snapshot: SnapshotMeta
}

/**
 * Read one object of the snapshot for a follower, and keep that snapshot until `transferEnded`. Answered by `objectRead` or
 * `objectReadFailed`. A later request for the same transfer replaces an unanswered one. A host that never answers makes
 * the transfer time out: see `snapshotRetriesMax`.
 */
export interface ReadObject {
  readonly type: 'readObject'
  readonly to: NodeId
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly objectId: ObjectId
}

/** The leader's transfer to a follower is over: the snapshot need not be kept for it any more. */
export interface TransferEnded {
  readonly type: 'transferEnded'
  readonly to: NodeId
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly outcome: 'installed' | 'abandoned'
}

/**
 * Keep one received object. The first of a transfer (`objectId` 0) discards the objects of earlier transfers. Answered by
 * `objectSaved` or `objectRejected`; if it is never answered, the leader's next transfer asks for the object again.
 */
export interface SaveObject {
  readonly type: 'saveObject'
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly objectId: ObjectId
  readonly data: string
  readonly digest: number
  readonly isLast: boolean
}

/**
 * All objects have been received: replace the machine's state by theirs, in the order of the outputs, then answer
 * `snapshotInstalled` or `objectRejected`. It must be answered: until then the server applies nothing and does not
 * campaign. The leader gives the transfer up after `snapshotInstallTimeoutTicks`. The save that adopts the snapshot follows
 * the answer. A machine with a disk of its own replaces its state, its lastApplied and the snapshot that it reports as
 * `Remains.installed` in one durable write before it answers. A crash then leaves either the old state with the old log,
 * or the new state and what `restart` needs to adopt it.
 */
export interface InstallReceived {
  readonly type: 'installSnapshot'
  readonly transferId: number
  readonly snapshot: SnapshotMeta
}

/** What happened, for logs, traces and tests. The core has no logger. */
export type Note =
  | { readonly type: 'note'; readonly event: 'ignored'; readonly reason: IgnoredReason; readonly from: NodeId | null }
  /** Election Safety or State Machine Safety has been broken. A host should stop the server. */
  | {
      readonly type: 'note'
      readonly event: 'contradiction'
      readonly contradiction: Contradiction
      readonly from: NodeId
    }
  | {
      readonly type: 'note'
      readonly event: 'became'
      readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader'
      readonly term: Term
    }
  | { readonly type: 'note'; readonly event: 'transferStarted'; readonly to: NodeId; readonly transferId: number }
  | { readonly type: 'note'; readonly event: 'snapshotAdopted'; readonly index: Index }
  | { readonly type: 'note'; readonly event: 'objectRejected'; readonly reason: string }
  | { readonly type: 'note'; readonly event: 'snapshotFailed'; readonly index: Index; readonly reason: string }

/**
 * A message that no correct peer can send. The cause is a lost vote, a damaged disk or a server of another cluster, and
 * replicas may differ already. This server's state has not changed.
 */
export type Contradiction = 'second leader in one term' | 'an append contradicts a committed entry'

export type IgnoredReason =
  | 'stale term'
  | 'stale response'
  | 'not a member'
  | 'leader is alive'
  | 'malformed'
  | 'unknown transfer'
  | 'checksum mismatch'
  | 'not a voter'
  | 'installing a snapshot'
  | 'already leader'
  | 'older snapshot'
  | 'late answer'
