import type { Index, NodeId } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Send } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import { Logs } from './logs.ts'
import { MarkCounter } from './mark-counter.ts'
import { Tally } from './marks.ts'
import { checkDurableIndex, checkMonotone, checkRestart } from './monotone.ts'
import { Promises } from './promises.ts'
import { Reads } from './reads.ts'
import { Silence } from './silence.ts'
import { TrafficClaims } from './traffic.ts'
import { Transfers } from './transfers.ts'
import { ClaimViolation, Judge, type CheckName } from './violation.ts'
import { Votes } from './votes.ts'
import { Witness } from './witness.ts'

export interface GhostOptions {
  /** Counts what happens. */
  readonly tally?: Tally
  /** Only these claims count. Default: all. */
  readonly checks?: Iterable<CheckName> | null
  /** Messages come from a file: equal to what was sent, but not the same objects. Default false. */
  readonly isRead?: boolean
}

/** Of a step and of the one that its message came from. */
export interface Numbers {
  readonly i?: number | null
  readonly src?: number | null
}

/**
 * What a god would remember of a cluster: who ever led, who voted for whom, what was ever committed and what was
 * surely on which disk, over all lives of all servers. A fold over starts, steps and crashes, the very events of a
 * trace: simulator, properties, replay and shrinking all ask the same ghost. Every method throws a ClaimViolation at
 * the first claim that does not hold. Its cost is that of what a step changes.
 */
export class Ghost {
  private readonly witnesses = new Map<NodeId, Witness>()
  /** For further claims about the same history. */
  readonly judge: Judge
  private readonly votes: Votes
  private readonly logs: Logs
  private readonly transfers: Transfers
  private readonly promises: Promises
  private readonly counter: MarkCounter
  private readonly reads: Reads
  private readonly silence: Silence
  private readonly traffic: TrafficClaims

  constructor({ tally = new Tally(), checks = null, isRead = false }: GhostOptions = {}) {
    this.judge = new Judge(checks)
    this.promises = new Promises(isRead)
    this.votes = new Votes(this.judge)
    this.logs = new Logs(this.judge, this.witnesses)
    this.transfers = new Transfers(this.judge)
    this.reads = new Reads(this.judge)
    this.silence = new Silence(this.judge)
    this.traffic = new TrafficClaims(this.judge)
    this.counter = new MarkCounter(tally, this.witnesses, this.votes)
  }

  /** A ghost that knows nothing but how these servers are now: for when somebody put a state in place by hand. */
  static of(states: Iterable<RaftState>, options: GhostOptions = {}): Ghost {
    const ghost = new Ghost(options)
    for (const state of states) ghost.start(state)
    return ghost
  }

  /** The highest index that was ever committed anywhere. */
  get commitMax(): Index {
    return this.logs.commitMax
  }

  /** What was committed at an index; null where nobody has yet, or before anybody looked. */
  committedAt(index: Index) {
    return this.logs.committedAt(index)
  }

  /** A server is born, or comes back as its disk remembers it. */
  start(state: RaftState): void {
    const known = this.witnesses.get(state.server.id)
    const witness = known ?? new Witness(state)
    if (known === undefined) this.witnesses.set(witness.id, witness)
    else {
      checkRestart(this.judge, known, state)
      const next = new Witness(state)
      known.state = state
      known.durable = next.durable
      known.fed = next.fed
      known.isUp = true
      this.counter.restarted(known)
      if (state.server.receiving === null) known.receptions.clear()
    }
    this.logs.started(witness)
    this.reads.started(witness)
    this.traffic.started(witness)
    this.silence.started(witness, known !== undefined)
    if (state.server.role.type !== 'leader') return
    this.votes.led(witness)
    this.logs.led(witness)
  }

  crash(id: NodeId): void {
    const witness = this.witnesses.get(id)
    if (witness !== undefined) witness.isUp = false
  }

  /**
   * One step: `step(before, message)` gave `after` and `outputs`, which nobody has carried out yet. Where steps are
   * numbered, `i` is this one's number, and `src` that of the step which sent the message.
   */
  step(
    before: RaftState,
    message: Message,
    after: RaftState,
    outputs: readonly Output[],
    { i = null, src = null }: Numbers = {},
  ): void {
    const witness = this.witnesses.get(before.server.id)
    if (witness === undefined) throw new ClaimViolation('STR', 'who takes a step was started', { id: before.server.id })
    if (message.type === 'receive') this.hear(message.from, { type: 'send', to: witness.id, rpc: message.rpc }, src)
    if (message.type === 'saved') this.complete(witness, message.sequence)
    if (message.type === 'receive') this.votes.heard(witness, before, message, this.witnesses.has(message.from))
    witness.state = after
    // A read sees what was committed before this step.
    const floor = this.commitMax
    checkMonotone(this.judge, before, after)
    this.votes.answered(before, message, outputs)
    this.silence.step(witness, before, message, outputs)
    this.traffic.step(witness, before, message, outputs)
    const { server } = after
    if (server.role.type === 'leader' && before.server.role.type !== 'leader') {
      this.votes.led(witness)
      this.votes.won(witness)
      this.logs.led(witness)
    }
    if (message.type === 'snapshotTaken') {
      witness.durable.taken(message.index, server)
      this.logs.labelled(after, server.snapshot)
    }
    if (isInstallRejected(before, after, message)) witness.fed = before.server.applyingIndex
    if (server.commitIndex > before.server.commitIndex) this.logs.advanced(witness, before)
    this.reads.step(witness, before, message, outputs, floor)
    for (const output of outputs) this.perform(witness, before, output, i)
    this.logs.matched(witness, before)
    if (server.durableIndex !== before.server.durableIndex) checkDurableIndex(this.judge, witness)
    this.counter.step(witness, before, message, outputs)
  }

  private hear(from: NodeId, send: Send, src: number | null): void {
    const sender = this.witnesses.get(from)
    const sequence = sender === undefined ? null : this.promises.heard(sender, send, src)
    if (sender !== undefined && sequence !== null) this.complete(sender, sequence)
  }

  private complete(witness: Witness, sequence: number): void {
    for (const send of witness.durable.complete(sequence)) this.release(witness, send)
  }

  private release(witness: Witness, send: Send): void {
    this.promises.left(witness, send)
    this.votes.released(witness, send)
  }

  private perform(witness: Witness, before: RaftState, output: Output, i: number | null): void {
    switch (output.type) {
      case 'save':
        this.logs.wrote(witness, before, output)
        witness.durable.enqueue(output, i)
        return
      case 'send':
        if (output.rpc.type === 'InstallSnapshot') this.transfers.sending(output.rpc)
        return this.release(witness, output)
      case 'apply':
        for (const entry of output.entries) {
          this.feed(witness, entry.index)
          this.logs.applied(witness, entry)
        }
        return
      case 'takeSnapshot':
        witness.durable.ask(output.snapshot)
        return this.logs.labelled(witness.state, output.snapshot)
      case 'saveObject':
        return this.transfers.receiving(witness, output)
      case 'installSnapshot':
        this.transfers.installing(witness, output.snapshot)
        return this.install(witness, output.snapshot.lastIncludedIndex)
      case 'readReady':
      case 'readObject':
      case 'transferEnded':
      case 'accepted':
      case 'refused':
      case 'note':
        return
    }
  }

  private feed(witness: Witness, index: Index): void {
    if (index !== witness.fed + 1)
      this.judge.refute('AIO', 'entries are applied in order, each once', { id: witness.id, index, at: witness.fed })
    witness.fed = index
  }

  private install(witness: Witness, index: Index): void {
    if (index <= witness.fed)
      this.judge.refute('AIO', 'a state machine never goes back', { id: witness.id, index, at: witness.fed })
    witness.fed = index
  }
}

/** The state machine is where it was before it was asked: nothing is handed out meanwhile. */
const isInstallRejected = (before: RaftState, after: RaftState, { type }: Message): boolean =>
  type === 'objectRejected' &&
  before.server.receiving?.phase === 'install' &&
  after.server.receiving?.phase !== 'install'
