import type { Entry, JsonValue } from '../../../core/entry.ts'
import { jsonBytes } from '../../../core/json.ts'
import { INDEX_ZERO, TERM_ZERO, successor, type Index, type NodeId, type Term } from '../../../core/ids.ts'
import { slice, termAt } from '../../../core/log/log.ts'
import { newLeader } from '../../../core/role.ts'
import type { Options } from '../../../core/config.ts'
import { EMPTY_QUEUE, itemsOf } from '../../../core/queue.ts'
import type { AppendEntriesResponse, Rpc, SnapshotMeta } from '../../../core/rpc.ts'
import { restart } from '../../../core/start.ts'
import type { RaftState } from '../../../core/state.ts'
import { objectsOf } from '../../../machine/capture.ts'
import { kvFromObject } from '../../../machine/kv/kv.ts'
import { overtaken, type Lost } from '../../../machine/pending.ts'
import { replicaStep, restartReplica } from '../../../machine/replica.ts'
import type { ReplicaMessage, ReplicaOutput } from '../../../machine/replica-state.ts'
import { machine, type KvReplica, type Result } from '../context.ts'
import { ERROR, RequestError } from '../envelope.ts'

/*
 * The course's client is an oracle: it vouches for terms, leadership and commitment instead of an election. All that
 * authority is here. An oracle's word becomes what the rest of the cluster would have sent, and goes through the same
 * reducer; where no message could say it (leadership), the state is built as an election would have left it. Nothing
 * here can be reached by a peer's message.
 */

/** Whoever speaks for the cluster where no name is given. Never a member. */
export const ORACLE = 'oracle' as NodeId

export interface Told {
  readonly replica: KvReplica
  readonly outputs: readonly ReplicaOutput<Result>[]
}

/** Runs the reducer with a disk that answers at once. What it sends goes nowhere. */
export const tell = (replica: KvReplica, ...messages: readonly ReplicaMessage[]): Told => {
  const queue = [...messages]
  const outputs: ReplicaOutput<Result>[] = []
  let current = replica
  for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
    const [next, come] = replicaStep(machine, current, message)
    current = next
    for (const output of come) {
      outputs.push(output)
      if (output.type === 'save') queue.push({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
      else if (output.type === 'saveSnapshot')
        queue.push({ type: 'snapshotTaken', index: output.snapshot.lastIncludedIndex })
      else if (output.type === 'continue') queue.push({ type: 'continue' })
    }
  }
  return { replica: current, outputs }
}

/** Why the core would not carry out the message, found out on the side; null when it would. */
export const refusalIn = (replica: KvReplica, message: ReplicaMessage): string | null => {
  const [, outputs] = replicaStep(machine, replica, message)
  const id = message.type === 'propose' ? message.id : null
  for (const output of outputs) {
    // A reader's refusal, where a newer term ends the leadership, is none of the message's.
    if (output.type === 'refused' && output.id === id) return output.reason
    const reason = objectionIn(output)
    if (reason !== null) return reason
  }
  return null
}

/** A vote stands for its whole term. */
const voteIn = ({ raft: { server } }: KvReplica, term: Term): NodeId | null =>
  term === server.currentTerm ? server.votedFor : null

/**
 * The same server as a follower, in the term given: the present one or a later one. What it proposed is still in its
 * log, and may be committed. @throws RequestError when the term is in the past.
 */
export const asFollower = (replica: KvReplica, term: Term, votedFor = voteIn(replica, term)): KvReplica => {
  const { server, log, options } = replica.raft
  if (term < server.currentTerm)
    throw new RequestError(
      ERROR.preconditionFailed,
      `term ${term} is in the past: the current term is ${server.currentTerm}`,
    )
  const raft = restart({
    id: server.id,
    options,
    seed: server.seed,
    hardState: { currentTerm: term, votedFor },
    snapshot: server.snapshot,
    base: { index: log.baseIndex, term: log.baseTerm },
    entries: slice(log, (log.baseIndex + 1) as Index, log.lastIndex),
    lastApplied: server.lastApplied,
  })
  return { ...replica, raft, incoming: null, reads: EMPTY_QUEUE }
}

/**
 * The same server as the leader of a term, as if it had just been elected; no heartbeat has left yet. Alone it is the
 * quorum: what it holds of the term is committed.
 */
export const asLeader = (replica: KvReplica, term: Term): Told => {
  const { log } = replica.raft
  const peers = peersOf(replica.raft)
  const isHeld = peers.length === 0 && log.lastTerm === term
  const told = isHeld ? brought(asFollower(replica, term), [], log.lastIndex) : { replica, outputs: [] }
  const { raft, ...rest } = asFollower(told.replica, term, replica.raft.server.id)
  const server = {
    ...raft.server,
    leaderId: raft.server.id,
    role: newLeader(peers, log.lastIndex, raft.options.inflightMessagesMax),
  }
  return { replica: { ...rest, raft: { ...raft, server } }, outputs: told.outputs }
}

/** What was said of the log and the state deposes no leader, as long as its term lasts. */
export const inOffice = (before: KvReplica, after: Told): Told => {
  const { role, currentTerm } = before.raft.server
  if (role.type !== 'leader' || after.replica.raft.server.currentTerm !== currentTerm) return after
  const { replica, outputs } = asLeader(after.replica, currentTerm)
  return { replica, outputs: [...after.outputs, ...outputs] }
}

export const peersOf = ({ server }: RaftState): readonly NodeId[] => {
  const { voters } = (server.configurations.at(-1) ?? server.configurations[0]).configuration
  return voters.filter((id) => id !== server.id)
}

/** What the peers would say if they had everything that the leader has, and had heard its latest heartbeat. */
export const peersAgree = ({ raft }: KvReplica): readonly ReplicaMessage[] => {
  const { server, log, options } = raft
  const round = server.role.type === 'leader' ? server.role.round : 0
  const rpc: AppendEntriesResponse = {
    type: 'AppendEntriesResponse',
    term: server.currentTerm,
    success: true,
    matchIndex: log.lastIndex,
    round,
    silenceTicks: options.electionTimeoutTicks,
  }
  return peersOf(raft).map((from) => ({ type: 'receive', from, rpc }))
}

export interface OracleEntry {
  readonly index?: number | undefined
  readonly term: number
  readonly command?: JsonValue | undefined
}

/** Entries as the log holds them; indices, where given, must follow each other. */
export const entriesFrom = (given: readonly OracleEntry[], firstIndex: number): readonly Entry[] =>
  given.map(({ index, term, command = null }, at): Entry => {
    const expected = firstIndex + at
    if (index !== undefined && index !== expected)
      throw new RequestError(
        ERROR.malformedRequest,
        `entries[${at}].index is ${index}, but indices follow each other: ${expected} is next`,
      )
    const wrapped = { type: 'direct', command }
    return {
      type: 'command',
      index: expected as Index,
      term: term as Term,
      bytes: jsonBytes(wrapped),
      command: wrapped,
    }
  })

/** A leader's message that brings the entries, and tells how much is committed. */
export const brought = (replica: KvReplica, entries: readonly Entry[], leaderCommit: number): Told => {
  const { server, log } = replica.raft
  const before = entries[0] === undefined ? log.lastIndex : ((entries[0].index - 1) as Index)
  const prevLogTerm = before < log.baseIndex ? TERM_ZERO : termAt(log, before)
  if (prevLogTerm === null)
    throw new RequestError(
      ERROR.preconditionFailed,
      `a gap: the log ends at index ${log.lastIndex}, the first entry has index ${before + 1}`,
    )
  const term = Math.max(server.currentTerm, entries[entries.length - 1]?.term ?? 0) as Term
  const rpc: Rpc = {
    type: 'AppendEntries',
    term,
    leaderId: ORACLE,
    prevLogIndex: before,
    prevLogTerm,
    entries,
    leaderCommit: leaderCommit as Index,
    round: 0,
  }
  return inOffice(replica, obeyed(tell(asFollower(replica, term), { type: 'receive', from: ORACLE, rpc })))
}

/**
 * A snapshot of the state given takes the place of the machine's state and of the log up to its index. As with a
 * leader's snapshot, entries after it stay where the log agrees at its index, and the whole log goes where it does not
 * (Figure 13, "Receiver implementation" 6 and 7).
 */
export const installed = (
  replica: KvReplica,
  state: Readonly<Record<string, JsonValue>>,
  index: number,
  snapshotTerm: number,
): Told => {
  const { server, log, options } = replica.raft
  const lastIncludedIndex = index as Index
  const lastIncludedTerm = snapshotTerm as Term
  const appliedTerm = termAt(log, server.lastApplied) ?? TERM_ZERO
  if (lastIncludedTerm < appliedTerm)
    throw new RequestError(
      ERROR.preconditionFailed,
      `terms never fall along a log: index ${server.lastApplied} is applied and of term ${appliedTerm}, ` +
        `so that no snapshot after it is of term ${lastIncludedTerm}`,
    )
  const { configuration, index: configurationIndex } = server.configurations[0]
  const snapshot: SnapshotMeta = {
    lastIncludedIndex,
    lastIncludedTerm,
    configuration,
    configurationIndex: configurationIndex <= index ? configurationIndex : INDEX_ZERO,
  }
  const term = snapshotTerm > server.currentTerm ? lastIncludedTerm : server.currentTerm
  const { table } = machine.initial
  const agrees = termAt(log, lastIncludedIndex) === lastIncludedTerm
  const received = restartReplica(
    machine,
    {
      id: server.id,
      options,
      seed: server.seed,
      hardState: { currentTerm: term, votedFor: voteIn(replica, term) },
      snapshot,
      entries: agrees ? slice(log, successor(lastIncludedIndex), log.lastIndex) : [],
    },
    objectsOf(machine, { table, machine: kvFromObject(state), wanted: null }),
  )
  const [pending, outputs] = agrees
    ? overtaken(replica.pending, snapshot)
    : ([EMPTY_QUEUE, withoutLog(replica.pending)] as const)
  return inOffice(replica, { replica: { ...received, pending }, outputs })
}

/** The answers to the proposals whose log is gone from here: they may be in other logs. */
export const withoutLog = (pending: KvReplica['pending']): readonly Lost[] =>
  itemsOf(pending).map(({ id }): Lost => ({ type: 'lost', id, reason: 'unknown' }))

/** An oracle that contradicts what is committed is refused, like anybody else. */
const obeyed = (told: Told): Told => {
  for (const output of told.outputs) {
    const reason = objectionIn(output)
    if (reason !== null) throw new RequestError(ERROR.preconditionFailed, `refused: ${reason}`)
  }
  return told
}

/** Why the core did not act on a message; null for an output that says nothing of the kind. */
const objectionIn = (output: ReplicaOutput<Result>): string | null => {
  if (output.type !== 'note') return null
  if (output.event === 'ignored') return output.reason
  return output.event === 'contradiction' ? output.contradiction : null
}

/** The same replica under other options. */
export const under = (replica: KvReplica, options: Partial<Options>): KvReplica => ({
  ...replica,
  raft: { ...replica.raft, options: { ...replica.raft.options, ...options } },
})
