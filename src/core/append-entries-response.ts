import { advanceCommit } from './commit.ts'
import { broadcastAppend, sendAppend } from './append-entries.ts'
import { compact } from './compaction.ts'
import { maxIndex, minIndex, predecessor, successor, type Index, type NodeId } from './ids.ts'
import { lastIndexNotAbove, termAt } from './log/log.ts'
import { heard, toProbe, toReplicate, type Progress } from './progress.ts'
import { acknowledgeRound } from './rounds.ts'
import type { AppendEntriesFailure, AppendEntriesResponse, AppendEntriesSuccess } from './rpc.ts'
import { endTransfer } from './snapshot-transfer.ts'
import { ignore, ownLeader, type OwnLeader, type Work } from './work.ts'

/** Figure 2, "Rules for Servers, Leaders": update nextIndex and matchIndex, or decrease nextIndex and retry. */
export const handleAppendEntriesResponse = (work: Work, from: NodeId, rpc: AppendEntriesResponse): void => {
  const { role } = work.server
  if (role.type !== 'leader') return ignore(work, 'stale response', from)
  // No server can answer a round that never began, or match what is not there: accepted, it would make later reads stale.
  if (rpc.round > role.round || (rpc.success && rpc.matchIndex > work.log.lastIndex))
    return ignore(work, 'malformed', from)
  const leader = ownLeader(work)
  if (leader === null) return
  const at = leader.progress.findIndex(({ id }) => id === from)
  const progress = leader.progress[at]
  if (progress === undefined) return ignore(work, 'not a member', from)
  recordSilence(work, leader, progress, rpc)
  if (rpc.success) acceptMatch(work, leader, at, progress, rpc)
  else backUp(work, leader, at, progress, rpc)
  if (acknowledgeRound(work)) broadcastAppend(work, 'round')
}

/** The silence that comes with the latest round answered: a lease rests on the two together (see rounds.ts). */
const recordSilence = (
  { options }: Work,
  leader: OwnLeader,
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
  leader: OwnLeader,
  at: number,
  progress: Progress,
  { matchIndex, round }: AppendEntriesSuccess,
): void => {
  leader.progress[at] = matched(work, progress, matchIndex, round)
  releaseLog(work, progress.matchIndex, matchIndex)
  // Only what is not committed yet can become so.
  if (matchIndex > work.server.commitIndex && advanceCommit(work)) broadcastAppend(work, 'news')
  else sendAppend(work, leader, at, 'news')
}

/** The follower's log equals ours up to `upTo`: whatever it was doing, entries may stream after that. */
export const matched = (work: Work, progress: Progress, upTo: Index, round: number): Progress => {
  const matchIndex = maxIndex(progress.matchIndex, upTo)
  if (progress.mode === 'snapshot') {
    // Any acknowledgement that reconnects to the log will do (etcd-io/raft #84, #110).
    if (matchIndex < work.log.baseIndex) return heard(progress, round)
    endTransfer(work, progress, matchIndex >= progress.snapshot.lastIncludedIndex ? 'installed' : 'abandoned')
  }
  return toReplicate(progress, matchIndex, Math.max(progress.ackedRound, round), work.options.inflightMessagesMax)
}

/**
 * What was pinned for a transfer stays while its receiver, which has the snapshot, catches up from the log: dropped at
 * once, the log would call for one snapshot after another. It goes when the follower has passed the latest snapshot.
 */
export const releaseLog = (work: Work, before: Index, now: Index): void => {
  const { lastIncludedIndex } = work.server.snapshot
  if (before < lastIncludedIndex && now >= lastIncludedIndex) compact(work)
}

/** Goes back to where the logs may agree, searching our side of the hint too: one round trip a term (section 5.3). */
const backUp = (work: Work, leader: OwnLeader, at: number, progress: Progress, rpc: AppendEntriesFailure): void => {
  const { log } = work
  leader.progress[at] = heard(progress, rpc.round)
  if (progress.mode === 'snapshot') return
  const needsSnapshot = progress.nextIndex <= log.baseIndex
  // What it has matched it cannot refuse: acted on, a refusal that repeats itself would be answered without end.
  const isStale =
    rpc.rejectedIndex <= progress.matchIndex ||
    (progress.mode === 'probe' && rpc.rejectedIndex !== predecessor(progress.nextIndex) && !needsSnapshot)
  if (isStale || rpc.rejectedIndex > log.lastIndex) return ignore(work, 'stale response', progress.id)
  const nextIndex = maxIndex(
    successor(progress.matchIndex),
    minIndex(successor(agreement(work, rpc)), rpc.rejectedIndex),
  )
  const window = progress.mode === 'replicate' ? Math.max(1, progress.window >> 1) : progress.window
  leader.progress[at] = toProbe({ ...heard(progress, rpc.round), window }, nextIndex)
  // What is compacted calls for a transfer; during its pause, an empty message would be refused again at once.
  sendAppend(work, leader, at, nextIndex > log.baseIndex ? 'heartbeat' : 'entries')
}

/** The last index at which our log may agree with the follower's; below our base when that is compacted. */
const agreement = ({ log }: Work, { conflictIndex, conflictTerm }: AppendEntriesFailure): Index => {
  if (conflictIndex < log.baseIndex) return conflictIndex
  const found = lastIndexNotAbove(log, minIndex(conflictIndex, log.lastIndex), conflictTerm)
  return (termAt(log, found) ?? log.baseTerm) > conflictTerm && found > 0 ? predecessor(found) : found
}
