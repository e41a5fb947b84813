import { InvariantViolation } from '../assert.ts'
import { sameConfiguration } from '../membership/configuration.ts'
import { successor, type Index } from '../ids.ts'
import { claimOfState, inForce, type StateClaim } from './claim.ts'
import { checkLeader } from './leader.ts'
import { entryAt, termAt, type Log } from '../log/log.ts'
import { voteResult } from '../membership/quorum.ts'
import type { RaftState, Receiving } from '../state.ts'

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

const claim: StateClaim = claimOfState

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
  claim(state, server.hardStateSequence <= server.saveSequence, 'the save of term and vote was asked for')
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
  const { index, upTo, bytes } = server.sinceSnapshot
  claim(
    state,
    index >= snapshot.lastIncludedIndex &&
      index <= upTo &&
      upTo <= server.lastApplied &&
      bytes >= 0 &&
      bytes <= log.bytes,
    'what the next snapshot would cover is counted from the last one or from a failed attempt',
  )
}

const checkConfigurations = (state: RaftState): void => {
  const { server, log } = state
  const { configurations, snapshot } = server
  const [first] = configurations
  claim(state, first.index === snapshot.configurationIndex, 'the oldest configuration is that of the snapshot')
  claim(state, first.index <= snapshot.lastIncludedIndex, 'the configuration of a snapshot is covered by it')
  let previous: Index = first.index
  for (const { index, configuration } of configurations.slice(1)) {
    claim(state, index > previous && index > snapshot.lastIncludedIndex, 'configurations are in order')
    const entry = entryAt(log, index)
    claim(
      state,
      entry?.type === 'configuration' && sameConfiguration(entry.configuration, configuration),
      'a configuration in force is in the log',
    )
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
  claim(
    state,
    server.stickyTicks <= electionDeadlineTicks,
    'the silence towards candidates ends before a timer that starts with it',
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
  claim(state, voteResult(inForce(server), role.granted, role.rejected) === 'pending', 'a decided election is acted on')
  if (role.type === 'preCandidate') return
  claim(state, server.votedFor === server.id, 'a candidate votes for itself')
  claim(state, role.voteSequence <= server.saveSequence, 'a candidate saves its vote')
  claim(
    state,
    role.granted.includes(server.id) === role.voteSequence <= server.savedSequence,
    'the own vote counts once it is durable',
  )
}

const checkReceiving = (state: RaftState, receiving: Receiving): void => {
  const { server, options } = state
  const { snapshot, phase, saving } = receiving
  const behind = phase === 'transfer' ? server.commitIndex : server.applyingIndex
  claim(state, snapshot.lastIncludedIndex > behind, 'a snapshot is received only while it brings something new')
  claim(state, snapshot.lastIncludedTerm <= server.currentTerm, 'a snapshot is of a known term')
  claim(state, receiving.term <= server.currentTerm, 'a transfer is of a known term')
  claim(state, phase === 'transfer' || saving === null, 'a snapshot is put in force when all of it is kept')
  let position = receiving.position - 1
  let bytes = 0
  for (const rpc of receiving.queued) {
    claim(state, rpc.position > position, 'waiting objects are in order, each once, none that is held')
    claim(state, bytes < options.snapshotWindowBytes, 'waiting objects are limited in bytes')
    claim(state, rpc.transferId === receiving.transferId, 'objects of different transfers never mix')
    position = rpc.position
    bytes += rpc.data.length
  }
}
