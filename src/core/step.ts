import { checkMessage, isId, isName, isReadMode, isRecord, isWellFormed } from './admission.ts'
import { handleAppendEntries } from './append-entries.ts'
import { handleAppendEntriesResponse } from './append-entries-response.ts'
import { unreachable } from './assert.ts'
import { handleSnapshotFailed, handleSnapshotTaken } from './compaction.ts'
import { handleApplied, handleSaved } from './disk.ts'
import { INDEX_ZERO, TERM_ZERO, isCounter, type NodeId } from './ids.ts'
import { handleInstallSnapshotResponse } from './install-snapshot-response.ts'
import {
  handleInstallSnapshot,
  handleObjectRejected,
  handleObjectSaved,
  handleSnapshotInstalled,
} from './install-snapshot.ts'
import type { Message } from './message.ts'
import type { Output } from './output.ts'
import { campaign, handleRequestPreVote, handleRequestPreVoteResponse } from './pre-vote.ts'
import { handlePropose } from './propose.ts'
import { handleRead } from './read-index.ts'
import { handleRequestVote, handleRequestVoteResponse, hearsLeader } from './request-vote.ts'
import { becomeFollower } from './role.ts'
import type { Rpc } from './rpc.ts'
import { handleObjectRead, handleObjectReadFailed } from './snapshot-transfer.ts'
import type { RaftState } from './state.ts'
import { handleTick } from './tick.ts'
import { answer, beginWork, endWork, ignore, type Work } from './work.ts'

/**
 * Raft. Takes a server's state and one message; returns the next state and what is to be done about it, in order.
 * Pure: the arguments are never changed, and equal arguments give equal results. Total for whatever a peer sends: what
 * cannot be handled changes nothing, and a note says so (`ignored`, or `contradiction` where Raft itself is broken).
 * @throws UsageError when the caller breaks the contract of a message; nothing has changed then.
 */
export const step = (state: RaftState, message: Message): readonly [RaftState, readonly Output[]] => {
  if (!isRecord(message)) checkMessage(message)
  const work = beginWork(state)
  dispatch(work, message)
  return endWork(work)
}

/** Messages that come often are checked here field by field; `checkMessage` names the one that is wrong. */
const dispatch = (work: Work, message: Message): void => {
  switch (message.type) {
    case 'tick':
      return handleTick(work)
    case 'receive':
      if (!isName(message.from)) checkMessage(message)
      return receive(work, message.from, message.rpc)
    case 'propose':
      if (!isId(message.id) || !Array.isArray(message.commands)) checkMessage(message)
      return handlePropose(work, message)
    case 'saved':
      if (!isCounter(message.sequence) || !isCounter(message.lastIndex)) checkMessage(message)
      return handleSaved(work, message)
    case 'applied':
      if (!isCounter(message.index)) checkMessage(message)
      return handleApplied(work, message)
    case 'read':
      if (!isId(message.id) || !isReadMode(message.mode)) checkMessage(message)
      return handleRead(work, message)
    case 'snapshotTaken':
    case 'snapshotFailed':
    case 'objectRead':
    case 'objectReadFailed':
    case 'objectSaved':
    case 'objectRejected':
    case 'snapshotInstalled':
    case 'campaign':
      return dispatchRare(work, message)
    default:
      // No message has this type.
      return checkMessage(message)
  }
}

type Frequent = 'tick' | 'receive' | 'propose' | 'saved' | 'applied' | 'read'

const dispatchRare = (work: Work, message: Exclude<Message, { readonly type: Frequent }>): void => {
  checkMessage(message)
  switch (message.type) {
    case 'snapshotTaken':
      return handleSnapshotTaken(work, message)
    case 'snapshotFailed':
      return handleSnapshotFailed(work, message)
    case 'objectRead':
      return handleObjectRead(work, message)
    case 'objectReadFailed':
      return handleObjectReadFailed(work, message)
    case 'objectSaved':
      return handleObjectSaved(work, message)
    case 'objectRejected':
      return handleObjectRejected(work, message)
    case 'snapshotInstalled':
      return handleSnapshotInstalled(work, message)
    case 'campaign':
      return campaign(work)
    default:
      return unreachable(message)
  }
}

const receive = (work: Work, from: NodeId, rpc: Rpc): void => {
  // No server sends to itself: a network that brings back what was sent would make a second leader of this name.
  if (from === work.server.id || !isWellFormed(rpc, from)) return ignore(work, 'malformed', from)
  if (!applyTermRule(work, from, rpc)) return
  switch (rpc.type) {
    case 'RequestPreVote':
      return handleRequestPreVote(work, from, rpc)
    case 'RequestPreVoteResponse':
      return handleRequestPreVoteResponse(work, from, rpc)
    case 'RequestVote':
      return handleRequestVote(work, from, rpc)
    case 'RequestVoteResponse':
      return handleRequestVoteResponse(work, from, rpc)
    case 'AppendEntries':
      return handleAppendEntries(work, from, rpc)
    case 'AppendEntriesResponse':
      return handleAppendEntriesResponse(work, from, rpc)
    case 'InstallSnapshot':
      return handleInstallSnapshot(work, from, rpc)
    case 'InstallSnapshotResponse':
      return handleInstallSnapshotResponse(work, from, rpc)
    default:
      return unreachable(rpc)
  }
}

/**
 * Figure 2, "Rules for Servers, All Servers", second rule, and rule 1 of every receiver, once for all RPCs.
 * A newer term makes a follower, an older one is answered with ours. The exceptions: a question before an election
 * and its grant speak of a term that may never be; a candidate is not heard while the leader is alive.
 * Returns whether the message is to be handled.
 */
const applyTermRule = (work: Work, from: NodeId, rpc: Rpc): boolean => {
  const { currentTerm } = work.server
  if (rpc.term === currentTerm || rpc.type === 'RequestPreVote') return true
  if (rpc.term < currentTerm) {
    answerStaleTerm(work, from, rpc)
    return false
  }
  if (rpc.type === 'RequestPreVoteResponse' && rpc.voteGranted) return true
  if (rpc.type === 'RequestVote' && work.options.checkQuorum && hearsLeader(work)) {
    ignore(work, 'leader is alive', from)
    return false
  }
  const isFromLeader = rpc.type === 'AppendEntries' || rpc.type === 'InstallSnapshot'
  becomeFollower(work, rpc.term, isFromLeader ? from : null)
  return true
}

/** "Reply false if term < currentTerm": the sender learns of the newer term. Old answers need no answer. */
const answerStaleTerm = (work: Work, from: NodeId, rpc: Exclude<Rpc, { type: 'RequestPreVote' }>): void => {
  const term = work.server.currentTerm
  switch (rpc.type) {
    case 'RequestVote':
      return answer(work, from, { type: 'RequestVoteResponse', term, voteGranted: false })
    case 'AppendEntries':
      return answer(work, from, {
        type: 'AppendEntriesResponse',
        term,
        success: false,
        rejectedIndex: rpc.prevLogIndex,
        conflictIndex: INDEX_ZERO,
        conflictTerm: TERM_ZERO,
        round: 0,
      })
    case 'InstallSnapshot':
      return answer(work, from, {
        type: 'InstallSnapshotResponse',
        term,
        transferId: rpc.transferId,
        status: 'wanted',
        nextObjectId: rpc.objectId,
        digest: 0,
        installedIndex: INDEX_ZERO,
      })
    case 'RequestPreVoteResponse':
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
    case 'InstallSnapshotResponse':
      return ignore(work, 'stale term', from)
    default:
      return unreachable(rpc)
  }
}
