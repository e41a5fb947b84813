import { checksum } from '../checksum.ts'
import { compact } from './compaction.ts'
import { FIRST_OBJECT, hasTransfersLeft, successor, transferIdOf, type ObjectId } from '../ids.ts'
import type { Message } from '../message.ts'
import { toProbe, type Probe, type Progress, type Transfer } from '../progress.ts'
import type { InstallSnapshotResponse } from '../rpc.ts'
import type { FailedTransfer } from '../state.ts'
import { ignore, mutableLeader, type MutableLeader, type Work } from '../work.ts'

/*
 * The sender's half of a snapshot transfer (Figure 13; NuRaft's object protocol). It begins with an offer, the first
 * object alone: the answer names the object to go on with, and the digest of what comes before it. From there the shell
 * reads objects one by one and a window of them is under way. An answer acknowledges what lies before the object that it
 * names; one that names no object of the window is older than what was acknowledged since, and changes nothing.
 * After a time-out the oldest object is sent again, and from then on each older one that the receiver still wants.
 */

/** The digest over a sequence of objects: order, names and contents. Starts at 0. */
export const chainDigest = (before: number, objectId: ObjectId, objectChecksum: number): number =>
  checksum(`${typeof objectId} ${objectId} ${objectChecksum}`, before)

/**
 * Offers the latest snapshot to a follower whose next entry is compacted, unless the pause after a failure lasts. From
 * now on the log after it is pinned.
 */
export const startTransfer = (work: Work, leader: MutableLeader, at: number): void => {
  const progress = leader.progress[at]
  if (progress === undefined || progress.mode === 'snapshot' || !hasTransfersLeft(leader.transfersStarted)) return
  const failed = failureOf(leader, progress)
  if (failed !== undefined && leader.clockTicks < failed.retryAtTicks) return
  leader.transfersStarted++
  const transferId = transferIdOf(work.server.currentTerm, leader.transfersStarted)
  const { id, matchIndex, active, ackedRound, sentCommit, window } = progress
  work.outputs.push({ type: 'note', event: 'transferStarted', to: id, transferId })
  leader.progress[at] = readNext(work, {
    mode: 'snapshot',
    id,
    matchIndex,
    active,
    ackedRound,
    sentCommit,
    window,
    transferId,
    snapshot: work.server.snapshot,
    phase: 'offer',
    startsOver: failed?.startsOver ?? false,
    inflight: [],
    nextObjectId: FIRST_OBJECT,
    reading: null,
    digest: 0,
    objectsSent: 0,
    resendBelow: 0,
    detours: 0,
    idleTicks: 0,
    installTicks: 0,
    retries: 0,
    objectsAcked: 0,
    bytesAcked: 0,
  })
}

const failureOf = ({ failedTransfers }: MutableLeader, { id }: Progress): FailedTransfer | undefined =>
  failedTransfers.find((failed) => failed.id === id)

type Outcome = 'installed' | 'abandoned'

/** Says that the transfer is over; the caller puts another progress in its place. */
export const endTransfer = (work: Work, { id, transferId, snapshot }: Transfer, outcome: Outcome): void => {
  work.outputs.push({ type: 'transferEnded', to: id, transferId, snapshot, outcome })
  const leader = mutableLeader(work)
  if (leader !== null) leader.failedTransfers = leader.failedTransfers.filter((failed) => failed.id !== id)
}

/** Asks the shell for the next object while the window has room. One read at a time. */
const readNext = (work: Work, transfer: Transfer): Transfer => {
  const { nextObjectId, reading, phase } = transfer
  if (reading !== null || nextObjectId === null || phase === 'install' || !hasRoom(work, transfer)) return transfer
  return read(work, transfer, nextObjectId)
}

/** The receiver keeps what comes before its turn by the same rule: see `keepForLater`. */
const hasRoom = ({ options }: Work, { inflight, phase }: Transfer): boolean => {
  if (inflight.length === 0) return true
  if (phase === 'offer' || inflight.length >= options.inflightMessagesMax) return false
  let bytes = 0
  for (const object of inflight) bytes += object.bytes
  return bytes < options.snapshotWindowBytes
}

/** The answer to an earlier read is late from now on. */
const read = ({ outputs }: Work, transfer: Transfer, objectId: ObjectId): Transfer => {
  const { id, transferId, snapshot } = transfer
  outputs.push({ type: 'readObject', to: id, transferId, snapshot, objectId })
  return { ...transfer, reading: objectId }
}

/** Sends the object that the shell has read: the next one, or one under way again. */
export const handleObjectRead = (work: Work, message: Extract<Message, { type: 'objectRead' }>): void => {
  const found = findTransfer(work, message)
  if (found === null) return ignore(work, 'unknown transfer', message.to)
  const [leader, at, transfer] = found
  const { objectId, nextObjectId, data } = message
  if (transfer.reading !== objectId) return ignore(work, 'late answer', message.to)
  const { inflight, objectsSent } = transfer
  const answered: Transfer = { ...transfer, reading: null }
  if (objectId === transfer.nextObjectId) {
    const digest = sendObject(work, transfer, message, objectsSent, transfer.digest)
    leader.progress[at] = readNext(work, {
      ...answered,
      nextObjectId,
      digest,
      objectsSent: objectsSent + 1,
      inflight: [...inflight, { objectId, bytes: data.length, digestBefore: transfer.digest }],
      idleTicks: inflight.length === 0 ? 0 : transfer.idleTicks,
    })
    return
  }
  const again = inflight.findIndex((object) => object.objectId === objectId)
  const object = inflight[again]
  // Otherwise it was acknowledged while it was being read.
  if (object !== undefined)
    sendObject(work, transfer, message, objectsSent - inflight.length + again, object.digestBefore)
  leader.progress[at] = readNext(work, answered)
}

/** Returns the digest after it. */
const sendObject = (
  { server, outputs }: Work,
  { id, transferId, snapshot, startsOver }: Transfer,
  { objectId, data, nextObjectId }: Extract<Message, { type: 'objectRead' }>,
  position: number,
  digestBefore: number,
): number => {
  const objectChecksum = checksum(data)
  const digest = chainDigest(digestBefore, objectId, objectChecksum)
  outputs.push({
    type: 'send',
    to: id,
    rpc: {
      type: 'InstallSnapshot',
      term: server.currentTerm,
      leaderId: server.id,
      transferId,
      snapshot,
      startsOver,
      position,
      objectId,
      data,
      checksum: objectChecksum,
      digest,
      isLast: nextObjectId === null,
    },
  })
  return digest
}

/** The snapshot cannot be read: after a pause the follower is offered the latest one. */
export const handleObjectReadFailed = (work: Work, message: Extract<Message, { type: 'objectReadFailed' }>): void => {
  const found = findTransfer(work, message)
  if (found === null) return ignore(work, 'unknown transfer', message.to)
  const [leader, at, transfer] = found
  leader.progress[at] = abandon(work, transfer)
  compact(work)
}

const findTransfer = (
  work: Work,
  { to, transferId }: { readonly to: string; readonly transferId: number },
): readonly [MutableLeader, number, Transfer] | null => {
  const leader = mutableLeader(work)
  if (leader === null) return null
  const at = leader.progress.findIndex(({ id }) => id === to)
  const progress = leader.progress[at]
  return progress?.mode === 'snapshot' && progress.transferId === transferId ? [leader, at, progress] : null
}

/** What an answer says about the place that the receiver has reached. */
type Place = Pick<InstallSnapshotResponse, 'status' | 'nextObjectId' | 'digest'>

/** Takes note of how far the receiver is. A transfer that leads nowhere is given up at the next tick. */
export const reached = (work: Work, transfer: Transfer, place: Place): Transfer => {
  const acked = objectsBefore(transfer, place)
  if (acked === null) {
    if (transfer.phase === 'offer') return readNext(work, goOnAt(transfer, place))
    // Asked again after a time-out, it is somewhere else than it was: it has lost objects that it had kept.
    return transfer.retries > 0 ? lost(work, transfer) : transfer
  }
  if (acked === 0) return transfer
  const { inflight } = transfer
  const advanced: Transfer = {
    ...transfer,
    phase: 'transfer',
    inflight: inflight.slice(acked),
    idleTicks: 0,
    installTicks: 0,
    retries: 0,
    objectsAcked: transfer.objectsAcked + acked,
    bytesAcked: transfer.bytesAcked + inflight.slice(0, acked).reduce((sum, { bytes }) => sum + bytes, 0),
  }
  if (nextOf(advanced) !== place.nextObjectId) {
    // Each detour is progress by an object; a receiver that has no end of them is given up all the same.
    const detours = transfer.detours + 1
    if (detours > work.options.snapshotRetriesMax + 1) return lost(work, transfer)
    return readNext(work, { ...goOnAt(advanced, place), detours })
  }
  const isLost = place.status === 'wanted' && advanced.objectsSent - advanced.inflight.length < advanced.resendBelow
  return readNext(work, isLost ? readOldest(work, advanced) : advanced)
}

/** The object that the receiver needs next, if all that was acknowledged is all that it has. */
const nextOf = ({ inflight, nextObjectId }: Transfer): ObjectId | null => inflight[0]?.objectId ?? nextObjectId

/**
 * How many objects under way come before the place; null when it is not on their way. Another name than ours for the
 * object after one that was just kept is the receiver's to choose: its machine may hold part of the next one already.
 */
const objectsBefore = ({ inflight, nextObjectId, digest }: Transfer, place: Place): number | null => {
  const at = inflight.findIndex(({ digestBefore }) => digestBefore === place.digest)
  const count = at < 0 && place.digest === digest ? inflight.length : at
  const isNamedAlike = (inflight[count]?.objectId ?? nextObjectId) === place.nextObjectId
  return count > 0 || (count === 0 && isNamedAlike) ? count : null
}

/** With the receiver's digest: nothing is under way that continues it. */
const goOnAt = (transfer: Transfer, { nextObjectId, digest }: Place): Transfer => ({
  ...transfer,
  phase: 'transfer',
  inflight: [],
  nextObjectId,
  reading: null,
  digest,
  idleTicks: 0,
})

const lost = (work: Work, transfer: Transfer): Transfer => ({
  ...transfer,
  idleTicks: work.options.snapshotObjectTimeoutTicks - 1,
  retries: retriesMax(work, transfer),
})

/** While the receiver installs, nothing is sent that could be answered: the first time-out only asks how far it is. */
const retriesMax = ({ options }: Work, { phase }: Transfer): number =>
  phase === 'install' ? Math.max(options.snapshotRetriesMax, 1) : options.snapshotRetriesMax

/**
 * The receiver has all objects and is putting them in force, or has another snapshot to put in force before it takes an
 * offer. The last object stays under way: sent again, it asks how far the receiver is.
 */
export const installing = (transfer: Transfer): Transfer =>
  transfer.phase === 'transfer' && transfer.nextObjectId !== null
    ? transfer
    : { ...transfer, phase: 'install', reading: null, inflight: transfer.inflight.slice(-1), idleTicks: 0, retries: 0 }

/** What it has put in force was another, older snapshot: this one is still to be sent. */
export const offerAgain = (work: Work, transfer: Transfer): Transfer =>
  transfer.phase === 'install'
    ? readOldest(work, { ...transfer, phase: 'offer', installTicks: 0, retries: 0 })
    : transfer

/**
 * Lets a tick pass: sends again what was not answered, and gives up after too many tries (etcd #10225), or when the
 * receiver takes too long to put the snapshot in force, which is a time of its own.
 */
export const tickTransfer = (work: Work, transfer: Transfer): Progress => {
  const { options } = work
  const idleTicks = transfer.idleTicks + 1
  const installTicks = transfer.phase === 'install' ? transfer.installTicks + 1 : 0
  if (installTicks >= options.snapshotInstallTimeoutTicks) return abandon(work, transfer)
  if (idleTicks < options.snapshotObjectTimeoutTicks) return { ...transfer, idleTicks, installTicks }
  if (transfer.retries >= retriesMax(work, transfer)) return abandon(work, transfer)
  const retries = transfer.retries + 1
  return readOldest(work, { ...transfer, idleTicks: 0, installTicks, retries, resendBelow: transfer.objectsSent })
}

/** Asks the shell for the oldest object under way, unless the shell is reading that already. */
const readOldest = (work: Work, transfer: Transfer): Transfer => {
  const [oldest] = transfer.inflight
  return oldest === undefined || transfer.reading === oldest.objectId ? transfer : read(work, transfer, oldest.objectId)
}

/** The longest pause between two transfers, in pauses after the first failure. */
const PAUSE_GROWTH_MAX = 16

/** Back to probing. The next transfer starts after a pause, if the follower is active then. */
const abandon = (work: Work, transfer: Transfer): Probe => {
  const leader = mutableLeader(work)
  if (leader !== null) {
    const { id, active, phase, objectsAcked } = transfer
    const before = failureOf(leader, transfer)?.failures ?? 0
    // A follower that answers nothing at all is not sent to anyway: its silence makes no pause longer.
    const failures = active ? before + 1 : Math.max(before, 1)
    const pause = work.options.snapshotObjectTimeoutTicks * Math.min(2 ** (failures - 1), PAUSE_GROWTH_MAX)
    const startsOver = active && phase === 'transfer' && objectsAcked === 0
    endTransfer(work, transfer, 'abandoned')
    const failed: FailedTransfer = { id, failures, retryAtTicks: leader.clockTicks + pause, startsOver }
    leader.failedTransfers = [...leader.failedTransfers, failed]
  }
  return toProbe(transfer, successor(transfer.matchIndex))
}
