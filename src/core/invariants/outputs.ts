import { INDEX_ZERO, successor, type Index } from '../ids.ts'
import { claimOf, currentRpc, type Claim, type Transition } from './claim.ts'
import { entryAt, termAt } from '../log/log.ts'
import { sendsOf } from '../output.ts'
import type { AppendEntries, AppendEntriesFailure, AppendEntriesSuccess, InstallSnapshot, Rpc } from '../rpc.ts'

/*
 * What the outputs of one step may say: promises only of what is durable, entries as they are in the log, answers
 * that are true.
 */

const claim: Claim = claimOf

/** Checks the outputs of a step against the states before and after it. @throws InvariantViolation */
export const checkOutputs = (step: Transition): void => {
  checkPromises(step)
  for (const { to, rpc } of sendsOf(step.outputs)) {
    claim(step, to !== step.after.server.id, 'nobody sends to itself')
    checkRpc(step, to, rpc)
  }
  checkHeartbeats(step)
  checkApply(step)
}

/** Whoever wins an election, or begins a round of heartbeats, turns to every follower at once (section 5.2). */
const checkHeartbeats = (step: Transition): void => {
  const { role } = step.after.server
  if (role.type !== 'leader') return
  const old = step.before.server.role
  if (old.type === 'leader' && old.round === role.round) return
  const told = new Set(
    sendsOf(step.outputs).flatMap(({ to, rpc }) =>
      rpc.type === 'AppendEntries' && rpc.round === role.round ? [to] : [],
    ),
  )
  claim(
    step,
    role.progress.every(({ id }) => told.has(id)),
    'a round of heartbeats reaches out to every follower',
  )
}

const PROMISES: ReadonlySet<Rpc['type']> = new Set([
  'RequestVote',
  'RequestVoteResponse',
  'RequestPreVoteResponse',
  'AppendEntriesResponse',
  'InstallSnapshotResponse',
])

/**
 * What leaves at once rests on what is durable (thesis 3.8): a term and a vote, and, where it says how far the log
 * agrees, so much of the log. Everything else leaves with a save.
 */
const checkPromises = (step: Transition): void => {
  const { server } = step.after
  for (const output of step.outputs) {
    if (output.type !== 'send' || !PROMISES.has(output.rpc.type)) continue
    claim(step, server.hardStateSequence <= server.savedSequence, 'a promise waits for the term and vote it rests on')
    claim(step, logVouchedFor(output.rpc) <= server.durableIndex, 'a promise waits for the log it rests on')
  }
}

const logVouchedFor = (rpc: Rpc): Index => {
  if (rpc.type === 'AppendEntriesResponse' && rpc.success) return rpc.matchIndex
  return rpc.type === 'InstallSnapshotResponse' ? rpc.installedIndex : INDEX_ZERO
}

const checkRpc = (step: Transition, to: string, rpc: Rpc): void => {
  const { server } = step.after
  if (rpc.type !== 'RequestPreVote' && rpc.type !== 'RequestPreVoteResponse')
    claim(step, rpc.term === server.currentTerm, 'an rpc carries the current term')
  switch (rpc.type) {
    case 'RequestPreVote':
      claim(step, rpc.term === server.currentTerm + 1, 'a pre-vote asks about the next term')
      return checkCandidacy(step, rpc, 'preCandidate')
    case 'RequestVote':
      return checkCandidacy(step, rpc, 'candidate')
    case 'RequestPreVoteResponse':
    case 'RequestVoteResponse':
      return checkVote(step, to, rpc)
    case 'AppendEntries':
      return checkAppend(step, to, rpc)
    case 'AppendEntriesResponse':
      return rpc.success ? checkSuccess(step, rpc) : checkFailure(step, rpc)
    case 'InstallSnapshot':
      return checkObject(step, to, rpc)
    case 'InstallSnapshotResponse':
      return claim(
        step,
        rpc.installedIndex <= server.commitIndex,
        'a follower vouches only for what is committed in its log',
      )
  }
}

const checkCandidacy = (
  step: Transition,
  rpc: Extract<Rpc, { type: 'RequestVote' | 'RequestPreVote' }>,
  role: 'candidate' | 'preCandidate',
): void => {
  const { server, log } = step.after
  claim(step, server.role.type === role && rpc.candidateId === server.id, 'only a candidate asks for votes')
  claim(
    step,
    rpc.lastLogIndex === log.lastIndex && rpc.lastLogTerm === log.lastTerm,
    'a candidate tells where its log ends',
  )
}

const checkVote = (
  step: Transition,
  to: string,
  rpc: Extract<Rpc, { type: 'RequestVoteResponse' | 'RequestPreVoteResponse' }>,
): void => {
  const { server } = step.after
  if (!rpc.voteGranted) return claim(step, rpc.term === server.currentTerm, 'a refusal tells the current term')
  const { message, before } = step
  claim(step, message.type === 'receive' && message.from === to, 'a vote answers who asked')
  const asked = message.rpc
  claim(step, asked.type === 'RequestVote' || asked.type === 'RequestPreVote', 'a vote answers a request')
  claim(step, rpc.term === asked.term, 'a vote is of the term asked about')
  claim(
    step,
    asked.lastLogTerm > before.log.lastTerm ||
      (asked.lastLogTerm === before.log.lastTerm && asked.lastLogIndex >= before.log.lastIndex),
    'votes are granted only to logs that are at least as up-to-date',
  )
  if (rpc.type === 'RequestVoteResponse') return claim(step, server.votedFor === to, 'a vote granted is the vote cast')
  claim(step, asked.type === 'RequestPreVote' && asked.term > server.currentTerm, 'a pre-vote is for a term to come')
  claim(step, server.role.type !== 'leader', 'a leader grants no pre-vote')
}

const checkAppend = (step: Transition, to: string, rpc: AppendEntries): void => {
  const { server, log } = step.after
  const { options } = step.after
  claim(step, server.role.type === 'leader' && rpc.leaderId === server.id, 'only a leader sends entries')
  claim(step, rpc.prevLogTerm === termAt(log, rpc.prevLogIndex), 'a leader sends the term before the entries')
  claim(step, rpc.leaderCommit <= server.commitIndex, 'a leader tells of what is committed')
  claim(step, rpc.round <= server.role.round, 'heartbeats carry a round that began')
  let bytes = 0
  let index: Index = rpc.prevLogIndex
  for (const entry of rpc.entries) {
    index = successor(index)
    bytes += entry.bytes
    claim(step, entry.index === index && entryAt(log, index) === entry, 'a leader sends its own log')
  }
  const { length } = rpc.entries
  if (length > 0) claim(step, !isWaiting(step, to), 'entries come again with a heartbeat, to a silent follower never')
  claim(step, length <= options.messageEntriesMax, 'entries in a message are limited')
  claim(step, length <= 1 || bytes <= options.messageBytesMax, 'bytes in a message are limited')
}

/** Whether a follower has not answered its last entries, and no heartbeat is due that brings them again. */
const isWaiting = ({ before, message, after }: Transition, id: string): boolean => {
  const { role } = before.server
  if (role.type !== 'leader' || before.server.currentTerm !== after.server.currentTerm) return false
  if (message.type === 'receive' && message.from === id) return false
  const progress = role.progress.find((each) => each.id === id)
  return progress?.mode === 'probe' && progress.paused && !(message.type === 'tick' && progress.active)
}

/** An acknowledgement of AppendEntries vouches for the whole log up to matchIndex. */
const checkSuccess = (step: Transition, rpc: AppendEntriesSuccess): void => {
  const request = currentRpc(step, 'AppendEntries')
  const { before, after } = step
  claim(step, request !== null, 'entries are acknowledged when they are sent')
  const { commitIndex } = before.server
  const last = successor(request.prevLogIndex, request.entries.length)
  const held = Math.max(last, commitIndex)
  claim(
    step,
    rpc.matchIndex === held || (step.save === null && rpc.matchIndex === Math.min(held, after.server.durableIndex)),
    'what is acknowledged is what was sent or committed, or as much of it as is durable',
  )
  claim(step, (rpc.silenceTicks ?? 0) <= after.server.stickyTicks, 'the silence granted is kept')
  claim(step, rpc.matchIndex <= after.log.lastIndex, 'what is acknowledged is in the log')
  claim(step, rpc.round === request.round, 'the round is echoed')
  claim(
    step,
    request.prevLogIndex < commitIndex || termAt(after.log, request.prevLogIndex) === request.prevLogTerm,
    'the entry before the new ones is the same in both logs',
  )
  for (const entry of request.entries)
    if (entry.index > after.log.baseIndex)
      claim(step, termAt(after.log, entry.index) === entry.term, 'every entry sent is in the log')
}

const checkFailure = (step: Transition, rpc: AppendEntriesFailure): void => {
  const { log, server } = step.after
  if (currentRpc(step, 'AppendEntries') === null) return
  claim(step, rpc.conflictIndex <= rpc.rejectedIndex || rpc.conflictIndex === log.baseIndex, 'a hint lies below')
  claim(step, termAt(log, rpc.conflictIndex) === rpc.conflictTerm, 'a hint tells the term at its index')
  claim(step, rpc.rejectedIndex >= server.commitIndex, 'what is committed is not refused')
}

const checkObject = (step: Transition, to: string, rpc: InstallSnapshot): void => {
  const { role } = step.after.server
  claim(step, role.type === 'leader', 'only a leader sends snapshots')
  const progress = role.progress.find(({ id }) => id === to)
  claim(
    step,
    progress?.mode === 'snapshot' && progress.transferId === rpc.transferId && progress.snapshot === rpc.snapshot,
    'an object belongs to the transfer under way',
  )
}

const checkApply = (step: Transition): void => {
  const { before, after, outputs, message } = step
  const applies = outputs.filter((output) => output.type === 'apply')
  const { applyingIndex } = after.server
  if (applyingIndex === before.server.applyingIndex)
    return claim(step, applies.length === 0, 'entries are handed out once')
  if (message.type === 'snapshotInstalled')
    return claim(step, applies.length === 0, 'a snapshot stands for its entries')
  const [apply] = applies
  claim(step, apply !== undefined && applies.length === 1, 'entries are handed out in one batch')
  claim(step, apply.entries.length <= after.options.applyEntriesMax, 'a batch is limited')
  let index: Index = before.server.applyingIndex
  for (const entry of apply.entries) {
    index = successor(index)
    claim(step, entryAt(after.log, index) === entry, 'entries are handed out in order, as they are in the log')
  }
  claim(step, index === applyingIndex, 'what is handed out is counted')
  claim(step, index <= after.server.durableIndex, 'what is handed out is durable')
  claim(
    step,
    before.server.applyingIndex === (message.type === 'applied' ? message.index : before.server.lastApplied),
    'one batch at a time is being applied',
  )
}
