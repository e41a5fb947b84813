import { checksum } from './checksum.ts'
import { compact } from './compaction.ts'
import { FIRST_OBJECT, successor, type ObjectId } from './ids.ts'
import type { Message } from './message.ts'
import { toProbe, type Probe, type Progress, type Transfer } from './progress.ts'
import { ignore, ownLeader, type OwnLeader, type Work } from './work.ts'

/*
 * The sender's half of a snapshot transfer (Figure 13; NuRaft's object protocol). The shell reads objects one by one;
 * a window of them is under way; the receiver names what it wants next, and whatever it names is right.
 */

/** The digest over a sequence of objects: order, names and contents. Starts at 0. */
export const chainDigest = (before: number, objectId: ObjectId, objectChecksum: number): number =>
  checksum(`${typeof objectId} ${objectId} ${objectChecksum}`, before)

/**
 * Numbers of transfers differ between terms, so that a late answer of a shell is never taken for another's: the term
 * in the upper 33 bits of a safe integer, the count of the term's transfers in the lower 20. A leader that has used
 * them up starts no more of them, and steps down at its next tick: a later term has numbers of its own.
 */
const TERMS_APART = 2 ** 33
const TRANSFERS_PER_TERM = 2 ** 20

export const hasTransfersLeft = ({ transfersStarted }: OwnLeader): boolean => transfersStarted < TRANSFERS_PER_TERM - 1

/** Offers the latest snapshot to a follower whose next entry is compacted. From now on the log after it is pinned. */
export const startTransfer = (work: Work, leader: OwnLeader, at: number): void => {
  const progress = leader.progress[at]
  if (progress === undefined || progress.mode === 'snapshot' || !hasTransfersLeft(leader)) return
  leader.transfersStarted++
  const transferId = (work.server.currentTerm % TERMS_APART) * TRANSFERS_PER_TERM + leader.transfersStarted
  const { id, matchIndex, active, ackedRound, sentCommit, window } = progress
  work.outputs.push({ type: 'note', event: 'transferStarted', to: id, transferId })
  leader.progress[at] = requestObject(work, {
    mode: 'snapshot',
    id,
    matchIndex,
    active,
    ackedRound,
    sentCommit,
    window,
    transferId,
    snapshot: work.server.snapshot,
    phase: 'transfer',
    inflight: [],
    nextObjectId: FIRST_OBJECT,
    reading: false,
    digest: 0,
    idleTicks: 0,
    installTicks: 0,
    retries: 0,
    objectsAcked: 0,
    bytesAcked: 0,
  })
}

/** Says that the transfer is over; the caller puts another progress in its place. */
export const endTransfer = (
  { outputs }: Work,
  { id, transferId, snapshot }: Transfer,
  outcome: 'installed' | 'abandoned',
): void => {
  outputs.push({ type: 'transferEnded', to: id, transferId, snapshot, outcome })
}

/** Asks the shell for the next object while the window has room. One read at a time. */
const requestObject = ({ outputs, options }: Work, transfer: Transfer): Transfer => {
  const { id, transferId, snapshot, nextObjectId, inflight } = transfer
  if (transfer.reading || nextObjectId === null || transfer.phase === 'install') return transfer
  let bytes = 0
  for (const object of inflight) bytes += object.bytes
  if (inflight.length > 0 && bytes >= options.snapshotWindowBytes) return transfer
  outputs.push({ type: 'readObject', to: id, transferId, snapshot, objectId: nextObjectId })
  return { ...transfer, reading: true }
}

/** Sends the object that the shell has read. */
export const handleObjectRead = (work: Work, message: Extract<Message, { type: 'objectRead' }>): void => {
  const found = findTransfer(work, message)
  if (found === null) return ignore(work, 'unknown transfer', message.to)
  const [leader, at, transfer] = found
  const { objectId, data } = message
  if (!transfer.reading || transfer.nextObjectId !== objectId) return ignore(work, 'late answer', message.to)
  const objectChecksum = checksum(data)
  const digest = chainDigest(transfer.digest, objectId, objectChecksum)
  work.outputs.push({
    type: 'send',
    to: transfer.id,
    rpc: {
      type: 'InstallSnapshot',
      term: work.server.currentTerm,
      leaderId: work.server.id,
      transferId: transfer.transferId,
      snapshot: transfer.snapshot,
      objectId,
      data,
      checksum: objectChecksum,
      digest,
      isLast: message.nextObjectId === null,
    },
  })
  leader.progress[at] = requestObject(work, {
    ...transfer,
    reading: false,
    nextObjectId: message.nextObjectId,
    digest,
    inflight: [...transfer.inflight, { objectId, bytes: data.length, digestBefore: transfer.digest }],
  })
}

/** The snapshot cannot be read: the follower is probed afresh, and offered the latest snapshot then. */
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
): readonly [OwnLeader, number, Transfer] | null => {
  const leader = ownLeader(work)
  if (leader === null) return null
  const at = leader.progress.findIndex(({ id }) => id === to)
  const progress = leader.progress[at]
  return progress?.mode === 'snapshot' && progress.transferId === transferId ? [leader, at, progress] : null
}

/** The receiver wants `objectId`: what lies before it in the window has arrived; anything else moves the window. */
export const wanted = (work: Work, transfer: Transfer, objectId: ObjectId, digest: number): Transfer => {
  const heard: Transfer = { ...transfer, phase: 'transfer', idleTicks: 0, installTicks: 0, retries: 0 }
  const { inflight } = transfer
  const position = inflight.findIndex((object) => object.objectId === objectId)
  const isNext = position < 0 && transfer.nextObjectId === objectId
  if (position < 0 && !isNext) return requestObject(work, moveWindow(heard, objectId, digest))
  const acked = isNext ? inflight : inflight.slice(0, position)
  return requestObject(work, {
    ...heard,
    inflight: inflight.slice(acked.length),
    objectsAcked: transfer.objectsAcked + acked.length,
    bytesAcked: transfer.bytesAcked + acked.reduce((sum, { bytes }) => sum + bytes, 0),
  })
}

const moveWindow = (transfer: Transfer, objectId: ObjectId, digest: number): Transfer => ({
  ...transfer,
  inflight: [],
  nextObjectId: objectId,
  reading: false,
  digest,
})

/**
 * The receiver has all objects and is putting them in force. The last one stays under way: sent again, it asks how far
 * the receiver is, and a receiver that crashed meanwhile answers by what it wants.
 */
export const installing = (transfer: Transfer): Transfer => ({
  ...transfer,
  phase: 'install',
  // A read under way is of no more use, and its answer would be sent.
  reading: false,
  inflight: transfer.inflight.slice(-1),
  idleTicks: 0,
  retries: 0,
})

/**
 * Lets a tick pass: sends again what was not answered, and gives up after too many tries (etcd #10225), or when the
 * receiver takes too long to put the snapshot in force, which is a time of its own.
 */
export const tickTransfer = (work: Work, transfer: Transfer): Progress => {
  const { options } = work
  const isInstalling = transfer.phase === 'install' || transfer.installTicks > 0
  const idleTicks = transfer.idleTicks + 1
  const installTicks = isInstalling ? transfer.installTicks + 1 : 0
  if (installTicks >= options.snapshotInstallTimeoutTicks) return abandon(work, transfer)
  const [oldest] = transfer.inflight
  // Nothing is under way: the time is the shell's, which always answers a read.
  if (oldest === undefined) return { ...transfer, installTicks }
  if (idleTicks < options.snapshotObjectTimeoutTicks) return { ...transfer, idleTicks, installTicks }
  if (transfer.retries >= options.snapshotRetriesMax) return abandon(work, transfer)
  const again = moveWindow(transfer, oldest.objectId, oldest.digestBefore)
  const retries = transfer.retries + 1
  return requestObject(work, { ...again, phase: 'transfer', idleTicks: 0, installTicks, retries })
}

/** Back to probing; a new transfer starts when the follower is heard of again. */
const abandon = (work: Work, transfer: Transfer): Probe => {
  endTransfer(work, transfer, 'abandoned')
  return toProbe({ ...transfer, active: false }, successor(transfer.matchIndex))
}
