import type { Options } from './config.ts'
import type { ConfigurationAt } from './configuration.ts'
import type { Index, NodeId, ObjectId, Term } from './ids.ts'
import type { Log } from './log/log.ts'
import type { RequestId } from './message.ts'
import type { Progress } from './progress.ts'
import type { Queue } from './queue.ts'
import type { Seed } from './random.ts'
import type { InstallSnapshot, SnapshotMeta } from './rpc.ts'

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
  /** Whom it voted for in currentTerm. */
  readonly votedFor: NodeId | null
  /** The leader of currentTerm, as far as is known. */
  readonly leaderId: NodeId | null
  readonly role: Role
  /** Highest index known to be committed. */
  readonly commitIndex: Index
  /** Highest index handed out for applying: in [lastApplied, commitIndex]. */
  readonly applyingIndex: Index
  /** Highest index the state machine has acknowledged. */
  readonly lastApplied: Index
  /** Entries up to here are on this server's disk. */
  readonly durableIndex: Index
  /** Sequence of the last save emitted, and of the last one answered. */
  readonly saveSequence: number
  readonly savedSequence: number
  /** Sequence of the last save that held currentTerm and votedFor: both are durable once it is answered. */
  readonly hardStateSequence: number
  /** A truncation not yet durable: answers to earlier saves vouch for nothing from `index` on. */
  readonly truncation: { readonly sequence: number; readonly index: Index } | null
  /** The configuration at the log's base and every later one in the log, oldest first; the last is in force. */
  readonly configurations: readonly [ConfigurationAt, ...ConfigurationAt[]]
  /** The latest durable snapshot; lastIncludedIndex 0 stands for the initial state. */
  readonly snapshot: SnapshotMeta
  /** A snapshot was asked for, up to this index; 0 when none is. */
  readonly snapshotRequested: Index
  /** The latest snapshot, or a later one that could not be taken; and the bytes of the entries after it up to `upTo`. */
  readonly sinceSnapshot: { readonly index: Index; readonly upTo: Index; readonly bytes: number }
  readonly receiving: Receiving | null
  /** Ticks since the leader (or a granted vote) was last heard of; a leader counts towards its quorum check. */
  readonly electionElapsedTicks: number
  /** Drawn from [electionTimeoutTicks, 2 × electionTimeoutTicks). */
  readonly electionDeadlineTicks: number
  /**
   * Ticks left in which no vote is cast, if checkQuorum is set: an election timeout from each message of a leader,
   * whatever its term, and from each restart, as the message may be forgotten. A leader's lease rests on that silence
   * (thesis 4.2.3, 6.4.1; the sum is in read-index.ts). The first of these ticks may come at once, so that the silence
   * lasts longer than one tick less. Never longer than an election deadline: the timer does not run out in vain.
   */
  readonly stickyTicks: number
  readonly seed: Seed
}

export type Role = Follower | PreCandidate | Candidate | Leader

export interface Follower {
  readonly type: 'follower'
}

/** Asking whether an election could be won (thesis 9.6). */
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
  /** The first index of this term; commitIndex below it may lag behind what was committed before (section 8). */
  readonly termStartIndex: Index
  readonly heartbeatElapsedTicks: number
  /** The latest round of heartbeats begun, and the latest that a quorum has answered. */
  readonly round: number
  readonly ackedRound: number
  /** In the order they were asked, hence of their rounds; at most pendingReadsMax. */
  readonly reads: Queue<PendingRead>
  /** Ticks as leader: the clock of leases. */
  readonly clockTicks: number
  /** When unanswered rounds began, oldest first. */
  readonly roundsStarted: readonly { readonly round: number; readonly atTicks: number }[]
  /** When the latest round that a quorum answered began; −1 before the first. */
  readonly leaseTicks: number
  /** Members whose latest answer grants a silence shorter than this leader's election timeout: no lease rests on it. */
  readonly shortSilence: readonly NodeId[]
  readonly transfersStarted: number
  /** Followers whose last transfer was given up, each once; forgotten when one succeeds. */
  readonly failedTransfers: readonly FailedTransfer[]
}

/** A transfer that failed is followed by a pause, each twice as long as the one before, up to a limit. */
export interface FailedTransfer {
  readonly id: NodeId
  /** Transfers in a row. */
  readonly failures: number
  /** The leader's clockTicks from which on another may start. */
  readonly retryAtTicks: number
  /** The next one begins at the first object: this one got nowhere from where the receiver stood. */
  readonly startsOver: boolean
}

/** A read waits for its round to be answered by a quorum, and for an entry of this term to be committed. */
export interface PendingRead {
  readonly id: RequestId
  readonly round: number
  /** commitIndex when asked; null until an entry of this term is committed (thesis 6.4, step 1). */
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
  /** Objects of the transfer at lower positions are held, or being saved. */
  readonly position: number
  /** The object being saved: its digest comes into force when it is; null when none is. */
  readonly saving: { readonly objectId: ObjectId; readonly digest: number; readonly isLast: boolean } | null
  /** Objects that came before their turn, by position; all but the last hold less than snapshotWindowBytes. */
  readonly queued: readonly InstallSnapshot[]
}
