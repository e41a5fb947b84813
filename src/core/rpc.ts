import type { Configuration } from './membership/configuration.ts'
import type { Entry } from './entry.ts'
import type { Index, NodeId, ObjectId, Term } from './ids.ts'

/**
 * What crosses the network, with the paper's names. A network may lose, delay, duplicate and reorder all of it;
 * it must not alter it, nor the sender's name that comes with it.
 */
export type Rpc =
  | RequestPreVote
  | RequestPreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | InstallSnapshot
  | InstallSnapshotResponse

/** "Would you vote for me?" (thesis 9.6). Changes nothing durable at either end. */
export interface RequestPreVote {
  readonly type: 'RequestPreVote'
  /** The term the sender would campaign in: its currentTerm + 1. */
  readonly term: Term
  readonly candidateId: NodeId
  readonly lastLogIndex: Index
  readonly lastLogTerm: Term
  /** Tells this question from earlier ones of the same term; echoed. Absent where an older version asks. */
  readonly question?: number
}

export interface RequestPreVoteResponse {
  readonly type: 'RequestPreVoteResponse'
  /** When granted, the term asked about; when not, the responder's currentTerm. */
  readonly term: Term
  readonly voteGranted: boolean
  /** That of the request. */
  readonly question?: number
}

/** Figure 2, "RequestVote RPC". */
export interface RequestVote {
  readonly type: 'RequestVote'
  readonly term: Term
  readonly candidateId: NodeId
  readonly lastLogIndex: Index
  readonly lastLogTerm: Term
}

export interface RequestVoteResponse {
  readonly type: 'RequestVoteResponse'
  readonly term: Term
  readonly voteGranted: boolean
}

/** Figure 2, "AppendEntries RPC". Without entries it is a heartbeat, or carries news of leaderCommit. */
export interface AppendEntries {
  readonly type: 'AppendEntries'
  readonly term: Term
  readonly leaderId: NodeId
  readonly prevLogIndex: Index
  readonly prevLogTerm: Term
  readonly entries: readonly Entry[]
  readonly leaderCommit: Index
  /** Counts the leader's rounds of heartbeats; echoed, it proves leadership for reads (section 8, thesis 6.4). */
  readonly round: number
}

/**
 * `silenceTicks` is how long the follower casts no vote since it received the request: its own electionTimeoutTicks.
 * Absent if it keeps no silence (checkQuorum is off). A lease rests on it, as servers may run with different options.
 */
export type AppendEntriesResponse = AppendEntriesSuccess | AppendEntriesFailure

export interface AppendEntriesSuccess {
  readonly type: 'AppendEntriesResponse'
  readonly term: Term
  readonly success: true
  /** The follower's log equals the leader's up to here, durably. */
  readonly matchIndex: Index
  readonly round: number
  readonly silenceTicks?: number
}

export interface AppendEntriesFailure {
  readonly type: 'AppendEntriesResponse'
  readonly term: Term
  readonly success: false
  /** The prevLogIndex that did not match. */
  readonly rejectedIndex: Index
  /**
   * Where the logs may still agree (section 5.3, end): the follower's last index not above rejectedIndex whose term
   * is not above prevLogTerm; the leader searches on from there in its own log.
   */
  readonly conflictIndex: Index
  /** The follower's term at conflictIndex. */
  readonly conflictTerm: Term
  readonly round: number
  readonly silenceTicks?: number
}

/** What a snapshot stands for: the state after lastIncludedIndex, and the configuration in force there. */
export interface SnapshotMeta {
  readonly lastIncludedIndex: Index
  readonly lastIncludedTerm: Term
  readonly configuration: Configuration
  /** Index of the entry that brought the configuration; at or below lastIncludedIndex. */
  readonly configurationIndex: Index
}

/** Snapshots with the same last entry stand for the same state (State Machine Safety, section 5.4.3). */
export const sameSnapshot = (a: SnapshotMeta, b: SnapshotMeta): boolean =>
  a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm

/**
 * One object of a snapshot (Figure 13; NuRaft's logical objects). The receiver names the object it wants next;
 * a snapshot of a single object whose `isLast` is set is the single-shot RPC of section 7.
 *
 * Senders may cut a snapshot into objects of different sizes. What a receiver holds is a sequence of objects, and the
 * digest is chained over exactly that sequence, also where another sender began it: who carries on takes over the
 * digest that the receiver names with the next object, and chains its own objects to it. Two cuts then meet only at
 * an object that the receiver's machine has named, which every replica can read (see `StateMachine.readObject`);
 * objects that come before their turn wait only for objects of their own transfer. The digest proves that sender and
 * receiver agree on everything kept, in order, since the transfer began; what was there before was proved the same way
 * to its own sender.
 */
export interface InstallSnapshot {
  readonly type: 'InstallSnapshot'
  readonly term: Term
  readonly leaderId: NodeId
  /** Unique over all leaders, rising within a term: objects of different transfers never mix. */
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  /** The receiver drops what it holds of the snapshot: an earlier transfer could not carry on from there. */
  readonly startsOver: boolean
  /** Rises by one with every object of the transfer, from 0; the same when an object is sent again. */
  readonly position: number
  readonly objectId: ObjectId
  readonly data: string
  /** CRC-32 of data. */
  readonly checksum: number
  /** Chained over every object that the receiver holds when it has kept this one: see `chainDigest`. */
  readonly digest: number
  readonly isLast: boolean
}

export interface InstallSnapshotResponse {
  readonly type: 'InstallSnapshotResponse'
  readonly term: Term
  readonly transferId: number
  /**
   * `wanted`: nextObjectId has not come. `saving`: it has, and is being kept. `installing`: all here, being put in
   * force. `installed`: see installedIndex.
   */
  readonly status: 'wanted' | 'saving' | 'installing' | 'installed'
  readonly nextObjectId: ObjectId
  /** The chained digest of what the receiver holds before nextObjectId; the transfer goes on from it. */
  readonly digest: number
  /** The receiver's log equals the leader's up to here, durably, whatever becomes of this transfer. */
  readonly installedIndex: Index
}
