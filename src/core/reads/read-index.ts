import { broadcastAppend } from '../append-entries.ts'
import type { Options } from '../config.ts'
import { termAt } from '../log/log.ts'
import type { Message, RequestId } from '../message.ts'
import type { RefusalReason } from '../output.ts'
import { enqueue, sizeOf } from '../queue.ts'
import { beginRound } from './rounds.ts'
import type { Leader } from '../state.ts'
import { mutableLeader, type MutableLeader, type Work } from '../work.ts'

/**
 * Linearizable reads without a log entry (section 8; thesis 6.4): remember commitIndex, prove by a round of
 * heartbeats that no newer leader exists, then let the state machine catch up to it. All reads that arrive while a
 * round is under way share the next one.
 */
export const handleRead = (work: Work, { id, mode }: Extract<Message, { type: 'read' }>): void => {
  const leader = mutableLeader(work)
  if (leader === null) return refuse(work, id, 'not-leader')
  if (mode === 'lease') return readByLease(work, leader, id)
  if (sizeOf(leader.reads) >= work.options.pendingReadsMax) return refuse(work, id, 'busy')
  const index = committedInTerm(work) ? work.server.commitIndex : null
  const isIdle = leader.ackedRound === leader.round
  leader.reads = enqueue(leader.reads, { id, round: leader.round + 1, index })
  if (isIdle) {
    beginRound(work)
    broadcastAppend(work, 'round')
  }
}

/**
 * Thesis 6.4.1: a lease is shorter than the silence towards candidates that a quorum granted. With T for
 * electionTimeoutTicks and d for leaseDriftTicks:
 *
 * - A round is dated by the leader's tick before it began, so that a read at age a comes less than a + 1 of the
 *   leader's ticks after the round began.
 * - A follower that answered the round casts no vote for T of its ticks after the request came. The first may come at
 *   once, as nothing ties its phase to the message: the silence lasts longer than T − 1 whole ticks.
 * - No other leader is elected, and nothing is committed elsewhere, without a vote of the quorum that answered. So a
 *   read is safe if a + 1 ≤ T − 1 − d, where T − 1 − d ticks of the leader take no longer than T − 1 of a follower's.
 *   Phases are covered with d = 0.
 *
 * Shorter silences do not count (see rounds.ts). The rest is the shell's to keep: ticks are equally long on every
 * server, none comes early, and all time that passes is ticked before a message is handled.
 */
export const hasLease = (leader: Leader, { checkQuorum, electionTimeoutTicks, leaseDriftTicks }: Options): boolean => {
  if (leader.progress.length === 0) return true
  const age = leader.clockTicks - leader.leaseTicks
  return checkQuorum && leader.leaseTicks >= 0 && age + 1 <= electionTimeoutTicks - 1 - leaseDriftTicks
}

const readByLease = (work: Work, leader: MutableLeader, id: RequestId): void => {
  if (!hasLease(leader, work.options) || !committedInTerm(work)) return refuse(work, id, 'no-lease')
  work.outputs.push({ type: 'readReady', id, index: work.server.commitIndex })
}

const refuse = ({ server, outputs }: Work, id: RequestId, reason: RefusalReason): void => {
  outputs.push({ type: 'refused', id, reason, leader: server.leaderId })
}

const committedInTerm = ({ server, log }: Work): boolean => termAt(log, server.commitIndex) === server.currentTerm
