import { drawInteger } from '../../../core/random.ts'
import type { Options } from '../../../core/config.ts'
import { nextTerm, type NodeId, type Term } from '../../../core/ids.ts'
import type { Rpc } from '../../../core/rpc.ts'
import type { KvState } from '../../../machine/kv/kv.ts'
import { promised } from '../../storage/disk-queue.ts'
import type { NodeOutput } from '../../node.ts'
import { openNode, type Command, type Context, type KvNode, type KvReplica, type Result } from '../context.ts'
import { ERROR, RequestError } from '../envelope.ts'
import { Later, ended } from './later.ts'
import { ORACLE, asLeader, peersAgree, peersOf, refusalIn, type Told } from './oracle.ts'
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

/** Virtual time is counted in whole microseconds: fractions of a millisecond would not add up. */
const TICK_MICROS = TICK_MS * 1000

/** The last command of a proposal, applied. */
export interface Done {
  readonly index: number
  readonly result: Result
}

interface Proposal {
  /** Whether it changes the state: then nothing but its result says that it did not happen. */
  readonly isWrite: boolean
  readonly done: Later<Done>
}

/**
 * The course's node: one replica under a clock that only the client moves. Requests are handled one at a time; an answer
 * that waits for a commit stays open (see {@link Later}), and the requests after it go on.
 */
export class CourseHost {
  readonly context: Context
  readonly node: KvNode
  readonly peers: Peers
  /** What get_state shows: the role, or the machine's state after requests that were about it. */
  view: 'role' | 'applied' | 'seeded' = 'role'
  /** Whether the client speaks Maelstrom's key-value dialect too. */
  sawCas = false
  /** The term in which an oracle made this node leader: while it leads it speaks for the other nodes too. */
  private vouchedTerm: Term | null = null
  private virtualMicros = 0
  private heardMicros = 0
  private seed: number
  private nextId = 0
  private readonly proposals = new Map<number, Proposal>()
  /** The latest write. When it has ended, so has every one before it, which has a lower index. */
  private lastWrite: Later<Done> | null = null
  private readonly readings = new Map<number, Later<number>>()

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

  /** The node that leads as far as this one knows; null when none is known. The oracle is no node. */
  get leaderId(): NodeId | null {
    const { leaderId } = this.replica.raft.server
    return leaderId === ORACLE ? null : leaderId
  }

  /** Milliseconds of virtual time since a leader was last heard of, or since the start. */
  get stalenessMs(): number {
    return this.isLeader ? 0 : (this.virtualMicros - this.heardMicros) / 1000
  }

  /** Resolves once everything so far is durable. */
  durable(): Promise<void> {
    return promised((callback) => this.node.whenDurable(callback))
  }

  /** Resolves once nothing is under way to the disk, snapshots included. */
  idle(): Promise<void> {
    return promised((callback) => this.node.whenIdle(callback))
  }

  /** Puts what an oracle vouches for in place of the node's state. Reads under way were the earlier state's. */
  adopt({ replica, outputs }: Told): void {
    this.node.replace(replica)
    this.peers.forget()
    if (replica.raft.server.leaderId === ORACLE) this.heardMicros = this.virtualMicros
    for (const output of outputs) if (output.type === 'completed' || output.type === 'lost') this.observe(output)
    this.endReadings('the state was replaced')
  }

  /** An oracle makes this node leader of the term. @throws RequestError when the term is in the past. */
  vouch(term: Term): void {
    const { currentTerm } = this.replica.raft.server
    if (!this.isLeader || term !== currentTerm) this.adopt(asLeader(this.replica, term))
    this.vouchedTerm = term
  }

  /** Lets virtual time pass: whole ticks, the rest counts towards the next one. The disk takes none of it. */
  async wait(milliseconds: number): Promise<void> {
    const until = this.virtualMicros + Math.round(milliseconds * 1000)
    let tick = (Math.floor(this.virtualMicros / TICK_MICROS) + 1) * TICK_MICROS
    for (; tick <= until; tick += TICK_MICROS) {
      this.virtualMicros = tick
      this.node.deliver({ type: 'tick' })
      if (this.node.isBusy) await this.durable()
    }
    this.virtualMicros = until
  }

  /** A time to wait before an election, in milliseconds, drawn as the core draws its own. */
  drawElectionTimeout(): number {
    const [timeout, seed] = drawInteger(this.seed, 150, 301)
    this.seed = seed
    return timeout
  }

  /**
   * Hands a peer's RPC to the core; resolves with the answer, once the promises in it are durable.
   * @throws RequestError when the core would ignore it: it never gets there, and changes nothing.
   */
  async ask(from: NodeId, rpc: Rpc): Promise<Rpc> {
    const refusal = refusalIn(this.replica, { type: 'receive', from, rpc })
    if (refusal !== null) throw new RequestError(ERROR.preconditionFailed, `refused: ${refusal}`)
    const answer = this.peers.answerTo(from)
    this.node.deliver({ type: 'receive', from, rpc })
    await this.durable()
    const given = answer()
    if (given === null) throw new RequestError(ERROR.preconditionFailed, 'the request was ignored')
    // Only the leader of the present term counts as heard.
    if (rpc.type === 'AppendEntries' && given.term === rpc.term) this.heardMicros = this.virtualMicros
    return given
  }

  /** Makes this node leader where the course takes it for granted: alone by an election, among others by the oracle. */
  async lead(mayVouch: boolean): Promise<void> {
    const { isAlone, leaderId } = this
    if (this.isLeader) return
    if (isAlone) this.node.deliver({ type: 'campaign' })
    else if (mayVouch) this.vouch(nextTerm(this.replica.raft.server.currentTerm))
    else {
      const hint = leaderId === null ? 'no leader is known' : `the leader is ${leaderId}`
      throw new RequestError(ERROR.temporarilyUnavailable, `this node does not lead; ${hint}`)
    }
    await this.durable()
  }

  /** Proposes commands that change the state; what comes of the last is known when it is applied. */
  write(...commands: readonly Command[]): Promise<Later<Done>> {
    return this.propose(true, commands)
  }

  /** Reads a key by an entry of the log. */
  readByLog(key: string): Promise<Later<Done>> {
    return this.propose(false, [{ type: 'direct', command: { op: 'get', key } }])
  }

  /**
   * Makes sure that the machine's state is linearizable to read; the result is the index that it was proven for. What an
   * earlier term left is committed first, by an entry of this one (section 8). Writes requested before are awaited: a
   * client that asks for a write and then for a read finds it.
   */
  async linearizable(): Promise<Later<number>> {
    const { server, log } = this.replica.raft
    const isOfTerm = log.lastTerm === server.currentTerm
    const isCommitted = log.lastIndex === server.commitIndex
    const { lastWrite } = this
    // Trusted, a leader whose log is all committed has nothing to prove; elected in earnest, it needs an entry of its term.
    const needsEntry = !isOfTerm && !(isCommitted && this.isTrusted)
    const applied = (): number => this.replica.raft.server.lastApplied
    const awaited = (): Later<null> => (lastWrite === null ? Later.of(null) : ended(lastWrite))
    if (needsEntry) return (await this.readByLog('')).andThen(awaited).map(applied)
    this.speakForPeers()
    await this.durable()
    const read = this.confirm()
    return lastWrite?.isOpen === true ? read.andThen(awaited).map(applied) : read
  }

  /** No more lines will come. A write that is open may still take effect elsewhere; a read did not take place. */
  giveUp(): void {
    for (const [id, { isWrite, done }] of [...this.proposals]) {
      this.proposals.delete(id)
      done.settle({ error: isWrite ? uncertain('the input has ended') : unread('the input has ended') })
    }
    this.endReadings('the input has ended')
  }

  private get isAlone(): boolean {
    return peersOf(this.replica.raft).length === 0
  }

  /** Whether the other nodes follow by the oracle's word, or there are none. */
  private get isTrusted(): boolean {
    return this.isAlone || (this.isLeader && this.vouchedTerm === this.replica.raft.server.currentTerm)
  }

  private async propose(isWrite: boolean, commands: readonly Command[]): Promise<Later<Done>> {
    const id = this.nextId++
    const done = new Later<Done>()
    this.proposals.set(id, { isWrite, done })
    try {
      this.node.deliver({ type: 'propose', id, commands })
    } catch (error) {
      this.proposals.delete(id)
      throw error
    }
    // One that was refused at once says nothing about those before it.
    if (isWrite && done.isOpen) this.lastWrite = done
    await this.durable()
    this.speakForPeers()
    return done
  }

  /** A round of heartbeats proves that this node still leads. Before anything of the term there is nothing to prove. */
  private confirm(): Later<number> {
    const { log, server } = this.replica.raft
    if (log.lastTerm !== server.currentTerm) return Later.of<number>(server.lastApplied)
    const id = this.nextId++
    const reading = new Later<number>()
    this.readings.set(id, reading)
    this.node.deliver({ type: 'read', id, mode: 'quorum' })
    this.speakForPeers()
    return reading
  }

  /** Where an oracle vouches for the leader, its peers are taken to follow. */
  private speakForPeers(): void {
    if (this.isTrusted) for (const message of peersAgree(this.replica)) this.node.deliver(message)
  }

  private observe(output: NodeOutput<Result>): void {
    if (output.type === 'completed') {
      const result = output.results[output.results.length - 1]
      const index = output.firstIndex + output.results.length - 1
      if (result !== undefined) this.take(output.id)?.done.settle({ value: { index, result } })
    } else if (output.type === 'readable') this.takeReading(output.id)?.settle({ value: output.index })
    else if (output.type === 'refused' || output.type === 'lost') this.refuse(output.id, output.reason)
  }

  /** A definite error only where the operation did not and will not happen. */
  private refuse(id: number | string, reason: string): void {
    const proposal = this.take(id)
    const isUncertain = proposal?.isWrite === true && reason === 'unknown'
    proposal?.done.settle({ error: isUncertain ? uncertain(reason) : unread(reason) })
    this.takeReading(id)?.settle({ error: unread(reason) })
  }

  private endReadings(reason: string): void {
    for (const id of [...this.readings.keys()]) this.takeReading(id)?.settle({ error: unread(reason) })
  }

  private take(id: number | string): Proposal | undefined {
    const proposal = this.proposals.get(Number(id))
    this.proposals.delete(Number(id))
    return proposal
  }

  private takeReading(id: number | string): Later<number> | undefined {
    const reading = this.readings.get(Number(id))
    this.readings.delete(Number(id))
    return reading
  }
}

const uncertain = (reason: string): RequestError =>
  new RequestError(ERROR.timeout, `what becomes of the operation is not known: ${reason}`)

const unread = (reason: string): RequestError =>
  new RequestError(ERROR.temporarilyUnavailable, `the operation was not carried out: ${reason}`)
