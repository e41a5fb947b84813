import { broadcastAppend } from './append-entries.ts'
import { isVoter } from './membership/configuration.ts'
import type { Index, NodeId, Term } from './ids.ts'
import type { Log } from './log/log.ts'
import { voteResult } from './membership/quorum.ts'
import { beginRound } from './reads/rounds.ts'
import { becomeCandidate, becomeFollower, becomeLeader } from './role.ts'
import type { RequestVote, RequestVoteResponse } from './rpc.ts'
import { replyAfterHardState, configurationInForce, ignore, peers, saveHardState, type Work } from './work.ts'

/** Section 5.4.1: the log with the later last term is more up-to-date; with equal terms, the longer one. */
export const isUpToDate = (
  log: Log,
  candidate: { readonly lastLogIndex: Index; readonly lastLogTerm: Term },
): boolean =>
  candidate.lastLogTerm > log.lastTerm ||
  (candidate.lastLogTerm === log.lastTerm && candidate.lastLogIndex >= log.lastIndex)

/** Whether this server leads, or had a message from a leader within the shortest election timeout (thesis 4.2.3, 9.6). */
export const hearsLeader = ({ server }: Work): boolean => server.role.type === 'leader' || server.stickyTicks > 0

/** Adds an answer to a tally; the first answer of each server stands. */
export const tally = <R extends { readonly granted: readonly NodeId[]; readonly rejected: readonly NodeId[] }>(
  role: R,
  from: NodeId,
  granted: boolean,
): R => {
  if (role.granted.includes(from) || role.rejected.includes(from)) return role
  return granted ? { ...role, granted: [...role.granted, from] } : { ...role, rejected: [...role.rejected, from] }
}

/** Becomes candidate and asks every voter; the requests wait until the new term and vote are durable. */
export const startElection = (work: Work): void => {
  becomeCandidate(work)
  const { server, log } = work
  const configuration = configurationInForce(server)
  for (const to of peers(work))
    if (isVoter(configuration, to))
      replyAfterHardState(work, to, {
        type: 'RequestVote',
        term: server.currentTerm,
        candidateId: server.id,
        lastLogIndex: log.lastIndex,
        lastLogTerm: log.lastTerm,
      })
}

/** The candidate's vote for itself counts like any other: once it is durable. A single server leads by it alone. */
export const countOwnVote = (work: Work): void => {
  const { server } = work
  if (server.role.type !== 'candidate' || server.role.voteSequence > server.savedSequence) return
  if (server.role.granted.includes(server.id)) return
  server.role = tally(server.role, server.id, true)
  settleVote(work)
}

/**
 * Receiver of RequestVote (Figure 2, "Receiver implementation" 1–2). The term rule has been applied: rpc.term is
 * the current term. The answer leaves with the save of the vote; a granted vote restarts the election timer.
 * The term rule keeps the silence only towards newer terms: where the term rose by another message, or before a
 * restart, the request of a candidate of the current term arrives here. A vote cast already was cast outside of any
 * silence; repeated, it elects no server that it could not elect before. A leader that stepped down may vote at once: no
 * lease but its own rested on it, and it serves none any more.
 */
export const handleRequestVote = (work: Work, from: NodeId, rpc: RequestVote): void => {
  const { server } = work
  if (server.votedFor === null && work.options.checkQuorum && hearsLeader(work))
    return ignore(work, 'leader is alive', from)
  const free = server.votedFor === null || server.votedFor === from
  const voteGranted = free && server.role.type !== 'leader' && isUpToDate(work.log, rpc)
  if (voteGranted) {
    server.electionElapsedTicks = 0
    if (server.votedFor === null) {
      server.votedFor = from
      saveHardState(work)
    }
  }
  replyAfterHardState(work, from, { type: 'RequestVoteResponse', term: server.currentTerm, voteGranted })
}

/** The term rule has been applied: the answer belongs to this term. */
export const handleRequestVoteResponse = (work: Work, from: NodeId, rpc: RequestVoteResponse): void => {
  const { server } = work
  if (server.role.type !== 'candidate') return ignore(work, 'stale response', from)
  server.role = tally(server.role, from, rpc.voteGranted)
  settleVote(work)
}

const settleVote = (work: Work): void => {
  const { server } = work
  if (server.role.type !== 'candidate') return
  const result = voteResult(configurationInForce(server), server.role.granted, server.role.rejected)
  if (result === 'lost') return becomeFollower(work, server.currentTerm, null)
  if (result === 'pending') return
  becomeLeader(work)
  beginRound(work)
  broadcastAppend(work, 'heartbeat')
}
