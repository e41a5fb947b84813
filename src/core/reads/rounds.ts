import type { NodeId } from '../ids.ts'
import { dropOldest, itemAt, newestOf } from '../queue.ts'
import { quorumIndex } from '../membership/quorum.ts'
import { configurationInForce, mutableLeader, type MutableLeader, type Work } from '../work.ts'

/*
 * Rounds of heartbeats. Each has a number that followers echo. A round answered by a quorum proves that no newer leader
 * existed when it began, which makes reads linearizable (thesis 6.4). A follower that answers also ignores candidates for
 * a while, and states how long: that extends the leader's lease (6.4.1).
 *
 * Reads that arrive while a round is in flight cannot use it, since it began before them. They share the next round, which
 * begins when the current one is answered: therefore the completion of a round may send heartbeats.
 */

/** Starts a round: the heartbeats sent from now on carry its number. */
export const beginRound = (work: Work): void => {
  const leader = mutableLeader(work)
  if (leader === null) return
  leader.round++
  leader.heartbeatElapsedTicks = 0
  // Without the quorum check, unanswered rounds could pile up, and no lease could rest on them.
  if (work.options.checkQuorum)
    leader.roundsStarted = [...leader.roundsStarted, { round: leader.round, atTicks: leader.clockTicks }]
  acknowledgeRound(work)
}

/**
 * Finds the latest round that a quorum has answered, extends the lease, and answers the reads that waited for it.
 * Returns whether waiting reads began a new round, whose heartbeats the caller has to send.
 */
export const acknowledgeRound = (work: Work): boolean => {
  const { server } = work
  if (server.role.type !== 'leader' || server.role.ackedRound === server.role.round) return false
  const leader = mutableLeader(work)
  if (leader === null) return false
  const acked = quorumRound(work, leader, NONE)
  if (acked <= leader.ackedRound) return false
  leader.ackedRound = acked
  const answered = leader.roundsStarted.filter(({ round }) => round <= acked)
  const { shortSilence } = leader
  const promised = shortSilence.length === 0 ? acked : quorumRound(work, leader, shortSilence)
  leader.leaseTicks = answered.findLast(({ round }) => round <= promised)?.atTicks ?? leader.leaseTicks
  leader.roundsStarted = leader.roundsStarted.slice(answered.length)
  answerReads(work)
  const isAnotherWanted = (newestOf(leader.reads)?.round ?? 0) > leader.round
  if (isAnotherWanted) beginRound(work)
  return isAnotherWanted
}

const NONE: readonly NodeId[] = []

/** The latest round that a quorum has answered, without the answers of `without`. */
const quorumRound = ({ server }: Work, { progress, round }: MutableLeader, without: readonly NodeId[]): number =>
  quorumIndex<number>(configurationInForce(server), (voter) => {
    if (voter === server.id) return round
    return without.includes(voter) ? 0 : (progress.find(({ id }) => id === voter)?.ackedRound ?? 0)
  })

/**
 * Answers the reads whose round is answered and whose index is known. They wait in the order of their rounds, and either
 * all of them have an index or none, so those that can be answered come first.
 */
export const answerReads = (work: Work): void => {
  const leader = mutableLeader(work)
  if (leader === null) return
  let answered = 0
  for (let read = itemAt(leader.reads, 0); read !== undefined; read = itemAt(leader.reads, answered)) {
    if (read.round > leader.ackedRound || read.index === null) break
    work.outputs.push({ type: 'readReady', id: read.id, index: read.index })
    answered++
  }
  leader.reads = dropOldest(leader.reads, answered)
}
