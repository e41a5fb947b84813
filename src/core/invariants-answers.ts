import { claimOf, type Claim, type Transition } from './invariants-claim.ts'
import type { Transfer } from './progress.ts'
import { sizeOf } from './queue.ts'
import type { RaftState } from './state.ts'

/*
 * Whoever asks is answered, once, and whatever was begun is ended: by the step that settles it, also when that is the
 * leader's fall.
 */

const claim: Claim = claimOf

/** Checks what a step owes to its shell. @throws InvariantViolation */
export const checkAnswers = (step: Transition): void => {
  const { before, message, after } = step
  const { accepted, refused, ready, ended } = answersIn(step)
  const proposed = message.type === 'propose' ? 1 : 0
  if (proposed > 0) claim(step, accepted + refused === 1, 'a proposal is accepted or refused')
  const asked = message.type === 'read' ? 1 : 0
  // Reads that wait, and those answered, are those that waited or were asked; a refusal may be a proposal's.
  claim(
    step,
    accepted + refused - proposed + ready + waiting(after) === waiting(before) + asked,
    'a read is answered once, or waits for its answer',
  )
  const begun = transfersOf(before)
  const underWay = transfersOf(after)
  if (begun.length + underWay.length + ended > 0) checkTransfers(step, begun, underWay)
}

const answersIn = ({ outputs }: Transition) => {
  const answers = { accepted: 0, refused: 0, ready: 0, ended: 0 }
  for (const { type } of outputs)
    if (type === 'accepted') answers.accepted++
    else if (type === 'refused') answers.refused++
    else if (type === 'readReady') answers.ready++
    else if (type === 'transferEnded') answers.ended++
  return answers
}

const waiting = ({ server }: RaftState): number => (server.role.type === 'leader' ? sizeOf(server.role.reads) : 0)

const checkTransfers = (step: Transition, before: readonly Transfer[], after: readonly Transfer[]): void => {
  const ended = step.outputs.flatMap((output) => (output.type === 'transferEnded' ? [output.transferId] : []))
  const gone = before.filter(({ transferId }) => find(after, transferId) === undefined)
  claim(
    step,
    ended.length === gone.length && gone.every(({ transferId }) => ended.includes(transferId)),
    'a transfer that is over is told to have ended, once',
  )
  for (const transfer of after) {
    const { transferId, reading } = transfer
    const old = find(before, transferId)
    const read = step.outputs.findLast((output) => output.type === 'readObject' && output.transferId === transferId)
    const isNew = reading !== null && old?.reading !== reading
    claim(step, !isNew || read !== undefined, 'an object that is waited for was asked for')
    claim(step, read?.type !== 'readObject' || reading === read.objectId, 'an object that was asked for is waited for')
    if (old !== undefined) checkAdvance(step, old, transfer)
    else claim(step, !isPaused(step, transfer), 'a transfer that failed is followed by a pause')
  }
}

/** What bounds a transfer: retries are forgiven only for an object that was not acknowledged before. */
const checkAdvance = (step: Transition, before: Transfer, after: Transfer): void => {
  const acked = after.objectsAcked - before.objectsAcked
  claim(step, acked >= 0 && acked <= before.inflight.length, 'only objects under way are acknowledged')
  claim(step, after.objectsSent >= before.objectsSent, 'positions of objects never fall')
  claim(
    step,
    after.retries >= before.retries || acked > 0 || after.phase === 'install',
    'only progress ends a row of retries',
  )
  claim(step, after.phase !== 'offer' || before.phase !== 'transfer', 'a transfer is offered before it goes on')
}

const isPaused = ({ before, after }: Transition, { id }: Transfer): boolean => {
  const { role: old } = before.server
  const { role } = after.server
  if (old.type !== 'leader' || role.type !== 'leader') return false
  return old.failedTransfers.some((failed) => failed.id === id && failed.retryAtTicks > role.clockTicks)
}

const find = (transfers: readonly Transfer[], wanted: number): Transfer | undefined =>
  transfers.find(({ transferId }) => transferId === wanted)

const NONE: readonly Transfer[] = []

const transfersOf = ({ server: { role } }: RaftState): readonly Transfer[] => {
  if (role.type !== 'leader') return NONE
  let transfers = NONE
  for (const progress of role.progress) if (progress.mode === 'snapshot') transfers = [...transfers, progress]
  return transfers
}
