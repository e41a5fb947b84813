import { checkMessage, isId, isName, isReadMode, isRecord, isWellFormed } from './admission.ts'
import { handleAppendEntries } from './append-entries.ts'
import { handleAppendEntriesResponse } from './append-entries-response.ts'
import { unreachable } from './assert.ts'
import { handleSnapshotFailed, handleSnapshotTaken } from './snapshot/compaction.ts'
import { handleApplied, handleSaved } from './disk.ts'
import { INDEX_ZERO, TERM_ZERO, isCounter, type NodeId } from './ids.ts'
import { handleInstallSnapshotResponse } from './snapshot/install-snapshot-response.ts'
import {
  handleInstallSnapshot,
  handleObjectRejected,
  handleObjectSaved,
  handleSnapshotInstalled,
} from './snapshot/install-snapshot.ts'
import type { Message } from './message.ts'
import type { Output } from './output.ts'
import { campaign, handleRequestPreVote, handleRequestPreVoteResponse } from './pre-vote.ts'
import { handlePropose } from './propose.ts'
import { handleRead } from './reads/read-index.ts'
import { handleRequestVote, handleRequestVoteResponse, hearsLeader } from './request-vote.ts'
import { becomeFollower } from './role.ts'
import type { Rpc } from './rpc.ts'
import { handleObjectRead, handleObjectReadFailed } from './snapshot/transfer.ts'
import type { RaftState } from './state.ts'
import { handleTick } from './tick.ts'
import { replyAfterHardState, beginWork, endWork, ignore, type Work } from './work.ts'

/*
 * Theory of operation
 *
 * A server is one value, its RaftState: the options, the log, and everything else in `server` (state.ts). It changes only
 * by `step`, which takes the state and one Message and returns the next state and a list of Outputs:
 *
 *     from the host                                               to the host
 *     tick, propose, read, campaign ──►  ┌────────┐  ──► accepted, refused, readReady, note
 *     receive (an RPC of a peer)    ──►  │  step  │  ──► send (an RPC to a peer)
 *     saved                         ──►  │        │  ──► save (to the disk)
 *     applied, snapshot messages    ──►  └────────┘  ──► apply, snapshot requests (to the state machine)
 *
 * The host (src/shell is one, the simulator another) carries out the outputs in the order of the list, and turns what
 * happens into messages (message.ts, output.ts). Time is the message `tick`; randomness is a seed in the state. So equal
 * messages give equal states, on every machine and in every replay.
 *
 * The way of one message: `step` begins a Work (work.ts), which holds a copy of `server` to assign to, the log, and the
 * outputs so far. `dispatch` checks the message and calls its handler. An RPC first passes `receive`: its fields are
 * checked (admission.ts), then its term. The handler assigns to `work.server`, replaces `work.log`, and adds outputs.
 * `endWork` returns the new state. Each RPC has a file that holds its sender and its receiver, a box of Figure 2 or 13,
 * and, where it is long, another for its response; `role.ts` has the changes of role, `commit.ts` what moves commitIndex.
 *
 * Four rules hold in every handler:
 *
 * 1. Terms are compared once, by `applyTermRule` below. A handler that runs after it may rely on the RPC being of the
 *    current term, but for the pre-vote exceptions listed there.
 * 2. A reply that says something about the disk travels in the save that makes it true, and leaves once that is durable
 *    (thesis 3.8). Everything else leaves at once: a leader replicates while its own disk writes (thesis 10.2.1).
 * 3. A step emits at most one save. Saves complete in order, and `saved` names the last one that has.
 * 4. The indices of a server keep one total order, drawn in state.ts.
 *
 * Every request ends in exactly one answer. A proposal is accepted or refused here; src/machine reports its result later.
 * A read is answered by readReady or refused, a snapshot request by one of the messages its output names.
 *
 * checkTransition and checkState (invariants.ts) state these rules and some hundred more as claims. Tests, simulator and
 * replay run them after every step.
 *
 * Where to read on: state.ts, then append-entries.ts and append-entries-response.ts, request-vote.ts, commit.ts. The
 * snapshot transfer is snapshot-transfer.ts (sender) and install-snapshot.ts (receiver). To add an output: declare it in
 * output.ts, push it to `work.outputs`, and let the compiler name each switch that has to handle it.
 */

/**
 * One step of Raft: takes a server's state and one message, returns the next state and the outputs, in order.
 * Pure: the arguments are never changed, and equal arguments give equal results. Total for anything a peer sends: an RPC
 * that cannot be handled changes nothing and is reported by a note (`ignored`, or `contradiction` where a safety property
 * of Raft has been broken).
 * @throws UsageError when the caller breaks the contract of a message; nothing has changed then.
 */
export const step = (state: RaftState, message: Message): readonly [RaftState, readonly Output[]] => {
  if (!isRecord(message)) checkMessage(message)
  const work = beginWork(state)
  dispatch(work, message)
  return endWork(work)
}

/** Frequent messages are checked here field by field, for speed; `checkMessage` names the field that is wrong. */
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
      // Not a known type: throws.
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
  // No server sends to itself. An own message reflected by the network would look like a second leader of this name.
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
 * Figure 2, "Rules for Servers, All Servers", second rule, and rule 1 of every receiver, once for all RPCs. An RPC of a
 * newer term makes the server a follower of that term; one of an older term is answered with the current one. Exceptions:
 * a pre-vote request and its grant name a term that may never begin, and do not change this server's; a RequestVote is
 * ignored while the leader is heard (thesis 4.2.3).
 * Returns whether the handler is to run.
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

/** "Reply false if term < currentTerm", so that the sender steps down. Old responses need no reply. */
const answerStaleTerm = (work: Work, from: NodeId, rpc: Exclude<Rpc, { type: 'RequestPreVote' }>): void => {
  const term = work.server.currentTerm
  switch (rpc.type) {
    case 'RequestVote':
      return replyAfterHardState(work, from, { type: 'RequestVoteResponse', term, voteGranted: false })
    case 'AppendEntries':
      return replyAfterHardState(work, from, {
        type: 'AppendEntriesResponse',
        term,
        success: false,
        rejectedIndex: rpc.prevLogIndex,
        conflictIndex: INDEX_ZERO,
        conflictTerm: TERM_ZERO,
        round: 0,
      })
    case 'InstallSnapshot':
      return replyAfterHardState(work, from, {
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
