import { drawInteger } from '../../../core/random.ts'
import type { Options } from '../../../core/config.ts'
import { nextTerm, type NodeId } from '../../../core/ids.ts'
import type { Rpc } from '../../../core/rpc.ts'
import type { KvCommand, KvState } from '../../../machine/kv.ts'
import type { NodeOutput } from '../../node.ts'
import { openNode, type Command, type Context, type KvNode, type KvReplica, type Result } from '../context.ts'
import { ERROR, RequestError } from '../envelope.ts'
import { asLeader, peersAgree, peersOf } from './oracle.ts'
import { Peers } from './peers.ts'

/** A tick of the virtual clock, in milliseconds; elections time out after 150–300 of them, as the course says. */
export const TICK_MS = 10

/** Exact indices, no rounds before an election, and a leader that stays one: the course's model. */
const COURSE_OPTIONS: Partial<Options> = {
  electionTimeoutTicks: 15,
  heartbeatTicks: 10,
  preVote: false,
  checkQuorum: false,
  noopOnElection: false,
  snapshotEntries: 0,
  snapshotBytes: 0,
  trailingEntries: 0,
}

type Settled<T> = { readonly resolve: (value: T) => void; readonly reject: (error: RequestError) => void }

/**
 * The course's node: one replica under a clock that only the client moves. Requests come one at a time, each after
 * the answer to the one before.
 */
export class CourseHost {
  readonly context: Context
  readonly node: KvNode
  readonly peers: Peers
  /** What get_state shows: the role, or the machine's state after requests that were about it. */
  view: 'role' | 'applied' | 'seeded' = 'role'
  /** Whether the client speaks Maelstrom's key-value dialect too. */
  sawCas = false
  /** Whether an oracle made this node leader: then it speaks for the other nodes too. */
  private isVouched = false
  private virtualMs = 0
  private heardMs = 0
  private seed: number
  private nextId = 0
  private readonly completions = new Map<number, Settled<{ readonly index: number; readonly result: Result }>>()
  private readonly readings = new Map<number, Settled<number>>()
  private readonly observers = new Set<(output: NodeOutput<Result>) => void>()

  constructor(context: Context) {
    this.context = context
    this.seed = context.seed
    this.peers = new Peers(context)
    this.node = openNode(context, COURSE_OPTIONS, {
      send: (to, rpc) => this.peers.send(to, rpc),
      output: (output) => this.observe(output),
      // A course's client may say what no peer can: its request is refused, and the node goes on.
      toleratesContradictions: true,
    })
  }

  get replica(): KvReplica {
    return this.node.replica
  }

  get state(): KvState {
    return this.replica.machine.machine
  }

  get isLeader(): boolean {
    return this.replica.raft.server.role.type === 'leader'
  }

  /** Milliseconds of virtual time since a leader was last heard of, or since the start. */
  get stalenessMs(): number {
    return this.isLeader ? 0 : this.virtualMs - this.heardMs
  }

  /** Resolves once everything so far is durable. */
  durable(): Promise<void> {
    return new Promise((resolve) => this.node.whenDurable(resolve))
  }

  /** Resolves once nothing is under way to the disk, snapshots included. */
  idle(): Promise<void> {
    return new Promise((resolve) => this.node.whenIdle(resolve))
  }

  /** Puts what an oracle vouches for in place of the node's state. */
  adopt(replica: KvReplica): void {
    this.node.replace(replica)
  }

  /** An oracle made this node leader of the term. */
  vouch(replica: KvReplica): void {
    this.adopt(replica)
    this.isVouched = true
  }

  /** Lets virtual time pass. */
  wait(milliseconds: number): void {
    const until = this.virtualMs + milliseconds
    for (; this.virtualMs + TICK_MS <= until; this.virtualMs += TICK_MS) this.node.deliver({ type: 'tick' })
    this.virtualMs = until
  }

  /** A time to wait before an election, in milliseconds, drawn as the core draws its own. */
  drawElectionTimeout(): number {
    const [timeout, seed] = drawInteger(this.seed, 150, 301)
    this.seed = seed
    return timeout
  }

  /** Hands a peer's RPC to the core; resolves with the answer, once the promises in it are durable. */
  async ask(from: NodeId, rpc: Rpc): Promise<Rpc> {
    this.isVouched = false
    if (rpc.type === 'AppendEntries') this.heardMs = this.virtualMs
    const answer = this.peers.answerTo(from)
    this.watchingIgnored(() => this.node.deliver({ type: 'receive', from, rpc }))
    await this.durable()
    const given = answer()
    if (given === null) throw new RequestError(ERROR.preconditionFailed, 'the request was ignored')
    return given
  }

  /** Runs an action; what the core ignores meanwhile is refused to the requester. */
  private watchingIgnored(action: () => void): void {
    const reasons: string[] = []
    const observer = (output: NodeOutput<Result>): void => {
      if (output.type !== 'note') return
      if (output.event === 'ignored') reasons.push(output.reason)
      else if (output.event === 'contradiction') reasons.push(output.contradiction)
    }
    this.observers.add(observer)
    action()
    this.observers.delete(observer)
    if (reasons.length > 0) throw new RequestError(ERROR.preconditionFailed, `refused: ${reasons.join(', ')}`)
  }

  /** Makes this node leader where the course takes it for granted: alone by an election, among others by the oracle. */
  async lead(mayVouch: boolean): Promise<void> {
    const { raft } = this.replica
    if (this.isLeader) return
    if (peersOf(raft).length === 0) this.node.deliver({ type: 'campaign' })
    else if (mayVouch) this.vouch(asLeader(this.replica, nextTerm(raft.server.currentTerm)))
    else {
      const { leaderId } = raft.server
      const hint = leaderId === null ? 'no leader is known' : `the leader is ${leaderId}`
      throw new RequestError(ERROR.temporarilyUnavailable, `this node does not lead; ${hint}`)
    }
    await this.durable()
  }

  /** Proposes commands, and resolves with the index and the result of the last when it is applied. */
  async propose(...commands: readonly Command[]): Promise<{ readonly index: number; readonly result: Result }> {
    const id = this.nextId++
    const completion = new Promise<{ readonly index: number; readonly result: Result }>((resolve, reject) =>
      this.completions.set(id, { resolve, reject }),
    )
    this.node.deliver({ type: 'propose', id, commands })
    await this.durable()
    this.speakForPeers()
    return completion
  }

  /** As {@link propose}, for a command without a session. */
  proposeDirect(command: KvCommand): Promise<{ readonly index: number; readonly result: Result }> {
    return this.propose({ type: 'direct', command })
  }

  /**
   * Makes sure that the machine's state is linearizable to read; returns the index it was proven for. What an earlier
   * term left is committed first, by an entry of this one (section 8). A leader whose log is applied to its end, and
   * who has proposed nothing yet, has nothing to wait for.
   */
  async linearizable(): Promise<number> {
    const { server, log } = this.replica.raft
    if (log.lastIndex > server.commitIndex && log.lastTerm < server.currentTerm)
      await this.proposeDirect({ op: 'get', key: '' })
    this.speakForPeers()
    await this.durable()
    const now = this.replica.raft
    if (now.log.lastTerm !== now.server.currentTerm) return now.server.lastApplied
    const id = this.nextId++
    const reading = new Promise<number>((resolve, reject) => this.readings.set(id, { resolve, reject }))
    this.node.deliver({ type: 'read', id, mode: 'quorum' })
    this.speakForPeers()
    return reading
  }

  /** Where an oracle vouches for the leader, its peers are taken to follow. */
  private speakForPeers(): void {
    if (this.isVouched && this.isLeader) for (const message of peersAgree(this.replica)) this.node.deliver(message)
  }

  private observe(output: NodeOutput<Result>): void {
    for (const observer of this.observers) observer(output)
    if (output.type === 'completed') {
      const result = output.results[output.results.length - 1]
      const index = output.firstIndex + output.results.length - 1
      if (result !== undefined) this.settle(this.completions, output.id, { index, result })
    } else if (output.type === 'readable') this.settle(this.readings, output.id, output.index)
    else if (output.type === 'refused' || output.type === 'lost') this.refuse(output.id, output.reason)
  }

  private settle<T>(waiting: Map<number, Settled<T>>, id: number | string, value: T): void {
    const settled = waiting.get(Number(id))
    waiting.delete(Number(id))
    settled?.resolve(value)
  }

  /** A definite error only where the operation did not and will not happen. */
  private refuse(id: number | string, reason: string): void {
    const code = reason === 'unknown' ? ERROR.timeout : ERROR.temporarilyUnavailable
    const error = new RequestError(code, `the operation was not carried out: ${reason}`)
    for (const waiting of [this.completions, this.readings]) {
      waiting.get(Number(id))?.reject(error)
      waiting.delete(Number(id))
    }
  }
}
