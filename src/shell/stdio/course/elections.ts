import { nextTerm, type Index, type NodeId, type Term } from '../../../core/ids.ts'
import { kvToObject } from '../../../machine/kv/kv.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'
import { asFollower } from './oracle.ts'

/** Tasks 5-1 to 5-5 and 6-5: roles, terms, votes and time. */
export const elections: Pick<
  Handlers,
  | 'get_state'
  | 'become_leader'
  | 'wait'
  | 'get_election_timeout'
  | 'set_term'
  | 'request_vote'
  | 'trigger_election_timeout'
> = {
  get_state: (host) => {
    const { role, currentTerm, lastApplied } = host.replica.raft.server
    if (host.view === 'role')
      return {
        type: 'state_reply',
        state: role.type === 'preCandidate' ? 'candidate' : role.type,
        term: currentTerm,
      }
    // After a committed log was seeded the course calls the same reply by its first name (6-4 against 7-2-2).
    const type = host.view === 'seeded' ? 'state_reply' : 'get_state_ok'
    return { type, state: kvToObject(host.state), last_applied: lastApplied }
  },

  become_leader: (host, { term }) => {
    host.vouch((term ?? nextTerm(host.replica.raft.server.currentTerm)) as Term)
    host.view = 'role'
    return { type: 'become_leader_ok' }
  },

  wait: async (host, { duration_ms: duration }) => {
    await host.wait(duration)
    return null
  },

  get_election_timeout: (host) => ({ type: 'election_timeout_reply', timeout_ms: host.drawElectionTimeout() }),

  set_term: (host, { term }) => {
    const { server } = host.replica.raft
    // The same term again changes nothing: a vote cast in it stays cast.
    if (term !== server.currentTerm) host.adopt({ replica: asFollower(host.replica, term as Term), outputs: [] })
    return { type: 'set_term_ok' }
  },

  request_vote: async (host, fields) => {
    const candidateId = peerName(fields.candidate_id, host.context.nodeId)
    const answer = await host.ask(candidateId, {
      type: 'RequestVote',
      term: fields.term as Term,
      candidateId,
      lastLogIndex: fields.last_log_index as Index,
      lastLogTerm: fields.last_log_term as Term,
    })
    const voteGranted = answer.type === 'RequestVoteResponse' && answer.voteGranted
    return { type: 'request_vote_ok', term: answer.term, vote_granted: voteGranted }
  },

  trigger_election_timeout: (host) => {
    if (host.isLeader) throw new RequestError(ERROR.preconditionFailed, 'a leader has no election timeout')
    host.node.deliver({ type: 'campaign' })
    host.view = 'role'
    return { type: 'trigger_election_timeout_ok' }
  },
}

/** @throws RequestError when a peer bears this node's own name. */
export const peerName = (name: string, own: NodeId): NodeId => {
  if (name === own) throw new RequestError(ERROR.malformedRequest, `${name} is this node itself`)
  return name as NodeId
}
