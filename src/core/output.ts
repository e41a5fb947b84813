import type { Entry } from './entry.ts'
import type { Index, NodeId, ObjectId, Term } from './ids.ts'
import type { RequestId } from './message.ts'
import type { Rpc, SnapshotMeta } from './rpc.ts'

/** What comes out of the reducer, to be carried out in the order of the list. */
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
  /** The proposal or read did not and will not happen. `leader` is where to try, as far as is known. */
  | {
      readonly type: 'refused'
      readonly id: RequestId
      readonly reason: RefusalReason
      readonly leader: NodeId | null
    }
  /** Reading the state machine once it has applied `index` is linearizable. */
  | { readonly type: 'readReady'; readonly id: RequestId; readonly index: Index }

export type RefusalReason = 'not-leader' | 'busy' | 'no-lease'

/** Figure 2, "Persistent state on all servers", the part beside the log. */
export interface HardState {
  readonly currentTerm: Term
  readonly votedFor: NodeId | null
}

/**
 * Make durable, atomically: first truncate, then append, then adopt the snapshot, then compact. Only then perform
 * `then`, and answer `saved`. Saves keep their order; several may share one write. After a crash any suffix of the
 * unanswered saves may be missing, never one from the middle.
 */
export interface Save {
  readonly type: 'save'
  /** 1, 2, 3 … within one life of the server. */
  readonly sequence: number
  readonly hardState: HardState | null
  /** Entries from here on are to be dropped before `entries` follow. */
  readonly truncateFrom: Index | null
  readonly entries: readonly Entry[]
  /** A received snapshot becomes this server's own, together with the rest of this save. */
  readonly snapshot: SnapshotMeta | null
  /** Entries up to here are covered by a durable snapshot and may be dropped. */
  readonly compactTo: { readonly index: Index; readonly term: Term } | null
  /** The last index of the log after this save. */
  readonly lastIndex: Index
  /** Promises that rest on this save (thesis 3.8): they leave once it is durable. */
  readonly then: readonly Send[]
}

export interface Send {
  readonly type: 'send'
  readonly to: NodeId
  readonly rpc: Rpc
}

/** Committed entries, each exactly once and in order; answered by `applied`. */
export interface Apply {
  readonly type: 'apply'
  readonly entries: readonly Entry[]
}

/**
 * The compaction policy asks for a snapshot of the state after lastIncludedIndex. It comes when the state machine has
 * acknowledged that very index and nothing further was handed out, and before any later `apply` or `installSnapshot`:
 * a machine that captures its state in the order of the outputs captures the right one, however late it answers.
 * Answered by `snapshotTaken` once the snapshot is durable, or by `snapshotFailed`. Written late, it must not take the
 * place of a newer one that a save has adopted meanwhile.
 */
export interface TakeSnapshot {
  readonly type: 'takeSnapshot'
  readonly snapshot: SnapshotMeta
}

/**
 * Read one object of the snapshot for a follower; keep that snapshot until `transferEnded`. The last one asked for is
 * the one that is waited for, not for ever: see `snapshotRetriesMax`.
 */
export interface ReadObject {
  readonly type: 'readObject'
  readonly to: NodeId
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly objectId: ObjectId
}

/** The leader's transfer to a follower is over; what was kept for it may go. */
export interface TransferEnded {
  readonly type: 'transferEnded'
  readonly to: NodeId
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly outcome: 'installed' | 'abandoned'
}

/**
 * Keep one received object. The first of a transfer (`objectId` 0) discards what earlier ones left. One that is never
 * answered is asked for again by the leader's next transfer.
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
 * All objects are here: put the received state in force, in the order of the outputs, then answer `snapshotInstalled`.
 * Must be answered: until then the server applies nothing more and does not campaign, however long that takes. Its
 * leader gives up after `snapshotInstallTimeoutTicks`. The save that adopts the snapshot follows that answer. A machine
 * with a disk of its own replaces its state, its lastApplied and the snapshot it names as `Remains.installed` in one
 * durable write before it answers, so that a crash at any point leaves the old state with the old log, or the new state
 * and the means to adopt it.
 */
export interface InstallReceived {
  readonly type: 'installSnapshot'
  readonly transferId: number
  readonly snapshot: SnapshotMeta
}

/** What happened, for people, traces and tests. The core has no logger. */
export type Note =
  | { readonly type: 'note'; readonly event: 'ignored'; readonly reason: IgnoredReason; readonly from: NodeId | null }
  /** Election Safety or State Machine Safety does not hold any more; a shell stops unless it is meant to go on. */
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
 * What no correct peer can send: a forgotten vote, a damaged disk or a server that belongs to another cluster is behind
 * it, and replicas may differ already. Nothing was changed.
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
