import { InvariantViolation } from './assert.ts'
import { members } from './configuration.ts'
import { INDEX_ZERO, predecessor, successor, type Index } from './ids.ts'
import { summaryOf } from './invariants-claim.ts'
import { entryAt, termAt, type Log } from './log/log.ts'
import type { Progress, Replicate, Transfer } from './progress.ts'
import { quorumIndex, voteResult } from './quorum.ts'
import type { Leader, RaftState, Receiving } from './state.ts'

export { checkTransition } from './invariants-transition.ts'

/*
 * What is true of every reachable state, as far as one server can tell. Run after every step in tests, simulator and
 * replay; its cost does not depend on the length of the log.
 */

/** Checks a state. @throws InvariantViolation with the claim that does not hold. */
export const checkState = (state: RaftState): void => {
  checkIndices(state)
  checkDisk(state)
  checkConfigurations(state)
  checkTimers(state)
  checkRole(state)
  if (state.server.receiving !== null) checkReceiving(state, state.server.receiving)
}

/** Walks the whole log: indices without holes, terms that never fall, sums that are right. */
export const checkLog = (log: Log): void => {
  let bytes = 0
  let previousTerm = log.baseTerm
  for (let at = successor(log.baseIndex); at <= log.lastIndex; at = successor(at)) {
    const entry = entryAt(log, at)
    if (entry?.index !== at) throw new InvariantViolation('a log has no holes', { at, found: entry?.index ?? null })
    if (entry.term < previousTerm) throw new InvariantViolation('terms never fall along a log', { at })
    previousTerm = entry.term
    bytes += entry.bytes
  }
  if (previousTerm !== log.lastTerm || bytes !== log.bytes)
    throw new InvariantViolation('a log knows its last term and its size', {
      lastTerm: log.lastTerm,
      bytes: log.bytes,
    })
}

/** Asserts one claim about a state; the context is put together only when it does not hold. */
const claim: (state: RaftState, holds: boolean, sentence: string) => asserts holds = (state, holds, sentence) => {
  if (!holds) throw new InvariantViolation(sentence, summaryOf(state))
}

const checkIndices = (state: RaftState): void => {
  const { server, log } = state
  const { snapshot, lastApplied, applyingIndex, commitIndex } = server
  claim(state, log.baseIndex <= snapshot.lastIncludedIndex, 'only what a snapshot covers is compacted')
  claim(state, snapshot.lastIncludedIndex <= lastApplied, 'a snapshot covers only what is applied')
  claim(state, lastApplied <= applyingIndex, 'only what was handed out is applied')
  claim(state, applyingIndex <= commitIndex, 'only what is committed is handed out')
  claim(state, commitIndex <= log.lastIndex, 'only what is in the log is committed')
  claim(state, log.baseTerm <= log.lastTerm, 'the last term is no lower than the term at the base')
  claim(state, log.lastTerm <= server.currentTerm, 'no entry is of a term to come')
  claim(
    state,
    termAt(log, snapshot.lastIncludedIndex) === snapshot.lastIncludedTerm,
    'the term of a snapshot is that of its last entry',
  )
}

const checkDisk = (state: RaftState): void => {
  const { server, log } = state
  const { truncation, snapshot, snapshotRequested } = server
  claim(state, server.durableIndex <= log.lastIndex, 'only what is in the log is durable')
  claim(
    state,
    server.applyingIndex <= Math.max(server.durableIndex, snapshot.lastIncludedIndex),
    'only what is on the own disk is handed out for applying',
  )
  claim(state, server.savedSequence <= server.saveSequence, 'only saves that were asked for are done')
  if (truncation !== null) {
    claim(
      state,
      truncation.sequence > server.savedSequence && truncation.sequence <= server.saveSequence,
      'a truncation is remembered until it is durable, and no longer',
    )
    claim(state, server.durableIndex < truncation.index, 'nothing counts as durable past a truncation under way')
  }
  claim(
    state,
    snapshotRequested === 0 ||
      (snapshotRequested > snapshot.lastIncludedIndex && snapshotRequested <= server.lastApplied),
    'a snapshot is asked for of what is applied and not covered yet',
  )
}

const checkConfigurations = (state: RaftState): void => {
  const { server, log } = state
  const { configurations, snapshot } = server
  const [first] = configurations
  claim(state, first.index === snapshot.configurationIndex, 'the oldest configuration is that of the snapshot')
  claim(state, first.index <= snapshot.lastIncludedIndex, 'the configuration of a snapshot is covered by it')
  let previous: Index = first.index
  for (const { index } of configurations.slice(1)) {
    claim(state, index > previous && index > snapshot.lastIncludedIndex, 'configurations are in order')
    claim(state, entryAt(log, index)?.type === 'configuration', 'a configuration in force is in the log')
    previous = index
  }
  claim(state, previous <= log.lastIndex, 'the configuration in force is in the log or before it')
}

const checkTimers = (state: RaftState): void => {
  const { server, options } = state
  const { electionElapsedTicks, electionDeadlineTicks } = server
  const limit = server.role.type === 'leader' ? options.electionTimeoutTicks : electionDeadlineTicks
  claim(state, electionElapsedTicks >= 0 && electionElapsedTicks < limit, 'an election timer that runs out is acted on')
  claim(
    state,
    electionDeadlineTicks >= options.electionTimeoutTicks && electionDeadlineTicks < 2 * options.electionTimeoutTicks,
    'election deadlines are drawn from one to two timeouts',
  )
}

const checkRole = (state: RaftState): void => {
  const { server } = state
  const { role } = server
  claim(
    state,
    (role.type === 'leader') === (server.leaderId === server.id),
    'the leader follows itself, nobody else does',
  )
  if (role.type === 'follower') return
  if (role.type === 'leader') return checkLeader(state, role)
  claim(state, server.leaderId === null, 'who campaigns knows no leader')
  claim(state, server.receiving?.phase !== 'install', 'nobody campaigns with a received snapshot half in force')
  claim(state, !role.granted.some((id) => role.rejected.includes(id)), 'every server answers an election once')
  const inForce = server.configurations.at(-1)?.configuration ?? server.configurations[0].configuration
  claim(state, voteResult(inForce, role.granted, role.rejected) === 'pending', 'a decided election is acted on')
  if (role.type === 'preCandidate') return
  claim(state, server.votedFor === server.id, 'a candidate votes for itself')
  claim(state, role.voteSequence <= server.saveSequence, 'a candidate saves its vote')
  claim(
    state,
    role.granted.includes(server.id) === role.voteSequence <= server.savedSequence,
    'the own vote counts once it is durable',
  )
}

const checkLeader = (state: RaftState, leader: Leader): void => {
  const { server, log, options } = state
  const inForce = server.configurations.at(-1)?.configuration ?? server.configurations[0].configuration
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
  for (const read of leader.reads) {
    claim(state, read.round <= leader.round + 1, 'a read waits for this round or the next')
    claim(state, read.index === null || read.round > leader.ackedRound, 'a read that can be answered is answered')
    claim(state, read.index === null || read.index <= server.commitIndex, 'a read sees what is committed')
  }
  const others = members(inForce).filter((id) => id !== server.id)
  claim(
    state,
    others.length === leader.progress.length && others.every((id, at) => leader.progress[at]?.id === id),
    'a leader watches every other member, in order',
  )
  for (const progress of leader.progress) checkProgress(state, leader, progress)
  checkCommitted(state, leader)
}

/** Section 5.4.2, both halves: what may be committed is; what is not of this term is not counted. */
const checkCommitted = (state: RaftState, leader: Leader): void => {
  const { server, log } = state
  const inForce = server.configurations.at(-1)?.configuration ?? server.configurations[0].configuration
  const reached = quorumIndex(inForce, (voter) => {
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
  claim(state, progress.sentCommit <= server.commitIndex, 'a follower is told of what is committed')
  if (progress.mode === 'snapshot') return checkTransfer(state, leader, progress)
  claim(
    state,
    progress.nextIndex > progress.matchIndex && progress.nextIndex <= log.lastIndex + 1,
    'what is sent next lies after what matches, in the log or right after it',
  )
  if (progress.mode === 'replicate') checkInflight(state, progress)
}

const checkInflight = (state: RaftState, { inflight, matchIndex, nextIndex }: Replicate): void => {
  const { options } = state
  claim(state, inflight.length <= options.inflightMessagesMax, 'messages under way are limited')
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
  claim(state, transfer.retries <= options.snapshotRetriesMax, 'a transfer is not tried for ever')
  claim(state, !transfer.reading || transfer.nextObjectId !== null, 'only an object that exists is read')
  claim(
    state,
    transfer.phase === 'transfer' || inflight.length <= 1,
    'at most the last object waits to be put in force',
  )
  let bytes = 0
  for (const object of inflight) {
    claim(state, bytes === 0 || bytes < options.snapshotWindowBytes, 'bytes of a snapshot under way are limited')
    bytes += object.bytes
  }
}

const checkReceiving = (state: RaftState, receiving: Receiving): void => {
  const { server, options } = state
  const { snapshot, phase, saving, queued } = receiving
  const behind = phase === 'transfer' ? server.commitIndex : server.applyingIndex
  claim(state, snapshot.lastIncludedIndex > behind, 'a snapshot is received only while it brings something new')
  claim(state, snapshot.lastIncludedTerm <= server.currentTerm, 'a snapshot is of a known term')
  claim(state, receiving.term <= server.currentTerm, 'a transfer is of a known term')
  claim(state, phase === 'transfer' || saving === null, 'a snapshot is put in force when all of it is kept')
  claim(state, new Set(queued.map(({ objectId }) => objectId)).size === queued.length, 'an object waits once')
  const bytes = queued.reduce((sum, { data }) => sum + data.length, 0)
  claim(state, bytes <= options.snapshotWindowBytes, 'waiting objects are limited in bytes')
  claim(
    state,
    queued.every((rpc) => rpc.transferId === receiving.transferId),
    'objects of different transfers never mix',
  )
}
