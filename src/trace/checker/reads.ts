import type { Index, NodeId } from '../../core/ids.ts'
import type { Message, ReadMode, RequestId } from '../../core/message.ts'
import type { Output } from '../../core/output.ts'
import type { Leader, RaftState } from '../../core/state.ts'
import { reachedByQuorum } from './quorum.ts'
import type { Judge } from './violation.ts'
import { inForce, type Witness } from './witness.ts'

interface Ask {
  readonly mode: ReadMode
  /** What was committed anywhere when the read came. */
  readonly floor: Index
  /** The leader's latest round then: only a later one proves anything for this read. */
  readonly round: number
}

/** A leader's rounds within its term, counted from its messages and not from its own books. */
interface Rounds {
  readonly term: number
  /** Ticks since it became leader. */
  ticks: number
  /** The ticks at which each round began. */
  readonly began: Map<number, number>
  /** By follower: the latest round it answered, and the latest with a silence of a whole election timeout. */
  readonly answered: Map<NodeId, { round: number; silentRound: number }>
}

/**
 * Linearizable reads (section 8; thesis 6.4): READ. A quorum read is granted when a round that began after it is answered
 * by a quorum; a lease read while the latest round answered by a quorum is younger than the lease.
 */
export class Reads {
  private readonly judge: Judge
  /** Waiting reads by server and id, oldest first: an id may be used twice. */
  private readonly asks = new Map<NodeId, Map<RequestId, Ask[]>>()
  private readonly rounds = new Map<NodeId, Rounds>()

  constructor(judge: Judge) {
    this.judge = judge
  }

  /** A server starts. One that leads from its start on has rounds that were not watched. */
  started({ id }: Witness): void {
    this.asks.delete(id)
    this.rounds.delete(id)
  }

  step(witness: Witness, before: RaftState, message: Message, outputs: readonly Output[], commitMax: Index): void {
    this.count(witness, before, message)
    if (message.type === 'read') this.ask(witness, before, message, commitMax)
    for (const output of outputs)
      if (output.type === 'readReady') this.grant(witness, output.id, output.index)
      else if (output.type === 'refused') this.asks.get(witness.id)?.get(output.id)?.shift()
  }

  /** The latest round of a leader that a quorum has answered; null where its rounds were not watched. */
  ackedRound({ id, state }: Witness): number | null {
    const rounds = this.rounds.get(id)
    const { role } = state.server
    return rounds === undefined || role.type !== 'leader' ? null : quorumRound(state, role, rounds, 'round')
  }

  private count({ id, state }: Witness, before: RaftState, message: Message): void {
    const { role, currentTerm } = state.server
    const { role: previous } = before.server
    if (role.type !== 'leader') return void this.rounds.delete(id)
    const known = this.rounds.get(id)
    if (previous.type === 'leader' && known === undefined) return
    const rounds =
      known?.term === currentTerm ? known : { term: currentTerm, ticks: 0, began: new Map(), answered: new Map() }
    this.rounds.set(id, rounds)
    if (message.type === 'tick') rounds.ticks++
    if (previous.type === 'leader') this.hear(rounds, previous, before, message)
    for (let round = previous.type === 'leader' ? previous.round : 0; round < role.round; round++)
      rounds.began.set(round + 1, rounds.ticks)
  }

  /** An answer counts in the term in which it was given, and for a round that has begun. */
  private hear(rounds: Rounds, leader: Leader, { server, options }: RaftState, message: Message): void {
    if (message.type !== 'receive' || message.rpc.type !== 'AppendEntriesResponse') return
    const { from, rpc } = message
    if (rpc.term !== server.currentTerm || rpc.round > leader.round) return
    const known = rounds.answered.get(from) ?? { round: 0, silentRound: 0 }
    rounds.answered.set(from, known)
    known.round = Math.max(known.round, rpc.round)
    if ((rpc.silenceTicks ?? 0) >= options.electionTimeoutTicks)
      known.silentRound = Math.max(known.silentRound, rpc.round)
  }

  private ask(
    { id: server }: Witness,
    before: RaftState,
    read: Extract<Message, { type: 'read' }>,
    floor: Index,
  ): void {
    const { role } = before.server
    const asks = this.asks.get(server) ?? new Map<RequestId, Ask[]>()
    this.asks.set(server, asks)
    const ask: Ask = { mode: read.mode, floor, round: role.type === 'leader' ? role.round : 0 }
    const same = asks.get(read.id)
    // A lease read is answered at once: before an earlier one of the same name.
    if (same === undefined) asks.set(read.id, [ask])
    else if (read.mode === 'lease') same.unshift(ask)
    else same.push(ask)
  }

  private grant(witness: Witness, id: RequestId, index: Index): void {
    const { id: server, state } = witness
    const asked = this.asks.get(server)?.get(id)
    const ask = asked?.shift()
    if (asked?.length === 0) this.asks.get(server)?.delete(id)
    // Asked before anybody watched.
    if (ask === undefined) return
    const { floor } = ask
    if (index < floor)
      this.judge.refute('READ', 'a read sees everything that was committed before it was asked', {
        server,
        id,
        index,
        floor,
      })
    const rounds = this.rounds.get(server)
    const { role } = state.server
    if (rounds === undefined || role.type !== 'leader') return
    if (ask.mode === 'lease') return this.checkAge(witness, role, rounds, id)
    const acked = quorumRound(state, role, rounds, 'round')
    if (acked <= ask.round)
      this.judge.refute('READ', 'a quorum answers a round that began after the read', { server, id, acked, ask })
  }

  /** Thesis 6.4.1; the sum is explained in read-index.ts. */
  private checkAge({ id: server, state }: Witness, role: Leader, rounds: Rounds, id: RequestId): void {
    const { electionTimeoutTicks, leaseDriftTicks } = state.options
    if (role.progress.length === 0) return
    const round = quorumRound(state, role, rounds, 'silentRound')
    const age = rounds.ticks - (rounds.began.get(round) ?? -Infinity)
    if (age + 1 > electionTimeoutTicks - 1 - leaseDriftTicks)
      this.judge.refute('READ', 'a lease read is granted within the lease', { server, id, round, age })
  }
}

const quorumRound = (
  { server }: RaftState,
  { round }: Leader,
  { answered }: Rounds,
  kind: 'round' | 'silentRound',
): number =>
  reachedByQuorum(inForce(server), (voter) => (voter === server.id ? round : (answered.get(voter)?.[kind] ?? 0)))
