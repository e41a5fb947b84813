import { checksum } from './checksum.ts'
import { handOutApply } from './commit.ts'
import { FIRST_OBJECT, INDEX_ZERO, maxIndex, minIndex, successor, type NodeId } from './ids.ts'
import { compactTo, emptyLog, termAt } from './log/log.ts'
import type { Message } from './message.ts'
import { becomeFollower, hearLeader } from './role.ts'
import type { InstallSnapshot, InstallSnapshotResponse, SnapshotMeta } from './rpc.ts'
import { chainDigest } from './snapshot-transfer.ts'
import type { Receiving } from './state.ts'
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
  const { lastIncludedIndex, lastIncludedTerm } = rpc.snapshot
  if (lastIncludedIndex <= server.commitIndex || termAt(work.log, lastIncludedIndex) === lastIncludedTerm) {
    // Nothing new, or the log has it all: the snapshot only tells that so much is committed.
    server.commitIndex = maxIndex(server.commitIndex, lastIncludedIndex)
    if (server.receiving?.phase === 'transfer') server.receiving = null
    handOutApply(work)
    return respond(work, from, rpc, 'installed')
  }
  const receiving = takeUp(work, from, rpc)
  if (receiving === null) return ignore(work, 'unknown transfer', from)
  if (receiving.phase === 'install') return respond(work, from, rpc, 'installing')
  server.receiving = receiving
  acceptObject(work, receiving, rpc)
}

/** The transfer that the object belongs to: the one under way, or a new one; null when it is an older one. */
const takeUp = ({ server }: Work, from: NodeId, { transferId, snapshot }: InstallSnapshot): Receiving | null => {
  const { receiving, currentTerm } = server
  if (receiving?.phase === 'install') return receiving
  const isOfThisLeader = receiving?.leaderId === from && receiving.term === currentTerm
  if (isOfThisLeader && receiving.transferId === transferId) return receiving
  if (isOfThisLeader && receiving.transferId > transferId) return null
  const isResumed = receiving !== null && isSameSnapshot(receiving.snapshot, snapshot)
  return {
    leaderId: from,
    term: currentTerm,
    transferId,
    snapshot,
    phase: 'transfer',
    // The same snapshot from another sender, or after a restart, continues where it broke off.
    nextObjectId: isResumed ? receiving.nextObjectId : FIRST_OBJECT,
    digest: isResumed ? receiving.digest : 0,
    saving: null,
    queued: [],
  }
}

const isSameSnapshot = (a: SnapshotMeta, b: SnapshotMeta): boolean =>
  a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm

const acceptObject = (work: Work, receiving: Receiving, rpc: InstallSnapshot): void => {
  if (receiving.saving !== null) return enqueue(work, receiving, rpc)
  const { objectId, data, isLast } = rpc
  if (objectId !== receiving.nextObjectId) return respond(work, receiving.leaderId, rpc, 'wanted')
  const digest = chainDigest(receiving.digest, objectId, checksum(data))
  if (checksum(data) !== rpc.checksum || digest !== rpc.digest) {
    ignore(work, 'checksum mismatch', receiving.leaderId)
    return respond(work, receiving.leaderId, rpc, 'wanted')
  }
  work.server.receiving = { ...receiving, saving: { objectId, digest, isLast } }
  const { transferId, snapshot } = receiving
  work.outputs.push({ type: 'saveObject', transferId, snapshot, objectId, data, digest, isLast })
}

/** Keeps an object that came while another is being saved; the bytes kept are bounded by the window. */
const enqueue = (work: Work, receiving: Receiving, rpc: InstallSnapshot): void => {
  const { saving, queued } = receiving
  const bytes = queued.reduce((sum, { data }) => sum + data.length, rpc.data.length)
  const isKnown = saving?.objectId === rpc.objectId || queued.some(({ objectId }) => objectId === rpc.objectId)
  if (isKnown || bytes > work.options.snapshotWindowBytes) return
  work.server.receiving = { ...receiving, queued: [...queued, rpc] }
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
  const next: Receiving = { ...kept, nextObjectId, queued: queued.filter((rpc) => rpc.objectId !== nextObjectId) }
  server.receiving = next
  respond(work, leaderId, next, 'wanted')
  const waiting = queued.find(({ objectId }) => objectId === nextObjectId)
  if (waiting !== undefined) acceptObject(work, next, waiting)
}

/** The machine cannot use what came: starts again at the first object. */
export const handleObjectRejected = (work: Work, message: Extract<Message, { type: 'objectRejected' }>): void => {
  const { server } = work
  const { receiving } = server
  if (receiving?.transferId !== message.transferId) return ignore(work, 'unknown transfer', null)
  work.outputs.push({ type: 'note', event: 'objectRejected', reason: message.reason })
  const again: Receiving = {
    ...receiving,
    phase: 'transfer',
    nextObjectId: FIRST_OBJECT,
    digest: 0,
    saving: null,
    queued: [],
  }
  server.receiving = again
  respond(work, receiving.leaderId, again, 'wanted')
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
 * Answers the transfer's sender, unless the server follows somebody else by now. It vouches for what is durable, and
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
  const durable = minIndex(server.commitIndex, server.durableIndex)
  const isPromise = status === 'installed' && (work.save !== null || durable < snapshot.lastIncludedIndex)
  const leave = isPromise ? promise : answer
  leave(work, to, {
    type: 'InstallSnapshotResponse',
    term: server.currentTerm,
    transferId,
    status,
    nextObjectId: server.receiving?.nextObjectId ?? FIRST_OBJECT,
    digest: server.receiving?.digest ?? 0,
    // Up to commitIndex this log equals every later leader's.
    installedIndex: isPromise ? server.commitIndex : durable,
  })
}
