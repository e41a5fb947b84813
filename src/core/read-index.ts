import { broadcastAppend } from './append-entries.ts'
import { termAt } from './log/log.ts'
import type { Message, RequestId } from './message.ts'
import type { RefusalReason } from './output.ts'
import { enqueue, sizeOf } from './queue.ts'
import { beginRound } from './rounds.ts'
import { ownLeader, type OwnLeader, type Work } from './work.ts'

/**
 * Linearizable reads without a log entry (section 8; thesis 6.4): remember commitIndex, prove by a round of
 * heartbeats that no newer leader exists, then let the state machine catch up to it. All reads that arrive while a
 * round is under way share the next one.
 */
export const handleRead = (work: Work, { id, mode }: Extract<Message, { type: 'read' }>): void => {
  const leader = ownLeader(work)
  if (leader === null) return refuse(work, id, 'not-leader')
  if (mode === 'lease') return readByLease(work, leader, id)
  if (sizeOf(leader.reads) >= work.options.pendingReadsMax) return refuse(work, id, 'busy')
  const index = committedInTerm(work) ? work.server.commitIndex : null
  const isIdle = leader.ackedRound === leader.round
  leader.reads = enqueue(leader.reads, { id, round: leader.round + 1, index })
  if (isIdle) {
    beginRound(work)
    broadcastAppend(work, 'heartbeat')
  }
}

/**
 * Thesis 6.4.1: within an election timeout of a round that a quorum answered nobody else can have been elected, if
 * followers ignore candidates meanwhile and clocks drift no further than leaseDriftTicks.
 * A shell that skips ticks after a pause breaks this: for leases, all time that passes has to be ticked.
 */
const readByLease = (work: Work, leader: OwnLeader, id: RequestId): void => {
  const { options, server } = work
  const isAlone = leader.progress.length === 0
  const age = leader.clockTicks - leader.leaseTicks
  const isValid =
    isAlone ||
    (options.checkQuorum && leader.leaseTicks >= 0 && age < options.electionTimeoutTicks - options.leaseDriftTicks)
  if (!isValid || !committedInTerm(work)) return refuse(work, id, 'no-lease')
  work.outputs.push({ type: 'readReady', id, index: server.commitIndex })
}

const refuse = ({ server, outputs }: Work, id: RequestId, reason: RefusalReason): void => {
  outputs.push({ type: 'refused', id, reason, leader: server.leaderId })
}

const committedInTerm = ({ server, log }: Work): boolean => termAt(log, server.commitIndex) === server.currentTerm
