/**
 * Raft as a pure function: `step(state, message) -> [state, outputs]`.
 *
 * @see The Raft paper (Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", extended version)
 * and Ongaro's thesis, which the doc comments cite by section.
 */
export { step } from './core/step.ts'
export { adoptionOf, birthSnapshot, initial, restart, type Birth, type Remains } from './core/start.ts'
export { DEFAULT_OPTIONS, optionsOf, type Options } from './core/config.ts'
export { InvariantViolation, UsageError } from './core/assert.ts'
export { checkState } from './core/invariants/state.ts'
export { checkTransition } from './core/invariants/transition.ts'
export { FIRST_OBJECT, index, nodeId, term, type Index, type NodeId, type ObjectId, type Term } from './core/ids.ts'
export { configurationOf, type Configuration, type ConfigurationAt } from './core/membership/configuration.ts'
export { majority, quorumIndex, voteResult, type VoteResult } from './core/membership/quorum.ts'
export type { Entry, JsonValue } from './core/entry.ts'
export { applySave, type StoredImage } from './core/log/apply-save.ts'
export { entryAt, slice, termAt, type Log } from './core/log/log.ts'
export type { Message, ReadMode, RequestId } from './core/message.ts'
export {
  sendsOf,
  type Apply,
  type HardState,
  type InstallReceived,
  type Note,
  type Output,
  type ReadObject,
  type Reducer,
  type RefusalReason,
  type Save,
  type SaveObject,
  type Send,
  type TakeSnapshot,
  type TransferEnded,
} from './core/output.ts'
export type { Progress } from './core/progress.ts'
export type { Queue } from './core/queue.ts'
export type {
  AppendEntries,
  AppendEntriesResponse,
  InstallSnapshot,
  InstallSnapshotResponse,
  RequestPreVote,
  RequestPreVoteResponse,
  RequestVote,
  RequestVoteResponse,
  Rpc,
  SnapshotMeta,
} from './core/rpc.ts'
export type { Candidate, Follower, Leader, PreCandidate, RaftState, Role, Server } from './core/state.ts'
