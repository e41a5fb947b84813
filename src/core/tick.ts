import { broadcastAppend } from './append-entries.ts'
import { compact } from './snapshot/compaction.ts'
import { hasTransfersLeft } from './ids.ts'
import { campaign } from './pre-vote.ts'
import { afterQuorumCheck } from './progress.ts'
import { voteResult } from './membership/quorum.ts'
import { becomeFollower } from './role.ts'
import { beginRound } from './reads/rounds.ts'
import { tickTransfer } from './snapshot/transfer.ts'
import { configurationInForce, mutableLeader, type MutableLeader, type Work } from './work.ts'

/** One unit of time: heartbeats and the quorum check for a leader, the election timer for everybody else. */
export const handleTick = (work: Work): void => {
  const { server } = work
  server.electionElapsedTicks++
  if (server.stickyTicks > 0) server.stickyTicks--
  const leader = mutableLeader(work)
  if (leader !== null) return tickLeader(work, leader)
  if (server.electionElapsedTicks < server.electionDeadlineTicks) return
  // The leader is gone; a server that may not campaign now tries again after another full wait, not at every tick.
  server.electionElapsedTicks = 0
  server.leaderId = null
  campaign(work)
}

const tickLeader = (work: Work, leader: MutableLeader): void => {
  const { server, options } = work
  leader.clockTicks++
  leader.heartbeatElapsedTicks++
  if (server.electionElapsedTicks >= options.electionTimeoutTicks) {
    server.electionElapsedTicks = 0
    if (options.checkQuorum && !hasActiveQuorum(work, leader)) return becomeFollower(work, server.currentTerm, null)
    leader.progress = leader.progress.map(afterQuorumCheck)
  }
  if (!hasTransfersLeft(leader.transfersStarted)) return becomeFollower(work, server.currentTerm, null)
  tickTransfers(work, leader)
  if (leader.heartbeatElapsedTicks < options.heartbeatTicks) return
  beginRound(work)
  broadcastAppend(work, 'heartbeat')
}

const tickTransfers = (work: Work, leader: MutableLeader): void => {
  let isOver = false
  for (const [at, progress] of leader.progress.entries()) {
    if (progress.mode !== 'snapshot') continue
    const next = tickTransfer(work, progress)
    leader.progress[at] = next
    isOver ||= next.mode !== 'snapshot'
  }
  if (isOver) compact(work)
}

/** Thesis 6.2: a leader that reaches no majority any more makes room, so that clients look elsewhere. */
const hasActiveQuorum = ({ server }: Work, { progress }: MutableLeader): boolean => {
  const answering = progress.filter(({ active }) => active).map(({ id }) => id)
  return voteResult(configurationInForce(server), [...answering, server.id], []) === 'won'
}
