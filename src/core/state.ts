import type { Options } from './config.ts'
import type { ConfigurationAt } from './membership/configuration.ts'
import type { Index, NodeId, ObjectId, Term } from './ids.ts'
import type { Log } from './log/log.ts'
import type { RequestId } from './message.ts'
import type { Progress } from './progress.ts'
import type { Queue } from './queue.ts'
import type { Seed } from './random.ts'
import type { InstallSnapshot, SnapshotMeta } from './rpc.ts'

/*
 * The order of the indices. It holds after every step; checkState asserts it.
 *
 *     log.baseIndex ≤ snapshot.lastIncludedIndex ≤ lastApplied ≤ applyingIndex ≤ commitIndex ≤ log.lastIndex
 *
 *     compacted  │ kept for slow followers │  applied   │ being applied │ committed │ not committed yet
 *     ───────────┼─────────────────────────┼────────────┼───────────────┼───────────┼──────────────────►  index
 *            baseIndex           lastIncludedIndex  lastApplied   applyingIndex  commitIndex     lastIndex
 *
 * durableIndex, up to where the log is on this server's disk, lies between applyingIndex (or the snapshot, if that is
 * higher) and lastIndex: only durable entries are applied. It may be below commitIndex, since a quorum of other disks
 * commits, and above it.
 */

/** A server's whole state: plain data, equal to itself after a round trip through JSON. */
export interface RaftState {
  readonly options: Options
  readonly server: Server
  readonly log: Log
}

/** Figure 2, "State", beside the log. */
export interface Server {
  readonly id: NodeId
  /** Latest term this server has seen; never falls, also across restarts. */
  readonly currentTerm: Term
  /** The candidate that this server voted for in currentTerm. */
  readonly votedFor: NodeId | null
  /** The leader of currentTerm, if known. */
  readonly leaderId: NodeId | null
  readonly role: Role
  /** Highest index known to be committed. */
  readonly commitIndex: Index
  /** Highest index emitted in an `apply` output: in [lastApplied, commitIndex]. */
  readonly applyingIndex: Index
  /** Highest index the state machine has acknowledged. */
  readonly lastApplied: Index
  /** Entries up to here are on this server's disk. It falls when a suffix is truncated. */
  readonly durableIndex: Index
  /** Sequence of the last save emitted, and of the last one answered. */
  readonly saveSequence: number
  readonly savedSequence: number
  /** Sequence of the last save that held currentTerm and votedFor: both are durable once it is answered. */
  readonly hardStateSequence: number
  /** A truncation that is not durable yet: completions of earlier saves prove nothing about entries from `index` on. */
  readonly truncation: { readonly sequence: number; readonly index: Index } | null
  /** The configuration at the log's base and every later one in the log, oldest first; the last is in force. */
  readonly configurations: readonly [ConfigurationAt, ...ConfigurationAt[]]
  /** The latest durable snapshot; lastIncludedIndex 0 stands for the initial state. */
  readonly snapshot: SnapshotMeta
  /** Index of the snapshot that was requested and not answered; 0 when none is. */
  readonly snapshotRequested: Index
  /**
   * What the compaction policy counts. `index`: the latest snapshot, or a later one that failed. `bytes`: the bytes of the
   * entries in (index, upTo].
   */
  readonly sinceSnapshot: { readonly index: Index; readonly upTo: Index; readonly bytes: number }
  /** The reception of a snapshot that is under way. */
  readonly receiving: Receiving | null
  /** Ticks since the last message of the leader or granted vote; in a leader, since its last quorum check. */
  readonly electionElapsedTicks: number
  /** Drawn from [electionTimeoutTicks, 2 × electionTimeoutTicks). */
  readonly electionDeadlineTicks: number
  /**
   * Ticks left in which vote requests are ignored, if checkQuorum is set: electionTimeoutTicks after each message of a
   * leader, of any term, and after each restart, since such a message may have come before. A leader's lease rests on it
   * (thesis 4.2.3, 6.4.1; the arithmetic is in read-index.ts). The first tick may come at once, so the time is longer than
   * electionTimeoutTicks − 1 whole ticks. Never longer than an election deadline, so that a timer never runs out in vain.
   */
  readonly stickyTicks: number
  readonly seed: Seed
}

export type Role = Follower | PreCandidate | Candidate | Leader

export interface Follower {
  readonly type: 'follower'
}

/** Asks whether it could win an election before it starts one (thesis 9.6). */
export interface PreCandidate {
  readonly type: 'preCandidate'
  readonly granted: readonly NodeId[]
  readonly rejected: readonly NodeId[]
}

export interface Candidate {
  readonly type: 'candidate'
  readonly granted: readonly NodeId[]
  readonly rejected: readonly NodeId[]
  /** Its vote for itself counts once the save of this sequence is durable. */
  readonly voteSequence: number
}

export interface Leader {
  readonly type: 'leader'
  /** Every other member, in the order of the configuration's sorted names. */
  readonly progress: readonly Progress[]
  /** Index of the first entry of this term. While commitIndex is below it, earlier commits may be unknown (section 8). */
  readonly termStartIndex: Index
  readonly heartbeatElapsedTicks: number
  /** The latest round of heartbeats begun, and the latest that a quorum has answered. */
  readonly round: number
  readonly ackedRound: number
  /** Waiting reads, oldest first, so in the order of their rounds; at most pendingReadsMax. */
  readonly reads: Queue<PendingRead>
  /** Ticks since this server became leader: the clock of leases. */
  readonly clockTicks: number
  /** When unanswered rounds began, oldest first. */
  readonly roundsStarted: readonly { readonly round: number; readonly atTicks: number }[]
  /** The clockTicks at which the latest round answered by a quorum began; −1 before the first. */
  readonly leaseTicks: number
  /** Members that ignore candidates for less than this leader's electionTimeoutTicks: their answers extend no lease. */
  readonly shortSilence: readonly NodeId[]
  readonly transfersStarted: number
  /** Followers whose last transfer failed, each once; removed when a transfer succeeds. */
  readonly failedTransfers: readonly FailedTransfer[]
}

/** After a failed transfer the leader pauses, twice as long after each further failure, up to a limit. */
export interface FailedTransfer {
  readonly id: NodeId
  /** Failed transfers in a row. */
  readonly failures: number
  /** The leader's clockTicks from which on another may start. */
  readonly retryAtTicks: number
  /** The next transfer starts at the first object, since this one made no progress from where the receiver was. */
  readonly startsOver: boolean
}

/** A read that waits for a quorum to answer its round, and for an entry of this term to be committed. */
export interface PendingRead {
  readonly id: RequestId
  readonly round: number
  /** commitIndex when the read came; null until an entry of this term is committed (thesis 6.4, step 1). */
  readonly index: Index | null
}

/** The receiver's half of a snapshot transfer. */
export interface Receiving {
  readonly leaderId: NodeId
  readonly term: Term
  readonly transferId: number
  readonly snapshot: SnapshotMeta
  readonly phase: 'transfer' | 'install'
  readonly nextObjectId: ObjectId
  /** Chained over the objects held. */
  readonly digest: number
  /** Objects at lower positions are held or being saved. */
  readonly position: number
  /** The object being saved, if any; its digest becomes `digest` once it is saved. */
  readonly saving: { readonly objectId: ObjectId; readonly digest: number; readonly isLast: boolean } | null
  /** Objects received ahead of order, by position; all but the last hold less than snapshotWindowBytes. */
  readonly queued: readonly InstallSnapshot[]
}
