import { followCommit } from './commit.ts'
import type { Entry } from './entry.ts'
import { maxIndex, minIndex, predecessor, successor, type Index, type NodeId } from './ids.ts'
import { heldTerm, lastIndexWithTermAtMost, slice, termAt } from './log/log.ts'
import { sentProbe, sentReplicate, type Probe, type Progress, type Replicate } from './progress.ts'
import { becomeFollower, hearLeader } from './role.ts'
import type { AppendEntries, AppendEntriesSuccess } from './rpc.ts'
import { startTransfer } from './snapshot/transfer.ts'
import {
  replyAfterHardState,
  appendAndSave,
  contradict,
  isHardStateDurable,
  mutableLeader,
  replyAfterSave,
  send,
  truncateAndSave,
  type MutableLeader,
  type Work,
} from './work.ts'

/*
 * AppendEntries: the leader sends, the follower receives (Figure 2). append-entries-response.ts is the leader's handling
 * of the answer. The term rule in step.ts has been applied before a handler here runs: the RPC is of the current term.
 *
 * How a leader finds where the logs agree (section 5.3, end). The terms of two logs:
 *
 *     index        1  2  3  4  5  6  7  8  9
 *     leader       1  1  1  4  4  5  5  6  6      term 6, nextIndex 10
 *     follower     1  1  1  2  2  2  3  3
 *
 * 1. The leader sends prevLogIndex 9, prevLogTerm 6. The follower has no entry 9 and refuses. The hint is its last index
 *    not above 9 whose term is at most 6: conflictIndex 8, conflictTerm 3. Terms never fall along a log, so from 8 downwards the
 *    follower holds nothing newer than term 3.
 * 2. The leader looks in its own log for the last index not above 8 whose term is at most 3: that is 3, of term 1.
 *    At 4 to 8 its terms are above 3, so none of them can match. It sends prevLogIndex 3, prevLogTerm 1.
 * 3. The follower has term 1 at index 3: the logs are equal up to there (Log Matching). It drops 4 to 8, which the new
 *    entry 4 contradicts, and appends the leader's entries.
 *
 * Each refusal skips a whole term of one log or the other, so there are at most as many as there are terms that differ.
 * The logs may agree at conflictIndex already, as at index 3 above: it says where to look next.
 *
 * Rounds: every heartbeat carries the number of the leader's current round, and the follower echoes it. A round answered
 * by a quorum shows that no newer leader existed when the round began (rounds.ts).
 */

/**
 * Why the leader considers sending to a follower. `entries`: there may be new ones. `newCommit`: also when only
 * commitIndex has moved. `round`: reads wait for a round, so a message goes out even without entries. `heartbeat`: the
 * same at regular times (section 5.2); the answer also shows what was lost on the way.
 */
type SendReason = 'entries' | 'newCommit' | 'round' | 'heartbeat'

/** Whether a message is sent even if it holds no entries. */
const mustSend = (reason: SendReason): boolean => reason === 'round' || reason === 'heartbeat'

export const broadcastAppend = (work: Work, reason: SendReason): void => {
  const leader = mutableLeader(work)
  if (leader === null) return
  for (let slot = 0; slot < leader.progress.length; slot++) sendAppend(work, leader, slot, reason)
}

/** Sends what the progress at `slot` allows: AppendEntries, or the start of a snapshot transfer. */
export const sendAppend = (work: Work, leader: MutableLeader, slot: number, reason: SendReason): void => {
  const progress = leader.progress[slot]
  if (progress === undefined) return
  if (progress.mode === 'snapshot') {
    if (mustSend(reason)) sendAtBase(work, leader, progress)
    return
  }
  if (progress.nextIndex <= work.log.baseIndex) {
    // A transfer pins the log, so start it only for a responsive follower.
    if (progress.active) startTransfer(work, leader, slot)
    if (mustSend(reason)) sendAtBase(work, leader, progress)
    return
  }
  leader.progress[slot] =
    progress.mode === 'probe'
      ? sendProbe(work, leader, progress, reason)
      : sendPipelined(work, leader, progress, reason)
}

const sendProbe = (work: Work, leader: MutableLeader, progress: Probe, reason: SendReason): Probe => {
  const { log, server, options } = work
  if (progress.paused && !mustSend(reason)) return progress
  // An unanswered message is sent again (section 5.1), but with its entries only to a follower that still answers, and
  // only at heartbeats: rounds for reads follow each other as fast as a quorum answers.
  const isAgain = progress.paused && !(progress.active && reason === 'heartbeat')
  const entries = isAgain
    ? []
    : slice(log, progress.nextIndex, log.lastIndex, options.messageEntriesMax, options.messageBytesMax)
  if (entries.length === 0 && !mustSend(reason)) return progress
  sendEntries(work, leader, progress, entries)
  return sentProbe(progress, server.commitIndex, progress.paused || entries.length > 0)
}

const sendPipelined = (work: Work, leader: MutableLeader, progress: Replicate, reason: SendReason): Replicate => {
  const { log, server, options } = work
  let current = progress
  while (current.nextIndex <= log.lastIndex && hasRoom(work, current)) {
    // At least one entry, whatever its size: nextIndex moves on in each turn.
    const entries = slice(log, current.nextIndex, log.lastIndex, options.messageEntriesMax, options.messageBytesMax)
    sendEntries(work, leader, current, entries)
    const nextIndex = successor(current.nextIndex, entries.length)
    const sent = { lastIndex: predecessor(nextIndex), bytes: bytesOf(entries) }
    current = sentReplicate(current, server.commitIndex, nextIndex, [...current.inflight, sent])
  }
  if (current !== progress) return current
  // A new commitIndex travels with the next entries, or alone once none are in flight. Sent alone at once it would
  // arrive 1 to 3 ms earlier (of 6 to 8, at 5 ms one way and a proposal every 1 to 3 ms), for twice the messages.
  const hasNewCommit =
    reason === 'newCommit' && progress.sentCommit < server.commitIndex && progress.inflight.length === 0
  if (!mustSend(reason) && !hasNewCommit) return progress
  sendEntries(work, leader, progress, [])
  return sentReplicate(progress, server.commitIndex, progress.nextIndex, progress.inflight)
}

const hasRoom = ({ options }: Work, { inflight, window }: Replicate): boolean => {
  if (inflight.length === 0) return true
  if (inflight.length >= window) return false
  let bytes = 0
  for (const message of inflight) bytes += message.bytes
  return bytes < options.inflightBytesMax
}

const bytesOf = (entries: readonly Entry[]): number => {
  let bytes = 0
  for (const entry of entries) bytes += entry.bytes
  return bytes
}

const sendEntries = (
  work: Work,
  leader: MutableLeader,
  { id, nextIndex }: Probe | Replicate,
  entries: readonly Entry[],
): void => sendAppendEntries(work, leader, id, predecessor(nextIndex), entries)

/** A heartbeat for a follower whose next entry is compacted: without entries, at the log's base, whose term is known. */
const sendAtBase = (work: Work, leader: MutableLeader, { id }: Progress): void =>
  sendAppendEntries(work, leader, id, work.log.baseIndex, [])

const sendAppendEntries = (
  { server, log, outputs }: Work,
  { round }: MutableLeader,
  to: NodeId,
  prevLogIndex: Index,
  entries: readonly Entry[],
): void => {
  outputs.push({
    type: 'send',
    to,
    rpc: {
      type: 'AppendEntries',
      term: server.currentTerm,
      leaderId: server.id,
      prevLogIndex,
      prevLogTerm: heldTerm(log, prevLogIndex),
      entries,
      leaderCommit: server.commitIndex,
      round,
    },
  })
}

/** Receiver of AppendEntries (Figure 2, "Receiver implementation" 2–5; 1 is the term rule in step.ts). */
export const handleAppendEntries = (work: Work, from: NodeId, rpc: AppendEntries): void => {
  const { server, log } = work
  if (server.role.type === 'leader') return contradict(work, 'second leader in one term', from)
  // Also a message that is refused below shows that the leader is alive.
  becomeFollower(work, server.currentTerm, from)
  hearLeader(work)
  // Before commitIndex the logs agree anyway (Leader Completeness), and the terms may be compacted.
  if (rpc.prevLogIndex >= server.commitIndex && termAt(log, rpc.prevLogIndex) !== rpc.prevLogTerm)
    return rejectAppend(work, from, rpc)
  if (!appendMissing(work, rpc)) return contradict(work, 'an append contradicts a committed entry', from)
  const matchIndex = maxIndex(lastOf(rpc), server.commitIndex)
  followCommit(work, rpc.leaderCommit, lastOf(rpc))
  acknowledge(work, from, matchIndex, rpc.round)
}

/**
 * Where this step saves something, the answer waits for that save and acknowledges the log up to `upTo`. Otherwise it
 * leaves at once and acknowledges only what is durable already: entries appended earlier are acknowledged with their own
 * save, and the echo of the round must not wait for a stalled disk, or the leader would fail its quorum check.
 */
const acknowledge = (work: Work, to: NodeId, upTo: Index, round: number): void => {
  const { server } = work
  const isAtOnce = work.save === null && isHardStateDurable(work)
  const matchIndex = isAtOnce ? minIndex(upTo, server.durableIndex) : upTo
  const rpc = acknowledgement(work, matchIndex, round)
  if (isAtOnce) send(work, to, rpc)
  else replyAfterSave(work, to, rpc)
}

/** Two literals, because a spread or a field added later would cost as much as the rest (see work.ts). */
const acknowledgement = ({ server, options }: Work, matchIndex: Index, round: number): AppendEntriesSuccess => {
  const { currentTerm: term } = server
  if (!options.checkQuorum) return { type: 'AppendEntriesResponse', term, success: true, matchIndex, round }
  const silenceTicks = options.electionTimeoutTicks
  return { type: 'AppendEntriesResponse', term, success: true, matchIndex, round, silenceTicks }
}

const lastOf = (rpc: AppendEntries): Index => successor(rpc.prevLogIndex, rpc.entries.length)

/**
 * Drops a suffix only where an entry contradicts it ("if an existing entry conflicts with a new one"), then appends the
 * entries that are missing: an old or repeated message removes nothing. Returns false, with nothing changed, when an
 * entry contradicts a committed one.
 */
const appendMissing = (work: Work, { entries }: AppendEntries): boolean => {
  const { server } = work
  let held = 0
  for (const entry of entries) {
    if (entry.index > work.log.lastIndex) break
    if (entry.index >= work.log.baseIndex && termAt(work.log, entry.index) !== entry.term) {
      if (entry.index <= server.commitIndex) return false
      truncateAndSave(work, entry.index)
      break
    }
    held++
  }
  if (held < entries.length) appendAndSave(work, held === 0 ? entries : entries.slice(held))
  return true
}

/** Refuses, with a hint where the logs may agree: see the example at the head of this file. */
const rejectAppend = (work: Work, from: NodeId, rpc: AppendEntries): void => {
  const { server, log, options } = work
  const conflictIndex = lastIndexWithTermAtMost(log, minIndex(rpc.prevLogIndex, log.lastIndex), rpc.prevLogTerm)
  replyAfterHardState(work, from, {
    type: 'AppendEntriesResponse',
    term: server.currentTerm,
    success: false,
    rejectedIndex: rpc.prevLogIndex,
    conflictIndex,
    conflictTerm: heldTerm(log, conflictIndex),
    round: rpc.round,
    ...(options.checkQuorum ? { silenceTicks: options.electionTimeoutTicks } : {}),
  })
}
