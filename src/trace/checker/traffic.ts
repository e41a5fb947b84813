import type { NodeId, Term } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import type { Output, TakeSnapshot } from '../../core/output.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import type { Judge } from './violation.ts'
import type { Witness } from './witness.ts'

/** What a leader has sent to a follower since it last heard of it, and what gave it reason to. */
interface Sent {
  messages: number
  bytes: number
  objects: number
  /** Ticks, rounds of heartbeats begun, and steps in which commitIndex moved. */
  ticks: number
  rounds: number
  commits: number
}

interface Traffic {
  readonly term: Term
  readonly to: Map<NodeId, Sent>
}

/**
 * What replication costs: COST. To a follower that does not answer, a leader sends what its windows hold, and one message
 * for each tick, each round and each move of commitIndex; the bytes of entries do not grow with time at all. A snapshot is asked for when there is
 * enough to cover.
 */
export class TrafficClaims {
  private readonly judge: Judge
  private readonly leaders = new Map<NodeId, Traffic>()

  constructor(judge: Judge) {
    this.judge = judge
  }

  started({ id }: Witness): void {
    this.leaders.delete(id)
  }

  step(witness: Witness, before: RaftState, message: Message, outputs: readonly Output[]): void {
    const { id, state } = witness
    for (const output of outputs) if (output.type === 'takeSnapshot') this.isWorthwhile(before, output)
    const { role, currentTerm } = state.server
    if (role.type !== 'leader') return void this.leaders.delete(id)
    const known = this.leaders.get(id)
    const traffic = known?.term === currentTerm ? known : { term: currentTerm, to: new Map<NodeId, Sent>() }
    this.leaders.set(id, traffic)
    // Any answer opens the windows again.
    if (message.type === 'receive') traffic.to.delete(message.from)
    const { role: previous } = before.server
    const rounds = role.round - (previous.type === 'leader' && known === traffic ? previous.round : 0)
    const ticks = message.type === 'tick' ? 1 : 0
    const commits = state.server.commitIndex > before.server.commitIndex ? 1 : 0
    if (rounds + ticks + commits > 0)
      for (const { id: to } of role.progress) {
        const sent = sentTo(traffic, to)
        sent.rounds += rounds
        sent.ticks += ticks
        sent.commits += commits
      }
    for (const output of outputs)
      if (output.type === 'send') this.count(witness, sentTo(traffic, output.to), output.to, output.rpc)
  }

  private count({ id, state }: Witness, sent: Sent, to: NodeId, rpc: Rpc): void {
    const { inflightMessagesMax, inflightBytesMax, messageBytesMax } = state.options
    if (rpc.type === 'InstallSnapshot') sent.objects++
    else if (rpc.type === 'AppendEntries') {
      sent.messages++
      const bytes = rpc.entries.reduce((sum, entry) => sum + entry.bytes, 0)
      sent.bytes += bytes
      // A message may hold one entry above the limit; the last that fits may be of that kind.
      const bytesMax = inflightBytesMax + 2 * Math.max(messageBytesMax, bytes)
      if (sent.bytes > bytesMax) this.refute('bytes of entries to a silent follower keep to its window', id, to, sent)
    } else return
    const occasions = sent.ticks + sent.rounds + 2
    if (sent.messages > inflightMessagesMax + occasions + sent.commits)
      this.refute(
        'messages to a silent follower keep to its window, and to ticks, rounds and commitments',
        id,
        to,
        sent,
      )
    if (sent.objects > inflightMessagesMax + occasions)
      this.refute('snapshot objects to a silent follower keep to its window, and to ticks', id, to, sent)
  }

  private refute(claim: string, id: NodeId, to: NodeId, sent: Sent): void {
    this.judge.refute('COST', claim, { id, to, ...sent })
  }

  /** The compaction policy counts what no snapshot covers (section 7). */
  private isWorthwhile({ server, options, log }: RaftState, { snapshot }: TakeSnapshot): void {
    const entries = snapshot.lastIncludedIndex - server.snapshot.lastIncludedIndex
    const { snapshotEntries, snapshotBytes } = options
    const isLong = snapshotEntries > 0 && entries >= snapshotEntries
    if (!isLong && (snapshotBytes === 0 || log.bytes < snapshotBytes))
      this.judge.refute('COST', 'a snapshot is asked for when there is enough to cover', { id: server.id, entries })
  }
}

const sentTo = ({ to }: Traffic, id: NodeId): Sent => {
  const known = to.get(id)
  if (known !== undefined) return known
  const sent: Sent = { messages: 0, bytes: 0, objects: 0, ticks: 0, rounds: 0, commits: 0 }
  to.set(id, sent)
  return sent
}
