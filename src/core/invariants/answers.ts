import type { Entry, JsonValue } from '../entry.ts'
import { successor } from '../ids.ts'
import { claimOf, type Claim, type Transition } from './claim.ts'
import { entryAt, termAt } from '../log/log.ts'
import type { Message, ReadMode, RequestId } from '../message.ts'
import type { Output } from '../output.ts'
import type { Transfer } from '../progress.ts'
import { EMPTY_QUEUE, enqueue, itemAt, newestOf, sizeOf, type Queue } from '../queue.ts'
import { hasLease } from '../reads/read-index.ts'
import type { Leader, RaftState } from '../state.ts'

/*
 * Every request is answered once, under its own id, and whatever was begun is ended: by the step that settles it, also
 * when that is the leader's fall.
 */

const claim: Claim = claimOf

/** Checks what a step owes to its shell. @throws InvariantViolation */
export const checkAnswers = (step: Transition): void => {
  const { before, message, after, outputs } = step
  if (message.type === 'propose') checkProposal(step, message)
  checkReads(step)
  for (const output of outputs) checkAnswer(step, output)
  const begun = transfersOf(before)
  const underWay = transfersOf(after)
  const ended = outputs.flatMap((output) => (output.type === 'transferEnded' ? [output.transferId] : []))
  if (begun.length + underWay.length + ended.length > 0) checkTransfers(step, begun, underWay, ended)
}

type Proposal = Extract<Message, { type: 'propose' }>

const checkProposal = (step: Transition, { id, commands }: Proposal): void => {
  const [answer, ...more] = step.outputs.filter(({ type }) => type === 'accepted' || type === 'refused')
  const isAnswered = answer !== undefined && 'id' in answer && answer.id === id && more.length === 0
  claim(step, isAnswered, 'a proposal is accepted or refused')
  if (answer.type !== 'accepted') return
  const { log } = step.after
  claim(
    step,
    commands.every((command, at) => isCommand(entryAt(log, successor(answer.firstIndex, at)), command)),
    'the commands of a proposal are in the log, in order',
  )
}

const isCommand = (entry: Entry | null, command: JsonValue): boolean =>
  entry?.type === 'command' && (entry.command === command || JSON.stringify(entry.command) === JSON.stringify(command))

/** A read that is asked waits behind the others, or is answered at once. */
const checkReads = (step: Transition): void => {
  const { before, message, after } = step
  const waiting = readsOf(before)
  const answered = readsAnswered(step)
  const isOwed =
    message.type === 'read'
      ? areAnswered(enqueue(waiting, message), answered, readsOf(after)) ||
        areAnswered(waiting, without(answered, message.id), readsOf(after))
      : areAnswered(waiting, answered, readsOf(after))
  claim(step, isOwed, 'a read is answered once, or waits for its answer')
}

type Reads = Queue<{ readonly id: RequestId }>

const readsOf = ({ server }: RaftState): Reads => (server.role.type === 'leader' ? server.role.reads : EMPTY_QUEUE)

/** In a step that proposes, a refusal is the proposal's. */
const readsAnswered = ({ message, outputs }: Transition): readonly RequestId[] => {
  let answered: readonly RequestId[] = []
  for (const output of outputs)
    if (output.type === 'readReady' || (output.type === 'refused' && message.type !== 'propose'))
      answered = [...answered, output.id]
  return answered
}

const without = (ids: readonly RequestId[], id: RequestId): readonly RequestId[] => {
  const at = ids.indexOf(id)
  return at < 0 ? ids : ids.toSpliced(at, 1)
}

/** The oldest ones are answered, in order, and the others are left. Costs O(answers), so the ends stand for the middle. */
const areAnswered = (waiting: Reads, answered: readonly RequestId[], left: Reads): boolean => {
  if (sizeOf(left) !== sizeOf(waiting) - answered.length) return false
  if (!answered.every((id, at) => itemAt(waiting, at)?.id === id)) return false
  if (sizeOf(left) === 0) return true
  return itemAt(left, 0)?.id === itemAt(waiting, answered.length)?.id && newestOf(left)?.id === newestOf(waiting)?.id
}

const checkTransfers = (
  step: Transition,
  before: readonly Transfer[],
  after: readonly Transfer[],
  ended: readonly number[],
): void => {
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

/** The receiver has put another snapshot in force, and can take this one now. */
const hasInstalledAnother = (before: Transfer, after: Transfer): boolean =>
  before.phase === 'install' && after.matchIndex > before.matchIndex

/** What bounds a transfer: retries are forgiven only for an object that was not acknowledged before. */
const checkAdvance = (step: Transition, before: Transfer, after: Transfer): void => {
  const acked = after.objectsAcked - before.objectsAcked
  claim(step, acked >= 0 && acked <= before.inflight.length, 'only objects under way are acknowledged')
  claim(step, after.objectsSent >= before.objectsSent, 'positions of objects never fall')
  claim(
    step,
    after.retries >= before.retries || acked > 0 || after.phase === 'install' || hasInstalledAnother(before, after),
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

/** A leader by itself is its own quorum: its round is answered as it begins. */
const checkImmediateRead = (step: Transition, leader: Leader, mode: ReadMode): void => {
  const { role } = step.before.server
  if (mode === 'lease') claim(step, hasLease(leader, step.after.options), 'a lease read is answered within a lease')
  else
    claim(
      step,
      role.type === 'leader' && leader.ackedRound > role.round,
      'a read waits for a round of heartbeats that began after it (thesis 6.4)',
    )
}

const checkAnswer = (step: Transition, output: Output): void => {
  const { before, message, after } = step
  switch (output.type) {
    case 'accepted':
      claim(step, message.type === 'propose' && message.id === output.id, 'a proposal is answered by its name')
      claim(step, after.server.role.type === 'leader', 'only a leader accepts proposals')
      claim(step, output.term === after.server.currentTerm, 'a proposal is accepted in the current term')
      claim(step, output.firstIndex === before.log.lastIndex + 1, 'a proposal goes to the end of the log')
      return claim(
        step,
        output.lastIndex === after.log.lastIndex &&
          output.lastIndex - output.firstIndex + 1 === message.commands.length,
        'a proposal is accepted as a whole',
      )
    case 'refused':
      return claim(step, message.type !== 'propose' || after.log === before.log, 'a refused proposal changes nothing')
    case 'readReady':
      claim(step, after.server.role.type === 'leader', 'only a leader serves reads')
      claim(step, output.index <= after.server.commitIndex, 'a read sees what is committed')
      if (message.type === 'read') checkImmediateRead(step, after.server.role, message.mode)
      return claim(
        step,
        termAt(after.log, after.server.commitIndex) === after.server.currentTerm,
        'reads wait for the first commitment of the term (thesis 6.4)',
      )
    case 'takeSnapshot':
      claim(step, output.snapshot.lastIncludedIndex === after.server.lastApplied, 'a snapshot is of what is applied')
      claim(
        step,
        before.server.applyingIndex === output.snapshot.lastIncludedIndex &&
          before.server.receiving?.phase !== 'install' &&
          !step.outputs.slice(0, step.outputs.indexOf(output)).some(({ type }) => type === 'apply'),
        'a snapshot is asked for while the state machine stands still',
      )
      return claim(
        step,
        output.snapshot.lastIncludedTerm === termAt(after.log, output.snapshot.lastIncludedIndex),
        'the term of a snapshot is that of its last entry',
      )
    case 'installSnapshot':
      return claim(step, after.server.receiving?.phase === 'install', 'a snapshot is put in force once complete')
    case 'saveObject':
      return claim(
        step,
        after.server.receiving?.transferId === output.transferId,
        'an object kept belongs to the transfer under way',
      )
    case 'save':
    case 'send':
    case 'apply':
    case 'note':
    case 'readObject':
    case 'transferEnded':
      return
  }
}
