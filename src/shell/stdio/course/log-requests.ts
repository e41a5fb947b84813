import { configurationOf } from '../../../core/membership/configuration.ts'
import type { Index, NodeId, Term } from '../../../core/ids.ts'
import { quorumIndex, majority } from '../../../core/membership/quorum.ts'
import { createReplica } from '../../../machine/replica.ts'
import type { Entry, JsonValue } from '../../../core/entry.ts'
import { machine, type Result } from '../context.ts'
import { ERROR, RequestError, isObject } from '../envelope.ts'
import { peerName } from './elections.ts'
import type { Handlers } from './handlers.ts'
import { asFollower, asLeader, brought, entriesFrom, inOffice, refusalIn, withoutLog, type Told } from './oracle.ts'

/** Tasks 6-1 to 6-4, 7-2-1 and 7-2-2: the log, commitment and the state machine. */
export const logRequests: Pick<
  Handlers,
  'raft_append' | 'append_entries' | 'seed_committed_log' | 'check_commit' | 'advance_commit' | 'apply_entries'
> = {
  raft_append: (host, { entry }) => {
    const { server, log } = host.replica.raft
    if (entry.term < server.currentTerm)
      throw new RequestError(
        ERROR.preconditionFailed,
        `entry.term ${entry.term} is in the past: the current term is ${server.currentTerm}`,
      )
    const term = entry.term as Term
    const leads = host.isLeader && term === server.currentTerm
    const index = log.lastIndex + 1
    const commands = [{ type: 'direct', command: entry.command }]
    const proposal = { type: 'propose', id: `raft_append ${index}`, commands } as const
    const refusal = refusalIn(leads ? host.replica : asLeader(host.replica, term).replica, proposal)
    if (refusal !== null) throw new RequestError(ERROR.temporarilyUnavailable, `the entry was not appended: ${refusal}`)
    if (!leads) host.vouch(term)
    host.node.deliver(proposal)
    return { type: 'raft_append_ok', index }
  },

  append_entries: async (host, fields) => {
    const leaderId = peerName(fields.leader_id, host.context.nodeId)
    const answer = await host.ask(leaderId, {
      type: 'AppendEntries',
      term: fields.term as Term,
      leaderId,
      prevLogIndex: fields.prev_log_index as Index,
      prevLogTerm: fields.prev_log_term as Term,
      entries: entriesFrom(fields.entries, fields.prev_log_index + 1),
      leaderCommit: fields.leader_commit as Index,
      round: 0,
    })
    const isSuccess = answer.type === 'AppendEntriesResponse' && answer.success
    return { type: 'append_entries_ok', success: isSuccess, match_index: isSuccess ? answer.matchIndex : 0 }
  },

  seed_committed_log: (host, { entries, commit_index: commitIndex }) => {
    const { options, server } = host.replica.raft
    if (commitIndex > entries.length)
      throw new RequestError(
        ERROR.malformedRequest,
        `commit_index ${commitIndex} is beyond the log, which has ${entries.length} entries`,
      )
    const { nodeId, nodeIds } = host.context
    const empty = createReplica(machine, { id: nodeId, configuration: configurationOf(nodeIds), options })
    const blank = asFollower(empty, server.currentTerm, server.votedFor)
    const seeded = brought(blank, entriesFrom(entries, 1), commitIndex)
    host.adopt(inOffice(host.replica, { replica: seeded.replica, outputs: withoutLog(host.replica.pending) }))
    host.view = 'seeded'
    return { type: 'seed_committed_log_ok' }
  },

  check_commit: (_host, { log_length: logLength, match_indices: matchIndices }) => {
    const [index, size] = countedIndex(matchIndices, logLength)
    const reached = Object.values(matchIndices).filter((match) => match >= index).length
    return {
      type: 'check_commit_ok',
      new_commit_index: index,
      majority_count: reached,
      quorum: majority(size),
      committed: index === logLength,
    }
  },

  advance_commit: (_host, { old_commit_index: old, match_indices: matchIndices }) => {
    const [counted] = countedIndex(matchIndices, Number.MAX_SAFE_INTEGER)
    const index = Math.max(old, counted)
    return { type: 'advance_commit_ok', new_commit_index: index, entries_committed: index - old }
  },

  apply_entries: (host, { entries }) => {
    const first = entries[0]
    const { lastApplied } = host.replica.raft.server
    const made = entriesFrom(entries, first?.index ?? lastApplied + 1)
    // A leader's own proposals give way to what is said to be committed.
    const told = brought(host.replica, made, made[made.length - 1]?.index ?? lastApplied)
    host.adopt(told)
    host.view = 'applied'
    return {
      type: 'apply_entries_ok',
      results: resultsOf(told),
      last_applied: told.replica.raft.server.lastApplied,
    }
  },
}

/** The index that a majority has reached, by the core's own rule, and the size of the cluster. */
const countedIndex = (
  matchIndices: Readonly<Record<string, number>>,
  logLength: number,
): readonly [index: number, size: number] => {
  const reached = new Map(Object.entries(matchIndices))
  const ids = [...reached.keys()] as NodeId[]
  const index = quorumIndex(configurationOf(ids), (id) => Math.min(reached.get(id) ?? 0, logLength) as Index)
  return [index, ids.length]
}

/** One result an entry, in the course's words. Entries that were applied before have none: nothing is done twice. */
const resultsOf = ({ outputs }: Told): readonly JsonValue[] =>
  outputs.flatMap((output) =>
    output.type === 'applied'
      ? output.entries.map((entry, at) => ({ index: entry.index, result: wordFor(entry, output.results[at]) }))
      : [],
  )

/** The value for what reads it, null where there is none; "ok" for what changes the state. */
const wordFor = (entry: Entry, result: Result | undefined): JsonValue => {
  if (result?.type === 'applied' && result.result.type === 'value') return result.result.value
  const command = entry.type === 'command' && isObject(entry.command) ? entry.command['command'] : null
  return isObject(command) && command['op'] === 'get' ? null : 'ok'
}
