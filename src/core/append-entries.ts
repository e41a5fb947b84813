import { followCommit } from './commit.ts'
import type { Entry } from './entry.ts'
import { maxIndex, minIndex, predecessor, successor, type Index, type NodeId } from './ids.ts'
import { lastIndexNotAbove, slice, termAt } from './log/log.ts'
import { sentProbe, sentReplicate, type Probe, type Progress, type Replicate } from './progress.ts'
import { becomeFollower, hearLeader } from './role.ts'
import type { AppendEntries, AppendEntriesSuccess } from './rpc.ts'
import { startTransfer } from './snapshot-transfer.ts'
import {
  answer,
  appendAndSave,
  contradict,
  isHardStateDurable,
  ownLeader,
  promise,
  send,
  truncateAndSave,
  type OwnLeader,
  type Work,
} from './work.ts'

/**
 * Why a leader turns to a follower. `entries`: there may be some to send. `news`: also when only commitIndex is new.
 * `round`: reads wait for a round of heartbeats: in any case, if need be without entries. `heartbeat`: the same in time
 * (section 5.2), and the answer shows what was lost on the way.
 */
type Occasion = 'entries' | 'news' | 'round' | 'heartbeat'

const isDue = (occasion: Occasion): boolean => occasion === 'round' || occasion === 'heartbeat'

export const broadcastAppend = (work: Work, occasion: Occasion): void => {
  const leader = ownLeader(work)
  if (leader === null) return
  for (let at = 0; at < leader.progress.length; at++) sendAppend(work, leader, at, occasion)
}

/** Sends what the follower's progress allows, as AppendEntries or by starting a snapshot transfer. */
export const sendAppend = (work: Work, leader: OwnLeader, at: number, occasion: Occasion): void => {
  const progress = leader.progress[at]
  if (progress === undefined) return
  if (progress.mode === 'snapshot') {
    if (isDue(occasion)) sendAtBase(work, leader, progress)
    return
  }
  if (progress.nextIndex <= work.log.baseIndex) {
    // Only a follower that answers gets a transfer: to a dead one it would pin the log for nothing.
    if (progress.active) startTransfer(work, leader, at)
    if (isDue(occasion)) sendAtBase(work, leader, progress)
    return
  }
  leader.progress[at] =
    progress.mode === 'probe'
      ? sendProbe(work, leader, progress, occasion)
      : sendPipelined(work, leader, progress, occasion)
}

const sendProbe = (work: Work, leader: OwnLeader, progress: Probe, occasion: Occasion): Probe => {
  const { log, server, options } = work
  if (progress.paused && !isDue(occasion)) return progress
  // What was not answered is sent again (section 5.1), but not for ever to a silent follower, nor with each round that
  // reads begin: those follow each other as fast as a quorum answers.
  const isAgain = progress.paused && !(progress.active && occasion === 'heartbeat')
  const entries = isAgain
    ? []
    : slice(log, progress.nextIndex, log.lastIndex, options.messageEntriesMax, options.messageBytesMax)
  if (entries.length === 0 && !isDue(occasion)) return progress
  sendEntries(work, leader, progress, entries)
  return sentProbe(progress, server.commitIndex, progress.paused || entries.length > 0)
}

const sendPipelined = (work: Work, leader: OwnLeader, progress: Replicate, occasion: Occasion): Replicate => {
  const { log, server, options } = work
  let current = progress
  while (current.nextIndex <= log.lastIndex && hasRoom(work, current)) {
    const entries = slice(log, current.nextIndex, log.lastIndex, options.messageEntriesMax, options.messageBytesMax)
    sendEntries(work, leader, current, entries)
    const nextIndex = successor(current.nextIndex, entries.length)
    const sent = { lastIndex: predecessor(nextIndex), bytes: bytesOf(entries) }
    current = sentReplicate(current, server.commitIndex, nextIndex, [...current.inflight, sent])
  }
  if (current !== progress) return current
  // A new commitIndex travels with the next entries, or alone once none are under way. Sent alone at once it would
  // come 1 to 3 ms earlier (of 6 to 8, at 5 ms one way and a proposal every 1 to 3 ms), for twice the messages.
  const hasNews = occasion === 'news' && progress.sentCommit < server.commitIndex && progress.inflight.length === 0
  if (!isDue(occasion) && !hasNews) return progress
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
  leader: OwnLeader,
  { id, nextIndex }: Probe | Replicate,
  entries: readonly Entry[],
): void => appendTo(work, leader, id, predecessor(nextIndex), entries)

/** A heartbeat to a follower whose next entry is compacted: empty, at the log's base, where the term is known. */
const sendAtBase = (work: Work, leader: OwnLeader, { id }: Progress): void =>
  appendTo(work, leader, id, work.log.baseIndex, [])

const appendTo = (
  { server, log, outputs }: Work,
  { round }: OwnLeader,
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
      prevLogTerm: termAt(log, prevLogIndex) ?? log.baseTerm,
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
 * Where this step saves something, the answer leaves with the save, and vouches for all of the log up to `upTo`.
 * Otherwise it leaves at once and vouches for what is durable: what was appended before is answered with its own save,
 * and the round must not wait for a disk that stalls, or the leader would lose its quorum by it.
 */
const acknowledge = (work: Work, to: NodeId, upTo: Index, round: number): void => {
  const { server } = work
  const isAtOnce = work.save === null && isHardStateDurable(work)
  const matchIndex = isAtOnce ? minIndex(upTo, server.durableIndex) : upTo
  const rpc = acknowledgement(work, matchIndex, round)
  if (isAtOnce) send(work, to, rpc)
  else promise(work, to, rpc)
}

/** Two literals: a field added to a literal later would cost as much as the rest of it. */
const acknowledgement = ({ server, options }: Work, matchIndex: Index, round: number): AppendEntriesSuccess => {
  const { currentTerm: term } = server
  if (!options.checkQuorum) return { type: 'AppendEntriesResponse', term, success: true, matchIndex, round }
  const silenceTicks = options.electionTimeoutTicks
  return { type: 'AppendEntriesResponse', term, success: true, matchIndex, round, silenceTicks }
}

const lastOf = (rpc: AppendEntries): Index => successor(rpc.prevLogIndex, rpc.entries.length)

/**
 * Drops a suffix only where an entry contradicts it ("if an existing entry conflicts with a new one"), then appends
 * what is not there yet: an old or repeated message takes nothing away. False when it contradicts what is committed.
 */
const appendMissing = (work: Work, { entries }: AppendEntries): boolean => {
  const { server } = work
  let at = 0
  for (const entry of entries) {
    if (entry.index > work.log.lastIndex) break
    if (entry.index >= work.log.baseIndex && termAt(work.log, entry.index) !== entry.term) {
      if (entry.index <= server.commitIndex) return false
      truncateAndSave(work, entry.index)
      break
    }
    at++
  }
  if (at < entries.length) appendAndSave(work, at === 0 ? entries : entries.slice(at))
  return true
}

const rejectAppend = (work: Work, from: NodeId, rpc: AppendEntries): void => {
  const { server, log, options } = work
  const conflictIndex = lastIndexNotAbove(log, minIndex(rpc.prevLogIndex, log.lastIndex), rpc.prevLogTerm)
  answer(work, from, {
    type: 'AppendEntriesResponse',
    term: server.currentTerm,
    success: false,
    rejectedIndex: rpc.prevLogIndex,
    conflictIndex,
    conflictTerm: termAt(log, conflictIndex) ?? log.baseTerm,
    round: rpc.round,
    ...(options.checkQuorum ? { silenceTicks: options.electionTimeoutTicks } : {}),
  })
}
