import { configurationOf } from '../../../core/membership/configuration.ts'
import type { Index, NodeId, Term } from '../../../core/ids.ts'
import type { Message } from '../../../core/message.ts'
import { birthSnapshot, restart } from '../../../core/start.ts'
import type { RaftState } from '../../../core/state.ts'
import { step } from '../../../core/step.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'
import { entriesFrom, peersOf } from './oracle.ts'
import type { Fields } from './requests.ts'

/**
 * Task 7-2-3: what a new leader's blank entry does. The cluster of the question is played through on servers of its
 * own; this node's state has no part in it.
 */
export const leaderChange = (): Pick<Handlers, 'leader_change' | 'simulate_noop_commit'> => {
  let scenario: RaftState | null = null
  return {
    leader_change: (host, fields) => {
      scenario = elected(host.context.nodeIds, fields)
      return {
        type: 'leader_change_ok',
        noop_appended_at: scenario.log.lastIndex,
        noop_term: scenario.log.lastTerm,
        safe_to_apply_after_commit: true,
      }
    },

    simulate_noop_commit: (_host, { noop_index: noopIndex }) => {
      if (scenario === null) throw new RequestError(ERROR.preconditionFailed, 'there was no leader_change')
      if (noopIndex !== scenario.log.lastIndex)
        throw new RequestError(ERROR.preconditionFailed, `the no-op is at index ${scenario.log.lastIndex}`)
      const old = scenario.server.commitIndex
      scenario = replicated(scenario)
      const { commitIndex } = scenario.server
      return {
        type: 'simulate_noop_commit_ok',
        new_commit_index: commitIndex,
        entries_now_committed: Array.from({ length: commitIndex - old }, (_, at) => old + 1 + at),
      }
    },
  }
}

/** The new leader, elected by everybody, its blank entry on no disk yet. */
const elected = (nodeIds: readonly NodeId[], fields: Fields<'leader_change'>): RaftState => {
  const { new_leader: newLeader, new_term: newTerm, log, commit_index: commitIndex } = fields
  const id = newLeader as NodeId
  const entries = entriesFrom(log, 1)
  const lastTerm = entries[entries.length - 1]?.term ?? 0
  if (newTerm <= lastTerm)
    throw new RequestError(
      ERROR.preconditionFailed,
      `new_term ${newTerm} is not beyond the log's last term ${lastTerm}`,
    )
  if (commitIndex > entries.length)
    throw new RequestError(
      ERROR.malformedRequest,
      `commit_index ${commitIndex} is beyond the log's end ${entries.length}`,
    )
  const before = restart({
    id,
    options: { preVote: false, checkQuorum: false, noopOnElection: true },
    hardState: { currentTerm: (newTerm - 1) as Term, votedFor: null },
    snapshot: birthSnapshot(configurationOf([...new Set([...nodeIds, id])])),
    entries,
    lastApplied: commitIndex as Index,
  })
  const votes = peersOf(before).map((from): Message => {
    const rpc = { type: 'RequestVoteResponse', term: newTerm as Term, voteGranted: true } as const
    return { type: 'receive', from, rpc }
  })
  return played(before, { type: 'campaign' }, { type: 'saved', sequence: 1, lastIndex: before.log.lastIndex }, ...votes)
}

/** The blank entry reaches every disk. */
const replicated = (leader: RaftState): RaftState => {
  const { currentTerm: term, saveSequence: sequence } = leader.server
  const { lastIndex } = leader.log
  const answers = peersOf(leader).map((from): Message => {
    const rpc = { type: 'AppendEntriesResponse', term, success: true, matchIndex: lastIndex, round: 0 } as const
    return { type: 'receive', from, rpc }
  })
  return played(leader, { type: 'saved', sequence, lastIndex }, ...answers)
}

const played = (state: RaftState, ...messages: readonly Message[]): RaftState =>
  messages.reduce((before, message) => step(before, message)[0], state)
