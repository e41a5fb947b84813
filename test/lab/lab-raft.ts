import { UsageError, unreachable } from '../../src/core/assert.ts'
import type { Options } from '../../src/core/config.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, type NodeId } from '../../src/core/ids.ts'
import { checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import { termAt } from '../../src/core/log/log.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output, Save, Send } from '../../src/core/output.ts'
import { restart } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { DurableState } from './durable-state.ts'
import type { ClientEnd, Reply, Request, RpcServer } from './network.ts'
import type { Persister } from './persister.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Whole numbers below 2^53, or text. */
export type Command = number | string

/** What Raft tells the service, in order. */
export type ApplyMessage =
  | { readonly commandValid: true; readonly command: Command; readonly commandIndex: number }
  | {
      readonly snapshotValid: true
      readonly snapshot: string
      readonly snapshotTerm: number
      readonly snapshotIndex: number
    }

/** The core's `step`, or in a test of this harness a broken one. */
export type Reducer = (state: RaftState, message: Message) => readonly [RaftState, readonly Output[]]

/** What the lab's Go code takes from the language: a clock and chance; and how strictly to watch the core. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly seed: number
  /** Milliseconds from now to the first tick, so that servers do not tick in step. */
  readonly firstTick: number
  readonly reduce: Reducer
  /** Check every state and transition of the core. */
  readonly checks: boolean
  /** Told of every election that this server wins. */
  readonly elected: (term: number) => void
  readonly options: Partial<Options>
}

/** Milliseconds. */
export const TICK = 25

/** Heartbeats every 100 ms: the lab allows ten a second. Exact indices, so no blank entries; one blob a snapshot. */
export const LAB_OPTIONS: Partial<Options> = {
  electionTimeoutTicks: 12,
  heartbeatTicks: 4,
  noopOnElection: false,
  preVote: true,
  checkQuorum: true,
  snapshotEntries: 0,
  snapshotBytes: 0,
  trailingEntries: 0,
  snapshotObjectTimeoutTicks: 4,
  snapshotRetriesMax: 3,
}

const nameOf = (server: number): NodeId => nodeId(String(server))

/** Starts a peer from what its persister holds. Apply messages go to `applyChannel`, which must not call back. */
export const make = (
  peers: readonly ClientEnd[],
  me: number,
  persister: Persister,
  applyChannel: (message: ApplyMessage) => void,
  surroundings: Surroundings,
): LabRaft => new LabRaft(peers, me, persister, applyChannel, surroundings)

/** The lab's interface over the core's reducer: calls in, remote calls and apply messages out. */
export class LabRaft implements RpcServer {
  private readonly peers: readonly ClientEnd[]
  private readonly persister: Persister
  private readonly applyChannel: (message: ApplyMessage) => void
  private readonly surroundings: Surroundings
  private readonly durable: DurableState
  private readonly inbox: Message[] = []
  /** Blobs that are being sent, by transfer: the latest snapshot may move on meanwhile. */
  private readonly sending = new Map<number, string>()
  private state: RaftState
  /** Commands started in this instant, which become one proposal at its end. */
  private starting: { readonly term: number; readonly commands: Command[] } | null = null
  /** The peer whose request is being handled, and what it will be told. */
  private caller: NodeId | null = null
  private reply: Reply = null
  private received = ''
  private isKilled = false

  constructor(
    peers: readonly ClientEnd[],
    me: number,
    persister: Persister,
    applyChannel: (message: ApplyMessage) => void,
    surroundings: Surroundings,
  ) {
    this.peers = peers
    this.persister = persister
    this.applyChannel = applyChannel
    this.surroundings = surroundings
    this.durable = DurableState.read(persister)
    const { time, seed, firstTick, options } = surroundings
    const configuration = configurationOf(peers.map((_, peer) => nameOf(peer)))
    this.state = restart({ id: nameOf(me), options, seed, ...this.durable.remains(configuration) })
    time.after(firstTick, () => this.tick())
  }

  /** Asks for agreement on a command, and returns at once: the index and term it will have if it is ever committed. */
  start(command: Command): { readonly index: number; readonly term: number; readonly isLeader: boolean } {
    const { server, log } = this.state
    const term = server.currentTerm
    if (this.isKilled || server.role.type !== 'leader') return { index: -1, term, isLeader: false }
    if (this.starting === null) this.surroundings.time.after(0, () => this.proposeStarted())
    if (this.starting?.term !== term) this.starting = { term, commands: [] }
    this.starting.commands.push(command)
    return { index: log.lastIndex + this.starting.commands.length, term, isLeader: true }
  }

  getState(): { readonly term: number; readonly isLeader: boolean } {
    const { server } = this.state
    return { term: server.currentTerm, isLeader: !this.isKilled && server.role.type === 'leader' }
  }

  /**
   * The service has its state up to `at` in `blob`: the log before it may go. Older snapshots are ignored.
   * @throws UsageError when it says that it covers what was never applied.
   */
  snapshot(at: number, blob: string): void {
    if (this.isKilled || at <= this.durable.snapshotIndex) return
    const { server, log } = this.state
    const end = index(at)
    const term = termAt(log, end)
    if (term === null || end > server.lastApplied)
      throw new UsageError('a snapshot covers no more than what was applied', { at, lastApplied: server.lastApplied })
    // Durable first: the core drops nothing that is not covered.
    this.durable.takeSnapshot({ index: end, term }, blob)
    this.durable.writeTo(this.persister)
    this.take({ type: 'snapshotTaken', index: end })
  }

  persistBytes(): number {
    return this.persister.raftStateSize()
  }

  kill(): void {
    this.isKilled = true
  }

  /** Handles a request of a peer. Saves are synchronous, so the promise that is the reply can be given at once. */
  dispatch(from: number, request: Request): Reply {
    if (this.isKilled) return null
    this.caller = nameOf(from)
    this.reply = null
    this.take({ type: 'receive', from: this.caller, rpc: request })
    this.caller = null
    return this.reply
  }

  private tick(): void {
    if (this.isKilled) return
    this.surroundings.time.after(TICK, () => this.tick())
    this.take({ type: 'tick' })
  }

  private proposeStarted(): void {
    const { starting, state } = this
    this.starting = null
    const { role, currentTerm } = state.server
    // Deposed within the instant: what was started is lost, as it may be before it is committed.
    if (this.isKilled || starting === null || role.type !== 'leader' || currentTerm !== starting.term) return
    this.take({ type: 'propose', id: 0, commands: starting.commands })
  }

  /** Steps, and on through everything that this server answers itself. */
  private take(message: Message): void {
    const { reduce, checks } = this.surroundings
    this.inbox.push(message)
    for (let next = this.inbox.shift(); next !== undefined; next = this.inbox.shift()) {
      const [state, outputs] = reduce(this.state, next)
      if (checks) {
        checkTransition(this.state, next, state, outputs)
        checkState(state)
      }
      this.state = state
      for (const output of outputs) this.carryOut(output)
    }
  }

  private carryOut(output: Output): void {
    switch (output.type) {
      case 'save':
        return this.save(output)
      case 'send':
        return this.send(output)
      case 'apply': {
        for (const entry of output.entries)
          if (entry.type === 'command') this.deliver(entry.command as Command, entry.index)
        const last = output.entries.at(-1)
        if (last !== undefined) this.inbox.push({ type: 'applied', index: last.index })
        return
      }
      case 'readObject':
        return this.readObject(output)
      case 'transferEnded':
        this.sending.delete(output.transferId)
        return
      case 'saveObject': {
        const { transferId, objectId } = output
        this.received = output.data
        this.inbox.push({ type: 'objectSaved', transferId, objectId, nextObjectId: 1 })
        return
      }
      case 'installSnapshot':
        this.inbox.push({ type: 'snapshotInstalled', transferId: output.transferId })
        return
      case 'note':
        if (output.event === 'became' && output.role === 'leader') this.surroundings.elected(output.term)
        return
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'takeSnapshot':
        return
      default:
        return unreachable(output)
    }
  }

  private deliver(command: Command, commandIndex: number): void {
    this.applyChannel({ commandValid: true, command, commandIndex })
  }

  private save(save: Save): void {
    this.durable.carryOut(save, this.received)
    this.durable.writeTo(this.persister)
    for (const promise of save.then) this.send(promise)
    this.inbox.push({ type: 'saved', sequence: save.sequence, lastIndex: save.lastIndex })
    if (save.snapshot === null) return
    const { lastIncludedTerm: snapshotTerm, lastIncludedIndex: snapshotIndex } = save.snapshot
    this.applyChannel({ snapshotValid: true, snapshot: this.received, snapshotTerm, snapshotIndex })
  }

  /** The one object of a snapshot is its blob. */
  private readObject({ to, transferId, snapshot, objectId }: Extract<Output, { type: 'readObject' }>): void {
    const isLatest = snapshot.lastIncludedIndex === this.durable.snapshotIndex
    const data = this.sending.get(transferId) ?? (isLatest ? this.durable.snapshot : null)
    if (data === null) {
      this.inbox.push({ type: 'objectReadFailed', to, transferId, reason: 'a newer snapshot has replaced it' })
      return
    }
    this.sending.set(transferId, data)
    this.inbox.push({ type: 'objectRead', to, transferId, objectId, data, nextObjectId: null })
  }

  /** A request is a call of its own; a response is the reply to the request being handled, the last one counts. */
  private send({ to, rpc }: Send): void {
    switch (rpc.type) {
      case 'RequestPreVote':
      case 'RequestVote':
      case 'AppendEntries':
      case 'InstallSnapshot':
        this.peers[Number(to)]?.call(rpc, (result) => {
          // The core needs no word of failures: it sends again what is not answered.
          if (this.isKilled || !result.ok || result.reply === null) return
          this.take({ type: 'receive', from: to, rpc: result.reply })
        })
        return
      case 'RequestPreVoteResponse':
      case 'RequestVoteResponse':
      case 'AppendEntriesResponse':
      case 'InstallSnapshotResponse':
        if (to === this.caller) this.reply = rpc
        return
      default:
        return unreachable(rpc)
    }
  }
}
