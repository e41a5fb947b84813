import { compact } from './snapshot/compaction.ts'
import type { Entry } from './entry.ts'
import { INDEX_ZERO, nextTerm, successor, type Index, type NodeId, type Term } from './ids.ts'
import { EMPTY_QUEUE, itemsOf } from './queue.ts'
import { drawInteger } from './random.ts'
import type { Leader, Role } from './state.ts'
import { appendAndSave, peers, saveHardState, saveOf, type Work } from './work.ts'

/** Restarts the election timer with a newly drawn deadline: once per election (section 5.2). */
const drawElectionDeadline = (work: Work): void => {
  const { server, options } = work
  const [deadline, seed] = drawInteger(server.seed, options.electionTimeoutTicks, 2 * options.electionTimeoutTicks)
  server.electionElapsedTicks = 0
  server.electionDeadlineTicks = deadline
  server.seed = seed
}

/**
 * Becomes a follower of `leaderId`, or of no known leader. A newer term clears the vote; the same term keeps it, or the
 * server could vote twice. The election timer runs on, except in a former leader: only a message of the leader and a
 * granted vote reset it.
 */
export const becomeFollower = (work: Work, term: Term, leaderId: NodeId | null): void => {
  const { server } = work
  if (term > server.currentTerm) {
    server.currentTerm = term
    server.votedFor = null
    saveHardState(work)
  }
  server.leaderId = leaderId
  if (server.role.type === 'leader') {
    refuseReads(work)
    endTransfers(work)
    drawElectionDeadline(work)
  }
  const { type } = server.role
  if (type === 'follower') return
  changeRole(work, { type: 'follower' })
  // Its transfers, which pinned the log, are over.
  if (type === 'leader') compact(work)
}

const refuseReads = ({ server, outputs }: Work): void => {
  if (server.role.type !== 'leader') return
  for (const { id } of itemsOf(server.role.reads))
    outputs.push({ type: 'refused', id, reason: 'not-leader', leader: server.leaderId })
}

const endTransfers = ({ server, outputs }: Work): void => {
  if (server.role.type !== 'leader') return
  for (const progress of server.role.progress)
    if (progress.mode === 'snapshot')
      outputs.push({
        type: 'transferEnded',
        to: progress.id,
        transferId: progress.transferId,
        snapshot: progress.snapshot,
        outcome: 'abandoned',
      })
}

/** A message of the current leader resets the election timer, and makes this server ignore candidates for a while. */
export const hearLeader = ({ server, options }: Work): void => {
  server.electionElapsedTicks = 0
  server.stickyTicks = options.electionTimeoutTicks
}

export const becomePreCandidate = (work: Work): void => {
  work.server.leaderId = null
  drawElectionDeadline(work)
  changeRole(work, { type: 'preCandidate', granted: [work.server.id], rejected: [] })
}

/** Figure 2, "Rules for Servers, Candidates": a new term, a vote for itself, a new deadline. */
export const becomeCandidate = (work: Work): void => {
  const { server } = work
  server.currentTerm = nextTerm(server.currentTerm)
  server.votedFor = server.id
  server.leaderId = null
  saveHardState(work)
  drawElectionDeadline(work)
  changeRole(work, { type: 'candidate', granted: [], rejected: [], voteSequence: saveOf(work).sequence })
}

export const becomeLeader = (work: Work): void => {
  const { server, log } = work
  server.leaderId = server.id
  server.electionElapsedTicks = 0
  // A new leader holds every committed entry (Leader Completeness): a snapshot on its way to it can only be older.
  server.receiving = null
  changeRole(work, newLeader(peers(work), log.lastIndex, work.options.inflightMessagesMax))
  if (work.options.noopOnElection) appendAndSave(work, [noop(work)])
}

/** Figure 2, "Volatile state on leaders": nextIndex starts after the last entry, matchIndex at 0. */
export const newLeader = (followers: readonly NodeId[], lastIndex: Index, window: number): Leader => ({
  type: 'leader',
  progress: followers.map((id) => ({
    mode: 'probe',
    id,
    matchIndex: INDEX_ZERO,
    nextIndex: successor(lastIndex),
    active: true,
    ackedRound: 0,
    sentCommit: INDEX_ZERO,
    window,
    paused: false,
  })),
  termStartIndex: successor(lastIndex),
  heartbeatElapsedTicks: 0,
  round: 0,
  ackedRound: 0,
  reads: EMPTY_QUEUE,
  clockTicks: 0,
  roundsStarted: [],
  leaseTicks: -1,
  shortSilence: [],
  transfersStarted: 0,
  failedTransfers: [],
})

const noop = ({ server, log }: Work): Entry => ({
  type: 'noop',
  index: successor(log.lastIndex),
  term: server.currentTerm,
  bytes: 0,
})

const changeRole = (work: Work, role: Role): void => {
  work.server.role = role
  work.leader = null
  work.outputs.push({ type: 'note', event: 'became', role: role.type, term: work.server.currentTerm })
}
