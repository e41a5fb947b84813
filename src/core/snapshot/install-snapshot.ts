import { checksum } from '../checksum.ts'
import { followCommit, handOutApply } from '../commit.ts'
import { FIRST_OBJECT, INDEX_ZERO, maxIndex, minIndex, successor, type Index, type NodeId } from '../ids.ts'
import { compactTo, emptyLog, termAt } from '../log/log.ts'
import type { Message } from '../message.ts'
import { becomeFollower, hearLeader } from '../role.ts'
import { sameSnapshot, type InstallSnapshot, type InstallSnapshotResponse, type SnapshotMeta } from '../rpc.ts'
import { chainDigest } from './transfer.ts'
import type { Receiving, Server } from '../state.ts'
import { replyAfterHardState, contradict, markNotDurable, ignore, replyAfterSave, saveOf, type Work } from '../work.ts'

/*
 * The receiver's half of a snapshot transfer (Figure 13; NuRaft's object protocol). Any request may be duplicated, late,
 * or from a leader that is behind this server; the answer always states the object wanted next, or what is installed.
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
    // The snapshot brings nothing new: it only shows that everything up to its index is committed.
    followSnapshot(work, from, lastIncludedIndex)
    return respond(work, from, rpc, 'installed')
  }
  const receiving = takeUp(work, from, rpc)
  if (receiving.phase === 'install') return respond(work, from, rpc, 'installing')
  server.receiving = receiving
  acceptObject(work, receiving, rpc)
}

/** The leader has begun another transfer since: the object is late, and is neither answered nor acted on. */
const isOvertaken = ({ receiving, currentTerm }: Server, from: NodeId, { transferId }: InstallSnapshot): boolean =>
  receiving?.leaderId === from && receiving.term === currentTerm && receiving.transferId > transferId

/**
 * Everything up to lastIncludedIndex is committed. followCommit ends a reception that reaches no further; one that does
 * goes on, unless its own leader sends this snapshot instead.
 */
const followSnapshot = (work: Work, from: NodeId, lastIncludedIndex: Index): void => {
  const { server } = work
  const { receiving } = server
  const isGivenUp = receiving?.leaderId === from && receiving.term === server.currentTerm
  if (isGivenUp && receiving.phase === 'transfer') server.receiving = null
  followCommit(work, lastIncludedIndex, lastIncludedIndex)
}

/** The reception that the object belongs to: the current one, or a new one. A transfer resumes here. */
const takeUp = ({ server }: Work, from: NodeId, rpc: InstallSnapshot): Receiving => {
  const { transferId, snapshot, startsOver } = rpc
  const { receiving, currentTerm } = server
  if (receiving?.phase === 'install') return receiving
  const isOfThisLeader = receiving?.leaderId === from && receiving.term === currentTerm
  if (isOfThisLeader && receiving.transferId === transferId) return receiving
  const isResumed = receiving !== null && !startsOver && sameSnapshot(receiving.snapshot, snapshot)
  return {
    leaderId: from,
    term: currentTerm,
    transferId,
    snapshot,
    phase: 'transfer',
    // The same snapshot from another sender, or after a restart: resume after the objects held.
    nextObjectId: isResumed ? receiving.nextObjectId : FIRST_OBJECT,
    digest: isResumed ? receiving.digest : 0,
    // Position 0 is that of the first object.
    position: isResumed && receiving.nextObjectId !== FIRST_OBJECT ? 1 : 0,
    saving: null,
    queued: [],
  }
}

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
 * The objects with the highest positions that fit the window. Lower ones that do not fit belong to a sequence that the
 * sender abandoned when this server asked for another object than the next one.
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
    // A server does not campaign while a received snapshot is being installed (etcd #12163).
    if (server.role.type !== 'follower') becomeFollower(work, server.currentTerm, null)
    server.receiving = { ...kept, phase: 'install' }
    work.outputs.push({ type: 'installSnapshot', transferId, snapshot })
    return respond(work, leaderId, kept, 'installing')
  }
  const { nextObjectId } = message
  // Two may have this name: the first is then of a sequence that the sender has abandoned.
  const waiting = queued.findLast(({ objectId }) => objectId === nextObjectId)
  // The sender continues with another object than the one wanted: it will read again from here, so drop what it sent.
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

/** The machine rejects what was received: the transfer starts again at the first object. */
export const handleObjectRejected = (work: Work, message: Extract<Message, { type: 'objectRejected' }>): void => {
  const { server } = work
  const { receiving } = server
  if (receiving?.transferId !== message.transferId) return ignore(work, 'unknown transfer', null)
  work.outputs.push({ type: 'note', event: 'objectRejected', reason: message.reason })
  // The log may have passed the snapshot while it was being installed; it is then of no use any more.
  const isOvertaken = receiving.snapshot.lastIncludedIndex <= server.commitIndex
  server.receiving = isOvertaken
    ? null
    : { ...receiving, phase: 'transfer', nextObjectId: FIRST_OBJECT, digest: 0, saving: null, queued: [] }
  // Entries that waited for the installation can be applied now.
  handOutApply(work)
  respond(work, receiving.leaderId, receiving, isOvertaken ? 'installed' : 'wanted')
}

/**
 * The received state is in force in the state machine: log and snapshot follow, in one save (Figure 13, "Receiver
 * implementation" 6–8). If the log holds the snapshot's last entry, the entries after it are kept; otherwise the whole
 * log is dropped, since a conflict left at the boundary would need the same snapshot again and again (hashicorp/raft #697).
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
    // Beyond commitIndex the entries on the disk may differ from those that the snapshot covers.
    markNotDurable(work, successor(server.commitIndex))
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
  // The current leader gets the answer, also if another server sent the snapshot.
  if (server.leaderId !== null) respond(work, server.leaderId, receiving, 'installed')
}

/**
 * Answers the transfer's sender, unless the server follows another leader by now. It covers what is durable, and
 * leaves at once: objects in flight do not wait for entries being written. Only `installed` waits for the save that makes
 * it true.
 */
const respond = (
  work: Work,
  to: NodeId,
  { transferId, snapshot }: { readonly transferId: number; readonly snapshot: SnapshotMeta },
  status: InstallSnapshotResponse['status'],
): void => {
  const { server } = work
  if (server.leaderId !== to) return
  // The state of another transfer's reception does not belong in this answer.
  const receiving = server.receiving?.transferId === transferId ? server.receiving : null
  const durable = minIndex(server.commitIndex, server.durableIndex)
  const restsOnSave = status === 'installed' && (work.save !== null || durable < snapshot.lastIncludedIndex)
  const reply = restsOnSave ? replyAfterSave : replyAfterHardState
  reply(work, to, {
    type: 'InstallSnapshotResponse',
    term: server.currentTerm,
    transferId,
    status,
    nextObjectId: receiving?.nextObjectId ?? FIRST_OBJECT,
    digest: receiving?.digest ?? 0,
    // Up to commitIndex this log equals that of every later leader (Leader Completeness).
    installedIndex: restsOnSave ? server.commitIndex : durable,
  })
}
