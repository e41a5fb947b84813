import { members } from '../membership/configuration.ts'
import { INDEX_ZERO, predecessor } from '../ids.ts'
import { claimOfState, inForce, type StateClaim } from './claim.ts'
import { termAt } from '../log/log.ts'
import type { Probe, Progress, Replicate, Transfer } from '../progress.ts'
import { itemsOf, sizeOf } from '../queue.ts'
import { quorumIndex } from '../membership/quorum.ts'
import type { Leader, RaftState } from '../state.ts'

/* What is true of every leader: what it knows of its followers, and what it owes them. */

const claim: StateClaim = claimOfState

/** @throws InvariantViolation */
export const checkLeader = (state: RaftState, leader: Leader): void => {
  const { server, log, options } = state
  claim(state, server.votedFor === server.id, 'a leader voted for itself')
  claim(state, server.receiving === null, 'a leader receives no snapshot')
  claim(state, leader.termStartIndex <= log.lastIndex + 1, 'the first index of a term is in the log or next')
  claim(
    state,
    (termAt(log, leader.termStartIndex) ?? server.currentTerm) === server.currentTerm,
    'a leader knows where its term starts',
  )
  claim(state, leader.ackedRound <= leader.round, 'only rounds that began are answered')
  claim(state, leader.heartbeatElapsedTicks < options.heartbeatTicks, 'heartbeats that are due are sent')
  claim(state, leader.leaseTicks <= leader.clockTicks, 'a lease began in the past')
  let round = leader.ackedRound
  for (const started of leader.roundsStarted) {
    claim(state, started.round > round && started.round <= leader.round, 'unanswered rounds are kept in order')
    round = started.round
  }
  checkReads(state, leader)
  const others = members(inForce(server)).filter((id) => id !== server.id)
  claim(
    state,
    others.length === leader.progress.length && others.every((id, at) => leader.progress[at]?.id === id),
    'a leader watches every other member, in order',
  )
  for (const progress of leader.progress) checkProgress(state, leader, progress)
  if (leader.failedTransfers.length > 0) checkFailedTransfers(state, leader)
  checkCommitted(state, leader)
}

const checkReads = (state: RaftState, { reads, round, ackedRound }: Leader): void => {
  const waiting = itemsOf(reads)
  claim(state, waiting.length === sizeOf(reads), 'chunks of reads are full, but for the first and the last')
  claim(state, waiting.length <= state.options.pendingReadsMax, 'reads that wait are limited')
  let before = waiting[0]
  for (const read of waiting) {
    claim(state, read.round <= round + 1, 'a read waits for this round or the next')
    claim(state, read.index === null || read.round > ackedRound, 'a read that can be answered is answered')
    claim(state, read.index === null || read.index <= state.server.commitIndex, 'a read sees what is committed')
    claim(
      state,
      before !== undefined && before.round <= read.round && (before.index === null) === (read.index === null),
      'reads wait in the order of their rounds, all of them with an index or none',
    )
    before = read
  }
}

/** Section 5.4.2, both halves: what may be committed is; what is not of this term is not counted. */
const checkCommitted = (state: RaftState, leader: Leader): void => {
  const { server, log } = state
  const reached = quorumIndex(inForce(server), (voter) => {
    if (voter === server.id) return server.durableIndex
    return leader.progress.find(({ id }) => id === voter)?.matchIndex ?? INDEX_ZERO
  })
  claim(
    state,
    reached <= server.commitIndex || termAt(log, reached) !== server.currentTerm,
    'what a quorum holds of this term is committed',
  )
}

const checkProgress = (state: RaftState, leader: Leader, progress: Progress): void => {
  const { server, log } = state
  claim(
    state,
    progress.matchIndex >= 0 && progress.matchIndex <= log.lastIndex,
    'a follower matches what is in the log',
  )
  claim(state, progress.ackedRound <= leader.round, 'a follower answers rounds that began')
  claim(
    state,
    progress.window >= 1 && progress.window <= state.options.inflightMessagesMax,
    'a window holds a message at least, and no more than the limit',
  )
  claim(state, progress.sentCommit <= server.commitIndex, 'a follower is told of what is committed')
  if (progress.mode === 'snapshot') return checkTransfer(state, leader, progress)
  claim(
    state,
    progress.nextIndex > progress.matchIndex && progress.nextIndex <= log.lastIndex + 1,
    'what is sent next lies after what matches, in the log or right after it',
  )
  if (progress.mode === 'replicate') checkInflight(state, progress)
  checkNothingWithheld(state, progress)
}

/** A follower that lacks entries waits for a reason: an answer is due, or they are compacted. */
const checkNothingWithheld = (state: RaftState, progress: Probe | Replicate): void => {
  const { log, options } = state
  if (progress.nextIndex > log.lastIndex || progress.nextIndex <= log.baseIndex) return
  if (progress.mode === 'probe') return claim(state, progress.paused, 'a probe with entries to send is sent')
  const { inflight, window } = progress
  const bytes = inflight.reduce((sum, message) => sum + message.bytes, 0)
  claim(
    state,
    inflight.length >= window || (inflight.length > 0 && bytes >= options.inflightBytesMax),
    'what may be sent is sent',
  )
}

const checkInflight = (state: RaftState, { inflight, matchIndex, nextIndex }: Replicate): void => {
  const { options } = state
  claim(state, inflight.length <= options.inflightMessagesMax, 'messages under way are limited')
  claim(
    state,
    inflight.length > 0 || predecessor(nextIndex) === matchIndex,
    'what is sent and not acknowledged is under way',
  )
  let previous = matchIndex
  let bytes = 0
  for (const { lastIndex, bytes: size } of inflight) {
    claim(state, lastIndex > previous && lastIndex < nextIndex, 'messages under way are in order and were sent')
    claim(state, bytes === 0 || bytes < options.inflightBytesMax, 'bytes under way are limited')
    previous = lastIndex
    bytes += size
  }
  claim(state, inflight.length === 0 || previous === predecessor(nextIndex), 'what was sent last is under way')
}

const checkFailedTransfers = (state: RaftState, { failedTransfers, progress, clockTicks }: Leader): void => {
  const pauseMax = 16 * state.options.snapshotObjectTimeoutTicks
  for (const [at, { id, failures, retryAtTicks }] of failedTransfers.entries()) {
    claim(state, failures > 0 && progress.some((other) => other.id === id), 'transfers fail to members')
    claim(state, failedTransfers.findIndex((other) => other.id === id) === at, 'a member has one last failure')
    claim(state, retryAtTicks <= clockTicks + pauseMax, 'a pause between transfers is limited')
  }
}

const checkTransfer = (state: RaftState, leader: Leader, transfer: Transfer): void => {
  const { server, log, options } = state
  const { snapshot, inflight } = transfer
  claim(state, snapshot.lastIncludedIndex >= log.baseIndex, 'the log after a snapshot under way is pinned')
  claim(state, snapshot.lastIncludedIndex <= server.snapshot.lastIncludedIndex, 'only own snapshots are sent')
  claim(state, transfer.transferId % 2 ** 20 <= leader.transfersStarted, 'transfers are numbered')
  claim(
    state,
    leader.progress.every(
      (other) => other.mode !== 'snapshot' || other === transfer || other.transferId !== transfer.transferId,
    ),
    'every transfer has a number of its own',
  )
  const retriesMax = Math.max(options.snapshotRetriesMax, transfer.phase === 'install' ? 1 : 0)
  claim(state, transfer.retries <= retriesMax, 'a transfer is not tried for ever')
  claim(state, transfer.detours <= options.snapshotRetriesMax + 1, 'a receiver is not followed for ever')
  claim(state, transfer.idleTicks < options.snapshotObjectTimeoutTicks, 'a time-out of a transfer is acted on')
  claim(state, transfer.installTicks < options.snapshotInstallTimeoutTicks, 'an installation is not awaited for ever')
  claim(state, inflight.length > 0 || transfer.reading !== null, 'a transfer waits for its receiver or for its shell')
  claim(state, transfer.resendBelow <= transfer.objectsSent, 'only what was sent is sent again')
  claim(state, inflight.length <= transfer.objectsSent, 'what is under way was sent')
  claim(
    state,
    transfer.phase === 'transfer' || inflight.length <= 1,
    'an offer is one object, and at most the last one waits to be put in force',
  )
  claim(state, inflight.length <= options.inflightMessagesMax, 'objects under way are limited')
  let bytes = 0
  for (const object of inflight) {
    claim(state, bytes === 0 || bytes < options.snapshotWindowBytes, 'bytes of a snapshot under way are limited')
    bytes += object.bytes
  }
}
