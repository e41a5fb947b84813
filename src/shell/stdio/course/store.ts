import type { JsonValue } from '../../../core/entry.ts'
import { checkLinearizability } from '../../../linearizability/check.ts'
import { parseHistory } from '../../../linearizability/parse.ts'
import { kvGet, type KvCommand, type KvResult } from '../../../machine/kv/kv.ts'
import { SESSIONS_MAX, type Command, type Result } from '../context.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Answer, Handlers } from './handlers.ts'
import type { CourseHost } from './host.ts'
import { Later } from './later.ts'
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
  write: async (host, { key, value, client_id: client, seq }) => {
    await host.lead(false)
    const command = { op: 'put', key, value } as const
    const numbered = client !== undefined && seq !== undefined
    const done = await host.write(
      ...(numbered ? inSession(host, client, seq, command) : [{ type: 'direct', command } as const]),
    )
    return done.map<Answer>(({ result }) => {
      outcomeOf(result)
      return { type: 'write_ok' }
    })
  },

  read: async (host, { key }) => {
    await host.lead(false)
    return (await host.linearizable()).map<Answer>(() => {
      const value = kvGet(host.state, key)
      // The course reads null where Maelstrom, which alone has cas, knows no key.
      if (value === undefined && host.sawCas) throw new RequestError(ERROR.keyDoesNotExist, `there is no key ${key}`)
      return { type: 'read_ok', value: value ?? null }
    })
  },

  cas: async (host, { key, from, to, create_if_not_exists: createIfMissing = false }) => {
    await host.lead(false)
    const done = await host.write({ type: 'direct', command: { op: 'cas', key, from, to, createIfMissing } })
    return done.map<Answer>(({ result }) => {
      const { type } = outcomeOf(result)
      if (type === 'missing') throw new RequestError(ERROR.keyDoesNotExist, `there is no key ${key}`)
      if (type === 'mismatch')
        throw new RequestError(ERROR.preconditionFailed, `the value of ${key} is not what from says`)
      host.sawCas = true
      return { type: 'cas_ok' }
    })
  },

  read_index: async (host, { key }) => {
    await host.lead(true)
    return (await host.linearizable()).map<Answer>((index) => ({
      type: 'read_index_ok',
      value: valueAt(host, key),
      read_at_index: index,
      heartbeat_confirmed: true,
      linearizable: true,
    }))
  },

  read_via_log: async (host, { key }) => {
    await host.lead(true)
    const before = performance.now()
    return (await host.readByLog(key)).map<Answer>(({ index, result }) => {
      const outcome = outcomeOf(result)
      const latency = Math.round((performance.now() - before) * 1000) / 1000
      const value = outcome.type === 'value' ? outcome.value : null
      return { type: 'read_via_log_ok', value, log_index_used: index, latency_ms: latency }
    })
  },

  lease_read: async (host, { key }) => {
    await host.lead(true)
    return (await host.linearizable()).map<Answer>(() => ({
      type: 'lease_read_ok',
      value: valueAt(host, key),
      lease_valid: holdsLease(host),
      network_round_trips: 0,
    }))
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
    const read = isFresh ? Later.of(null) : await leadForReading(host)
    return read.map<Answer>(() => ({
      type: 'follower_read_ok',
      value: valueAt(host, key),
      actual_staleness_ms: isFresh ? actual : 0,
      served_by: host.context.nodeId,
      linearizable: !isFresh,
    }))
  },

  ryw_read: async (host, { key, last_write_index: written, prefer_follower: prefersFollower = true }) => {
    // Behind what the client wrote: the leader serves instead.
    const isBehind = host.replica.raft.server.lastApplied < written
    const read = prefersFollower && !isBehind ? Later.of(null) : await leadForReading(host)
    return read.map<Answer>(() => ({
      type: 'ryw_read_ok',
      value: valueAt(host, key),
      served_by: host.context.nodeId,
      follower_applied_index: host.replica.raft.server.lastApplied,
      waited_ms: 0,
    }))
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
const leadForReading = async (host: CourseHost): Promise<Later<number>> => {
  await host.lead(host.leaderId === null || host.isLeader)
  return host.linearizable()
}

/**
 * A client's command under its number, which is one less than the session's: clients may count from 0. A number that was
 * used before is answered as it was then, and not applied again. So no session may ever expire: a client that is not in
 * the table is new, and a new one is turned away when the table might be full.
 */
const inSession = (host: CourseHost, client: string, seq: number, command: KvCommand): readonly Command[] => {
  const { raft, machine } = host.replica
  const { sessions } = machine.table
  const apply = { type: 'apply', client, sequence: seq + 1, acknowledged: 0, command } as const
  if (sessions.get(client) !== undefined) return [apply]
  // Every entry that is not applied yet may open one.
  const sessionsAtMost = sessions.size + raft.log.lastIndex - raft.server.lastApplied
  if (sessionsAtMost >= SESSIONS_MAX)
    throw new RequestError(
      ERROR.temporarilyUnavailable,
      `the writes of ${SESSIONS_MAX} clients are remembered, and no more: write without client_id and seq`,
    )
  return [{ type: 'register', client }, apply]
}

/** What the machine made of a command. @throws RequestError where it made nothing of it. */
const outcomeOf = (result: Result): KvResult => {
  if (result.type === 'invalid') throw new RequestError(ERROR.malformedRequest, result.reason)
  if (result.type !== 'applied')
    throw new RequestError(ERROR.timeout, `what became of the operation is not known: ${result.type}`)
  if (result.result.type === 'invalid') throw new RequestError(ERROR.malformedRequest, result.result.reason)
  return result.result
}

/**
 * Whether a lease would let this leader answer by itself, played through on a copy with the quorum check on: a round
 * of heartbeats that the peers answer, an entry of the term, then the core's own reading by lease.
 */
const holdsLease = ({ replica, isLeader }: CourseHost): boolean => {
  if (!isLeader) return false
  const term = replica.raft.server.currentTerm
  const leader = asLeader(under(replica, { checkQuorum: true }), term).replica
  const begun = tell(
    leader,
    { type: 'propose', id: 'barrier', commands: [{ type: 'direct', command: { op: 'get', key: '' } }] },
    { type: 'read', id: 'round', mode: 'quorum' },
  ).replica
  const { outputs } = tell(begun, ...peersAgree(begun), { type: 'read', id: 'lease', mode: 'lease' })
  return outputs.some((output) => output.type === 'readable' && output.id === 'lease')
}
