import type { JsonValue } from '../../../core/entry.ts'
import { checkLinearizability } from '../../../sim/linearizability.ts'
import { parseHistory } from '../../../sim/history-parse.ts'
import { kvGet } from '../../../machine/kv.ts'
import type { Command, Result } from '../context.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'
import type { CourseHost } from './host.ts'
import { asLeader, peersAgree, tell, under } from './oracle.ts'

/** The store track and 7-2-5: clients, the ways to read, and what is linearizable. */
export const store: Pick<
  Handlers,
  | 'write'
  | 'read'
  | 'cas'
  | 'read_index'
  | 'read_via_log'
  | 'lease_read'
  | 'lease_read_config'
  | 'follower_read'
  | 'ryw_read'
  | 'verify_linearizability'
> = {
  write: async (host, { key, value, client_id: client, seq: sequence }) => {
    await host.lead(false)
    const command = { op: 'put', key, value } as const
    const commands: readonly Command[] =
      client === undefined || sequence === undefined
        ? [{ type: 'direct', command }]
        : [
            { type: 'register', client },
            { type: 'apply', client, sequence, acknowledged: 0, command },
          ]
    // A number of the client's that was used before is answered as it was then, and not applied again.
    const { result } = await host.propose(...commands)
    if (result.type === 'invalid') throw new RequestError(ERROR.malformedRequest, result.reason)
    return { type: 'write_ok' }
  },

  read: async (host, { key }) => {
    await host.lead(false)
    await host.linearizable()
    const value = kvGet(host.state, key)
    // The course reads null where Maelstrom, which alone has cas, knows no key.
    if (value === undefined && host.sawCas) throw new RequestError(ERROR.keyDoesNotExist, `there is no key ${key}`)
    return { type: 'read_ok', value: value ?? null }
  },

  cas: async (host, { key, from, to, create_if_not_exists: createIfMissing = false }) => {
    host.sawCas = true
    await host.lead(false)
    const { result } = await host.proposeDirect({ op: 'cas', key, from, to, createIfMissing })
    return casReply(key, result)
  },

  read_index: async (host, { key }) => {
    await host.lead(true)
    const index = await host.linearizable()
    return {
      type: 'read_index_ok',
      value: valueAt(host, key),
      read_at_index: index,
      heartbeat_confirmed: true,
      linearizable: true,
    }
  },

  read_via_log: async (host, { key }) => {
    await host.lead(true)
    const before = performance.now()
    const { index, result } = await host.proposeDirect({ op: 'get', key })
    const value = result.type === 'applied' && result.result.type === 'value' ? result.result.value : null
    const latency = Math.round((performance.now() - before) * 1000) / 1000
    return { type: 'read_via_log_ok', value, log_index_used: index, latency_ms: latency }
  },

  lease_read: async (host, { key }) => {
    await host.lead(true)
    await host.linearizable()
    return {
      type: 'lease_read_ok',
      value: valueAt(host, key),
      lease_valid: holdsLease(host),
      network_round_trips: 0,
    }
  },

  lease_read_config: (_host, fields) => {
    const effective = fields.lease_duration_ms - fields.max_clock_skew_ms
    return {
      type: 'lease_read_config_ok',
      safe: effective < fields.election_timeout_ms,
      effective_lease_ms: effective,
    }
  },

  follower_read: async (host, { key, max_staleness_ms: staleness }) => {
    const actual = host.stalenessMs
    const isFresh = !host.isLeader && staleness > 0 && actual <= staleness
    if (!isFresh) await leadForReading(host)
    return {
      type: 'follower_read_ok',
      value: valueAt(host, key),
      actual_staleness_ms: isFresh ? actual : 0,
      served_by: host.context.nodeId,
      linearizable: !isFresh,
    }
  },

  ryw_read: async (host, { key, last_write_index: written, prefer_follower: prefersFollower = true }) => {
    // Behind what the client wrote: the leader serves instead.
    if (host.replica.raft.server.lastApplied < written || !prefersFollower) await leadForReading(host)
    return {
      type: 'ryw_read_ok',
      value: valueAt(host, key),
      served_by: host.context.nodeId,
      follower_applied_index: host.replica.raft.server.lastApplied,
      waited_ms: 0,
    }
  },

  verify_linearizability: (_host, { history }) => {
    const parsed = parseHistory(history)
    if ('error' in parsed) throw new RequestError(ERROR.malformedRequest, `history: ${parsed.error}`)
    const verdict = checkLinearizability(parsed.operations)
    if (verdict.result === 'unknown') throw new RequestError(ERROR.temporarilyUnavailable, verdict.reason)
    return {
      type: 'verify_linearizability_ok',
      linearizable: verdict.result === 'linearizable',
      violations: verdict.result === 'violation' ? [verdict.explanation] : [],
    }
  },
}

const valueAt = (host: CourseHost, key: string): JsonValue => kvGet(host.state, key) ?? null

/** The client is sent to the leader: where none is known the oracle makes it this node. */
const leadForReading = async (host: CourseHost): Promise<void> => {
  const { leaderId } = host.replica.raft.server
  await host.lead(leaderId === null || host.isLeader)
  await host.linearizable()
}

const casReply = (key: string, result: Result) => {
  const outcome = result.type === 'applied' ? result.result.type : result.type
  if (outcome === 'missing') throw new RequestError(ERROR.keyDoesNotExist, `there is no key ${key}`)
  if (outcome === 'mismatch')
    throw new RequestError(ERROR.preconditionFailed, `the value of ${key} is not what from says`)
  return { type: 'cas_ok' }
}

/**
 * Whether a lease would let this leader answer by itself, played through on a copy with the quorum check on: a round
 * of heartbeats that the peers answer, an entry of the term, then the core's own reading by lease.
 */
const holdsLease = ({ replica }: CourseHost): boolean => {
  const term = replica.raft.server.currentTerm
  const leader = asLeader(under(replica, { checkQuorum: true }), term)
  const begun = tell(
    leader,
    { type: 'propose', id: 'barrier', commands: [{ type: 'direct', command: { op: 'get', key: '' } }] },
    { type: 'read', id: 'round', mode: 'quorum' },
  ).replica
  const { outputs } = tell(begun, ...peersAgree(begun), { type: 'read', id: 'lease', mode: 'lease' })
  return outputs.some((output) => output.type === 'readable' && output.id === 'lease')
}
