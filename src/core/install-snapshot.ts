import { checksum } from './checksum.ts'
import { followCommit, handOutApply } from './commit.ts'
import { FIRST_OBJECT, INDEX_ZERO, maxIndex, minIndex, successor, type Index, type NodeId } from './ids.ts'
import { compactTo, emptyLog, termAt } from './log/log.ts'
import type { Message } from './message.ts'
import { becomeFollower, hearLeader } from './role.ts'
import type { InstallSnapshot, InstallSnapshotResponse, SnapshotMeta } from './rpc.ts'
import { chainDigest } from './snapshot-transfer.ts'
import type { Receiving, Server } from './state.ts'
import { answer, contradict, distrustDisk, ignore, promise, saveOf, type Work } from './work.ts'

/*
 * The receiver's half of a snapshot transfer (Figure 13; NuRaft's object protocol). Every request may come twice,
 * late, or from a leader that knows less than this server: the answer always says what is wanted or held.
 */

/** Receiver of InstallSnapshot. The term rule has been applied: the sender leads the current term. */
export const handleInstallSnapshot = (work: Work, from: NodeId, rpc: InstallSnapshot): void => {
  const { server } = work
  if (server.role.type === 'leader') return contradict(work, 'second leader in one term', from)
  becomeFollower(work, server.currentTerm, from)
  hearLeader(work)
  if (isOvertaken(server, from, rpc)) return ignore(work, 'unknown transfer', from)
  const { lastIncludedIndex, lastIncludedTerm } = rpc.snapshot
  if (lastIncludedIndex <= server.commitIndex || termAt(work.log, lastIncludedIndex) === lastIncludedTerm) {
    // Nothing new, or the log has it all: the snapshot only says that so much is committed.
    followSnapshot(work, from, lastIncludedIndex)
    return respond(work, from, rpc, 'installed')
  }
  const receiving = takeUp(work, from, rpc)
  if (receiving.phase === 'install') return respond(work, from, rpc, 'installing')
  server.receiving = receiving
  acceptObject(work, receiving, rpc)
}

/** The leader has begun another transfer since: a late object, to which nothing is to be answered or given up. */
const isOvertaken = ({ receiving, currentTerm }: Server, from: NodeId, { transferId }: InstallSnapshot): boolean =>
  receiving?.leaderId === from && receiving.term === currentTerm && receiving.transferId > transferId

/**
 * So much is committed: followCommit ends a reception that brings no more. One of more goes on, unless its own leader
 * has turned to this snapshot instead.
 */
const followSnapshot = (work: Work, from: NodeId, lastIncludedIndex: Index): void => {
  const { server } = work
  const { receiving } = server
  const isGivenUp = receiving?.leaderId === from && receiving.term === server.currentTerm
  if (isGivenUp && receiving.phase === 'transfer') server.receiving = null
  followCommit(work, lastIncludedIndex, lastIncludedIndex)
}

/** The transfer that the object belongs to: the one under way, or a new one. */
const takeUp = ({ server }: Work, from: NodeId, rpc: InstallSnapshot): Receiving => {
  const { transferId, snapshot, startsOver } = rpc
  const { receiving, currentTerm } = server
  if (receiving?.phase === 'install') return receiving
  const isOfThisLeader = receiving?.leaderId === from && receiving.term === currentTerm
  if (isOfThisLeader && receiving.transferId === transferId) return receiving
  const isResumed = receiving !== null && !startsOver && isSameSnapshot(receiving.snapshot, snapshot)
  return {
    leaderId: from,
    term: currentTerm,
    transferId,
    snapshot,
    phase: 'transfer',
    // The same snapshot from another sender, or after a restart, continues where it broke off.
    nextObjectId: isResumed ? receiving.nextObjectId : FIRST_OBJECT,
    digest: isResumed ? receiving.digest : 0,
    // Position 0 is that of the first object.
    position: isResumed && receiving.nextObjectId !== FIRST_OBJECT ? 1 : 0,
    saving: null,
    queued: [],
  }
}

const isSameSnapshot = (a: SnapshotMeta, b: SnapshotMeta): boolean =>
  a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm

const acceptObject = (work: Work, receiving: Receiving, rpc: InstallSnapshot): void => {
  if (rpc.position < receiving.position) return respond(work, receiving.leaderId, rpc, progressOf(receiving))
  if (receiving.saving !== null || rpc.objectId !== receiving.nextObjectId) return keepForLater(work, receiving, rpc)
  if (!beginSaving(work, receiving, rpc)) respond(work, receiving.leaderId, rpc, 'wanted')
}

/** Asks the shell to keep the object that is wanted; false when it does not continue what is held. */
const beginSaving = (work: Work, receiving: Receiving, rpc: InstallSnapshot): boolean => {
  const { objectId, data, isLast, position } = rpc
  const digest = chainDigest(receiving.digest, objectId, checksum(data))
  if (checksum(data) !== rpc.checksum || digest !== rpc.digest) {
    ignore(work, 'checksum mismatch', receiving.leaderId)
    return false
  }
  work.server.receiving = {
    ...receiving,
    position: position + 1,
    saving: { objectId, digest, isLast },
    queued: receiving.queued.filter((rpc) => rpc.position > position),
  }
  const { transferId, snapshot } = receiving
  work.outputs.push({ type: 'saveObject', transferId, snapshot, objectId, data, digest, isLast })
  return true
}

const progressOf = ({ saving }: Receiving): 'wanted' | 'saving' => (saving === null ? 'wanted' : 'saving')

/**
 * Keeps an object that came before its turn, in the order of positions. There is room for what the sender's window
 * holds: another object while all before it hold less than snapshotWindowBytes.
 */
const keepForLater = (work: Work, receiving: Receiving, rpc: InstallSnapshot): void => {
  const later = receiving.queued.findIndex(({ position }) => position >= rpc.position)
  const at = later < 0 ? receiving.queued.length : later
  const isKnown = receiving.queued[at]?.position === rpc.position
  if (!isKnown) work.server.receiving = { ...receiving, queued: newest(work, receiving.queued.toSpliced(at, 0, rpc)) }
  if (receiving.saving === null) respond(work, receiving.leaderId, rpc, 'wanted')
}

/**
 * The last ones, as far as there is room. What is beyond the window of the sender is of a sequence that it has left for
 * another, when this server wanted another object than the next one: those have the lower positions.
 */
const newest = ({ options }: Work, queued: readonly InstallSnapshot[]): readonly InstallSnapshot[] => {
  let bytes = 0
  for (const { data } of queued.slice(0, -1)) bytes += data.length
  let first = 0
  for (; bytes >= options.snapshotWindowBytes; first++) bytes -= queued[first]?.data.length ?? 0
  return queued.slice(first)
}

/** The object is kept: asks for the next, or, after the last, to have the whole put in force. */
export const handleObjectSaved = (work: Work, message: Extract<Message, { type: 'objectSaved' }>): void => {
  const { server } = work
  const { receiving } = server
  if (receiving?.transferId !== message.transferId || receiving.saving?.objectId !== message.objectId)
    return ignore(work, 'unknown transfer', null)
  const { saving, queued, leaderId, transferId, snapshot } = receiving
  const kept: Receiving = { ...receiving, digest: saving.digest, saving: null, queued: [] }
  if (saving.isLast) {
    // Nobody campaigns with a snapshot half in force (etcd #12163).
    if (server.role.type !== 'follower') becomeFollower(work, server.currentTerm, null)
    server.receiving = { ...kept, phase: 'install' }
    work.outputs.push({ type: 'installSnapshot', transferId, snapshot })
    return respond(work, leaderId, kept, 'installing')
  }
  const { nextObjectId } = message
  // Of two with its name the sender has left the sequence of the first.
  const waiting = queued.findLast(({ objectId }) => objectId === nextObjectId)
  // Where the sender would go on with another object it has to read from here anew, and what it has sent is useless.
  const isSuccessorOther = waiting === undefined && queued[0]?.position === receiving.position
  const next: Receiving = {
    ...kept,
    nextObjectId,
    queued: isSuccessorOther ? [] : queued.filter((rpc) => rpc !== waiting),
  }
  server.receiving = next
  const isSaving = waiting !== undefined && beginSaving(work, next, waiting)
  respond(work, leaderId, next, isSaving ? 'saving' : 'wanted')
}

/** The machine cannot use what came: starts again at the first object. */
export const handleObjectRejected = (work: Work, message: Extract<Message, { type: 'objectRejected' }>): void => {
  const { server } = work
  const { receiving } = server
  if (receiving?.transferId !== message.transferId) return ignore(work, 'unknown transfer', null)
  work.outputs.push({ type: 'note', event: 'objectRejected', reason: message.reason })
  // The log may have overtaken a snapshot that was being put in force: it has nothing new to bring then.
  const isOvertaken = receiving.snapshot.lastIncludedIndex <= server.commitIndex
  server.receiving = isOvertaken
    ? null
    : { ...receiving, phase: 'transfer', nextObjectId: FIRST_OBJECT, digest: 0, saving: null, queued: [] }
  // What waited for the machine goes on.
  handOutApply(work)
  respond(work, receiving.leaderId, receiving, isOvertaken ? 'installed' : 'wanted')
}

/**
 * The received state is in force in the state machine: log and snapshot follow, in one save (Figure 13, "Receiver
 * implementation" 6–8). An entry that agrees with the snapshot keeps what follows it; otherwise the whole log goes,
 * as a conflict left at the boundary would call for the same snapshot for ever (hashicorp/raft #697).
 */
export const handleSnapshotInstalled = (work: Work, message: Extract<Message, { type: 'snapshotInstalled' }>): void => {
  const { server } = work
  const { receiving } = server
  if (receiving?.phase !== 'install' || receiving.transferId !== message.transferId)
    return ignore(work, 'unknown transfer', null)
  const { snapshot } = receiving
  const { lastIncludedIndex, lastIncludedTerm } = snapshot
  const save = saveOf(work)
  save.snapshot = snapshot
  save.compactTo = { index: lastIncludedIndex, term: lastIncludedTerm }
  const keepsSuffix = termAt(work.log, lastIncludedIndex) === lastIncludedTerm
  if (keepsSuffix) work.log = compactTo(work.log, lastIncludedIndex)
  else {
    save.truncateFrom = successor(work.log.baseIndex)
    // Beyond commitIndex the entries on the disk may be others than the snapshot stands for.
    distrustDisk(work, successor(server.commitIndex))
    work.log = emptyLog(lastIncludedIndex, lastIncludedTerm)
  }
  server.receiving = null
  server.snapshot = snapshot
  server.snapshotRequested = INDEX_ZERO
  server.sinceSnapshot = { index: lastIncludedIndex, upTo: lastIncludedIndex, bytes: 0 }
  server.configurations = [
    { index: snapshot.configurationIndex, configuration: snapshot.configuration },
    ...(keepsSuffix ? server.configurations.filter(({ index }) => index > lastIncludedIndex) : []),
  ]
  server.commitIndex = maxIndex(server.commitIndex, lastIncludedIndex)
  server.applyingIndex = lastIncludedIndex
  server.lastApplied = lastIncludedIndex
  work.outputs.push({ type: 'note', event: 'snapshotAdopted', index: lastIncludedIndex })
  // Whoever leads by now wants to know, not only who sent it.
  if (server.leaderId !== null) respond(work, server.leaderId, receiving, 'installed')
}

/**
 * Answers the transfer's sender, unless the server follows another leader by now. It covers what is durable, and
 * leaves at once: objects on the way do not wait for entries being written. Only that a snapshot is installed is a
 * promise, which waits for the save that makes it so.
 */
const respond = (
  work: Work,
  to: NodeId,
  { transferId, snapshot }: { readonly transferId: number; readonly snapshot: SnapshotMeta },
  status: InstallSnapshotResponse['status'],
): void => {
  const { server } = work
  if (server.leaderId !== to) return
  // A reception of another transfer says nothing of this one.
  const receiving = server.receiving?.transferId === transferId ? server.receiving : null
  const durable = minIndex(server.commitIndex, server.durableIndex)
  const isPromise = status === 'installed' && (work.save !== null || durable < snapshot.lastIncludedIndex)
  const leave = isPromise ? promise : answer
  leave(work, to, {
    type: 'InstallSnapshotResponse',
    term: server.currentTerm,
    transferId,
    status,
    nextObjectId: receiving?.nextObjectId ?? FIRST_OBJECT,
    digest: receiving?.digest ?? 0,
    // Up to commitIndex this log equals every later leader's.
    installedIndex: isPromise ? server.commitIndex : durable,
  })
}
