import { isVoter } from './membership/configuration.ts'
import { nextTerm, type NodeId } from './ids.ts'
import { voteResult } from './membership/quorum.ts'
import { becomeFollower, becomePreCandidate } from './role.ts'
import type { RequestPreVote, RequestPreVoteResponse } from './rpc.ts'
import { hearsLeader, isUpToDate, startElection, tally } from './request-vote.ts'
import type { Server } from './state.ts'
import { replyAfterHardState, configurationInForce, ignore, send, peers, type Work } from './work.ts'

/**
 * Starts an election as the options say: asking first whether it could be won (thesis 9.6), or at once. Refuses where
 * winning would be wrong: without a vote of its own, or with a received snapshot half in force (etcd #12163).
 */
export const campaign = (work: Work): void => {
  const { server, log } = work
  if (server.role.type === 'leader') return ignore(work, 'already leader', null)
  if (!isVoter(configurationInForce(server), server.id)) return ignore(work, 'not a voter', null)
  if (server.receiving?.phase === 'install') return ignore(work, 'installing a snapshot', null)
  // Its own vote may be the one that the leader's lease rests on; the election timer never comes this early.
  if (work.options.checkQuorum && hearsLeader(work) && !isAlone(work)) return ignore(work, 'leader is alive', null)
  if (!work.options.preVote) return startElection(work)
  becomePreCandidate(work)
  for (const to of peers(work))
    if (isVoter(configurationInForce(server), to))
      send(work, to, {
        type: 'RequestPreVote',
        term: nextTerm(server.currentTerm),
        candidateId: server.id,
        lastLogIndex: log.lastIndex,
        lastLogTerm: log.lastTerm,
        question: questionOf(server),
      })
  settlePreVote(work)
}

/**
 * The number of a pre-candidate's question: the seed after the draw of its deadline, which no other question of this
 * life shares. A grant from before a restart may be taken for a later one where shells restart with the same seed: it
 * costs an election that could have been spared, never safety, as the votes that follow are counted by term.
 */
const questionOf = ({ seed }: Pick<Server, 'seed'>): number => seed >>> 0

/** Whether it is the only voter: then no other leader's lease can rest on its vote. */
const isAlone = ({ server }: Work): boolean => {
  const { voters, votersOutgoing } = configurationInForce(server)
  return voters.length === 1 && votersOutgoing.length === 0
}

/** Receiver of RequestPreVote: says how it would vote, and changes nothing, not even a timer. */
export const handleRequestPreVote = (work: Work, from: NodeId, rpc: RequestPreVote): void => {
  const { currentTerm } = work.server
  const { question } = rpc
  const voteGranted = rpc.term > currentTerm && isUpToDate(work.log, rpc) && !hearsLeader(work)
  replyAfterHardState(work, from, {
    type: 'RequestPreVoteResponse',
    term: voteGranted ? rpc.term : currentTerm,
    voteGranted,
    ...(question === undefined ? {} : { question }),
  })
}

/**
 * Answers to an earlier question do not count, nor grants for another term: the leader may have come back in between.
 */
export const handleRequestPreVoteResponse = (work: Work, from: NodeId, rpc: RequestPreVoteResponse): void => {
  const { server } = work
  if (server.role.type !== 'preCandidate') return ignore(work, 'stale response', from)
  const isEarlier = rpc.question !== undefined && rpc.question !== questionOf(server)
  if (isEarlier || (rpc.voteGranted && rpc.term !== nextTerm(server.currentTerm)))
    return ignore(work, 'stale response', from)
  server.role = tally(server.role, from, rpc.voteGranted)
  settlePreVote(work)
}

const settlePreVote = (work: Work): void => {
  const { server } = work
  if (server.role.type !== 'preCandidate') return
  const result = voteResult(configurationInForce(server), server.role.granted, server.role.rejected)
  if (result === 'won') startElection(work)
  else if (result === 'lost') becomeFollower(work, server.currentTerm, null)
}
