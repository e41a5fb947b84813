import { advanceCommit } from './commit.ts'
import { broadcastAppend, sendAppend } from './append-entries.ts'
import { compact } from './snapshot/compaction.ts'
import { maxIndex, minIndex, predecessor, successor, type Index, type NodeId } from './ids.ts'
import { lastIndexWithTermAtMost } from './log/log.ts'
import { afterAnswer, toProbe, afterMatch, type Progress } from './progress.ts'
import { acknowledgeRound } from './reads/rounds.ts'
import type { AppendEntriesFailure, AppendEntriesResponse, AppendEntriesSuccess } from './rpc.ts'
import { endTransfer } from './snapshot/transfer.ts'
import { ignore, mutableLeader, type MutableLeader, type Work } from './work.ts'

/**
 * Figure 2, "Rules for Servers, Leaders": update nextIndex and matchIndex, or decrease nextIndex and retry. The term rule
 * in step.ts has been applied: the answer is of the current term. An answer of an earlier term must not count, since the
 * follower's log may have been overwritten since.
 */
export const handleAppendEntriesResponse = (work: Work, from: NodeId, rpc: AppendEntriesResponse): void => {
  const { role } = work.server
  if (role.type !== 'leader') return ignore(work, 'stale response', from)
  // No correct server answers a round that never began or matches an index beyond the log. If such an answer were
  // accepted, later reads could be stale.
  if (rpc.round > role.round || (rpc.success && rpc.matchIndex > work.log.lastIndex))
    return ignore(work, 'malformed', from)
  const leader = mutableLeader(work)
  if (leader === null) return
  const slot = leader.progress.findIndex(({ id }) => id === from)
  const progress = leader.progress[slot]
  if (progress === undefined) return ignore(work, 'not a member', from)
  recordSilence(work, leader, progress, rpc)
  if (rpc.success) acceptMatch(work, leader, slot, progress, rpc)
  else rewindNextIndex(work, leader, slot, progress, rpc)
  // Reads that came while a round was in flight share the next one, which begins here.
  if (acknowledgeRound(work)) broadcastAppend(work, 'round')
}

/** Records whether the follower ignores candidates for long enough that a lease may rest on its answer (rounds.ts). */
const recordSilence = (
  { options }: Work,
  leader: MutableLeader,
  { id, ackedRound }: Progress,
  { round, silenceTicks = 0 }: AppendEntriesResponse,
): void => {
  if (!options.checkQuorum || round < ackedRound) return
  const isShort = silenceTicks < options.electionTimeoutTicks
  if (!isShort && leader.shortSilence.length === 0) return
  if (isShort === leader.shortSilence.includes(id)) return
  leader.shortSilence = isShort ? [...leader.shortSilence, id] : leader.shortSilence.filter((other) => other !== id)
}

const acceptMatch = (
  work: Work,
  leader: MutableLeader,
  slot: number,
  progress: Progress,
  { matchIndex, round }: AppendEntriesSuccess,
): void => {
  leader.progress[slot] = recordMatch(work, progress, matchIndex, round)
  releaseLog(work, progress.matchIndex, matchIndex)
  // A match at or below commitIndex cannot commit anything.
  if (matchIndex > work.server.commitIndex && advanceCommit(work)) broadcastAppend(work, 'newCommit')
  else sendAppend(work, leader, slot, 'newCommit')
}

/**
 * The follower's log equals the leader's up to `upTo`: entries after that may be streamed. Ends a snapshot transfer to
 * this follower if the leader's log reaches back to its match.
 */
export const recordMatch = (work: Work, progress: Progress, upTo: Index, round: number): Progress => {
  const matchIndex = maxIndex(progress.matchIndex, upTo)
  if (progress.mode === 'snapshot') {
    // Any match at or above the log's base will do, not just the snapshot's index (etcd-io/raft #84, #110).
    if (matchIndex < work.log.baseIndex) return { ...afterAnswer(progress, round), matchIndex }
    endTransfer(work, progress, matchIndex >= progress.snapshot.lastIncludedIndex ? 'installed' : 'abandoned')
  }
  return afterMatch(progress, matchIndex, Math.max(progress.ackedRound, round), work.options.inflightMessagesMax)
}

/**
 * Entries pinned for a transfer stay until the receiver has passed the latest snapshot. If they were dropped when the
 * transfer ends, the follower could need one snapshot after another.
 */
export const releaseLog = (work: Work, before: Index, now: Index): void => {
  const { lastIncludedIndex } = work.server.snapshot
  if (before < lastIncludedIndex && now >= lastIncludedIndex) compact(work)
}

/** Moves nextIndex back to where the logs may agree: see the example at the head of append-entries.ts (section 5.3). */
const rewindNextIndex = (
  work: Work,
  leader: MutableLeader,
  slot: number,
  before: Progress,
  rpc: AppendEntriesFailure,
): void => {
  const { log } = work
  const progress = afterAnswer(before, rpc.round)
  leader.progress[slot] = progress
  if (progress.mode === 'snapshot') return
  const needsSnapshot = progress.nextIndex <= log.baseIndex
  // A follower cannot refuse what it has matched. Acting on an old refusal that was duplicated would resend without end.
  const isStale =
    rpc.rejectedIndex <= progress.matchIndex ||
    (progress.mode === 'probe' && rpc.rejectedIndex !== predecessor(progress.nextIndex) && !needsSnapshot)
  if (isStale || rpc.rejectedIndex > log.lastIndex) return ignore(work, 'stale response', progress.id)
  // Above what has matched, and below what was refused, so that every refusal makes progress.
  const nextIndex = maxIndex(
    successor(progress.matchIndex),
    minIndex(successor(lastPossibleMatch(work, rpc)), rpc.rejectedIndex),
  )
  const window = progress.mode === 'replicate' ? Math.max(1, progress.window >> 1) : progress.window
  leader.progress[slot] = toProbe({ ...progress, window }, nextIndex)
  // If the next entry is compacted, a transfer has to start; during its pause, an empty message would only be refused.
  sendAppend(work, leader, slot, nextIndex > log.baseIndex ? 'heartbeat' : 'entries')
}

/** The last index at which the leader's log may equal the follower's; below the log's base if that is compacted. */
const lastPossibleMatch = ({ log }: Work, { conflictIndex, conflictTerm }: AppendEntriesFailure): Index => {
  if (conflictIndex < log.baseIndex) return conflictIndex
  const found = lastIndexWithTermAtMost(log, minIndex(conflictIndex, log.lastIndex), conflictTerm)
  // The search ends at the base at the latest. If even the base's term is too high, the logs differ there as well.
  const differsAtBase = found === log.baseIndex && log.baseTerm > conflictTerm
  return differsAtBase && found > 0 ? predecessor(found) : found
}
