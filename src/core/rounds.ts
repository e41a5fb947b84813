import type { NodeId } from './ids.ts'
import { dropOldest, itemAt, newestOf } from './queue.ts'
import { quorumIndex } from './quorum.ts'
import { configurationInForce, ownLeader, type OwnLeader, type Work } from './work.ts'

/*
 * Rounds of heartbeats: each has a number that followers echo. A round that a quorum has answered proves that nobody
 * else led when it began, which serves reads (thesis 6.4). A server that answers a round also keeps silent towards
 * candidates for a while, and says how long: that renews the lease (6.4.1).
 */

/** Starts a round: the heartbeats that follow carry its number. */
export const beginRound = (work: Work): void => {
  const leader = ownLeader(work)
  if (leader === null) return
  leader.round++
  leader.heartbeatElapsedTicks = 0
  // Without the quorum check rounds could pile up unanswered, and leases would mean nothing.
  if (work.options.checkQuorum)
    leader.roundsStarted = [...leader.roundsStarted, { round: leader.round, atTicks: leader.clockTicks }]
  acknowledgeRound(work)
}

/**
 * Finds the latest round that a quorum has answered, renews the lease, and serves the reads that waited for it.
 * True when reads that came meanwhile began a new round, whose heartbeats are to be sent.
 */
export const acknowledgeRound = (work: Work): boolean => {
  const { server } = work
  if (server.role.type !== 'leader' || server.role.ackedRound === server.role.round) return false
  const leader = ownLeader(work)
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

/** The latest round that a quorum has answered, the answers of `without` left out. */
const quorumRound = ({ server }: Work, { progress, round }: OwnLeader, without: readonly NodeId[]): number =>
  quorumIndex<number>(configurationInForce(server), (voter) => {
    if (voter === server.id) return round
    return without.includes(voter) ? 0 : (progress.find(({ id }) => id === voter)?.ackedRound ?? 0)
  })

/**
 * Answers the reads whose leadership is proven and whose index is known. They wait in the order of their rounds, and
 * either none of them has an index or all have: whatever can be answered comes first.
 */
export const answerReads = (work: Work): void => {
  const leader = ownLeader(work)
  if (leader === null) return
  let answered = 0
  for (let read = itemAt(leader.reads, 0); read !== undefined; read = itemAt(leader.reads, answered)) {
    if (read.round > leader.ackedRound || read.index === null) break
    work.outputs.push({ type: 'readReady', id: read.id, index: read.index })
    answered++
  }
  leader.reads = dropOldest(leader.reads, answered)
}
