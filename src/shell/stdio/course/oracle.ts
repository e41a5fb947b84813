import type { Entry, JsonValue } from '../../../core/entry.ts'
import { jsonBytes } from '../../../core/entry.ts'
import { FIRST_OBJECT, INDEX_ZERO, TERM_ZERO, type Index, type NodeId, type Term } from '../../../core/ids.ts'
import { slice, termAt } from '../../../core/log/log.ts'
import { newLeader } from '../../../core/role.ts'
import { checksum } from '../../../core/checksum.ts'
import type { Options } from '../../../core/config.ts'
import type { AppendEntriesResponse, Rpc, SnapshotMeta } from '../../../core/rpc.ts'
import { chainDigest } from '../../../core/snapshot-transfer.ts'
import { restart } from '../../../core/start.ts'
import type { RaftState } from '../../../core/state.ts'
import { objectsOf } from '../../../machine/capture.ts'
import { kvFromObject } from '../../../machine/kv.ts'
import { replicaStep } from '../../../machine/replica.ts'
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
    }
  }
  return { replica: current, outputs }
}

/** The same server as a follower that has voted for nobody, in the term given: the present one or a later one. */
export const asFollower = (replica: KvReplica, term: Term, votedFor: NodeId | null = null): KvReplica => {
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
  return { ...replica, raft, incoming: null, pending: [], reads: [] }
}

/** The same server as the leader of a term, as if it had just been elected; no heartbeat has left yet. */
export const asLeader = (replica: KvReplica, term: Term): KvReplica => {
  const { raft, ...rest } = asFollower(replica, term, replica.raft.server.id)
  const peers = peersOf(raft)
  const server = { ...raft.server, leaderId: raft.server.id, role: newLeader(peers, raft.log.lastIndex) }
  return { ...rest, raft: { ...raft, server } }
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
  return obeyed(tell(asFollower(replica, term), { type: 'receive', from: ORACLE, rpc }))
}

/** A leader's snapshot of the state given, object by object. */
export const installed = (
  replica: KvReplica,
  state: Readonly<Record<string, JsonValue>>,
  index: number,
  snapshotTerm: number,
): Told => {
  const term = Math.max(replica.raft.server.currentTerm, snapshotTerm) as Term
  const { configuration, index: configurationIndex } = replica.raft.server.configurations[0]
  const snapshot: SnapshotMeta = {
    lastIncludedIndex: index as Index,
    lastIncludedTerm: snapshotTerm as Term,
    configuration,
    configurationIndex: configurationIndex <= index ? configurationIndex : INDEX_ZERO,
  }
  const { table } = machine.initial
  const objects = objectsOf(machine, { table, machine: kvFromObject(state), wanted: null })
  let digest = 0
  const messages = objects.map(({ id, data }, at): ReplicaMessage => {
    digest = chainDigest(digest, id, checksum(data))
    const rpc: Rpc = {
      type: 'InstallSnapshot',
      term,
      leaderId: ORACLE,
      transferId: 1,
      snapshot,
      objectId: at === 0 ? FIRST_OBJECT : id,
      data,
      checksum: checksum(data),
      digest,
      isLast: at === objects.length - 1,
    }
    return { type: 'receive', from: ORACLE, rpc }
  })
  return obeyed(tell(asFollower(replica, term), ...messages))
}

/** An oracle that contradicts what is committed is refused, like anybody else. */
const obeyed = (told: Told): Told => {
  for (const output of told.outputs) {
    if (output.type !== 'note' || (output.event !== 'ignored' && output.event !== 'contradiction')) continue
    const reason = output.event === 'ignored' ? output.reason : output.contradiction
    throw new RequestError(ERROR.preconditionFailed, `refused: ${reason}`)
  }
  return told
}

/** The same replica under other options. */
export const under = (replica: KvReplica, options: Partial<Options>): KvReplica => ({
  ...replica,
  raft: { ...replica.raft, options: { ...replica.raft.options, ...options } },
})
