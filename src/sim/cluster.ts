import { UsageError, invariant, unreachable } from '../core/assert.ts'
import type { Options } from '../core/config.ts'
import { configurationOf } from '../core/configuration.ts'
import type { JsonValue } from '../core/entry.ts'
import { nodeId, type NodeId } from '../core/ids.ts'
import type { Rpc } from '../core/rpc.ts'
import type { Seed } from '../core/random.ts'
import type { Birth } from '../core/start.ts'
import { objectsOf } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import { createReplica, replicaStep, restartReplica } from '../machine/replica.ts'
import { captureAt, type Replica, type ReplicaMessage, type ReplicaOutput } from '../machine/replica-state.ts'
import { Dice, type Range } from './dice.ts'
import { SimDisk, type DiskWrite } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import { Network, checkRange, type NetworkOptions } from './network.ts'
import { checkReplicaStep } from './step-checks.ts'

export interface SimClusterOptions<S, C extends JsonValue, R extends JsonValue> {
  readonly machine: StateMachine<S, C, R>
  /** How many nodes, 1 or more; they are called n1, n2, … */
  readonly size: number
  /** Equal seeds give equal runs. Default 0. */
  readonly seed?: Seed
  /** Of every server; the core's defaults otherwise. */
  readonly options?: Partial<Options>
  /** Units of virtual time between the ticks of a server. Each server has a phase of its own. Default 10. */
  readonly tickInterval?: number
  readonly network?: Partial<NetworkOptions>
  /** How long a write takes until it is durable. Those under way at the same time share a write. Default 0 to 4. */
  readonly diskDelay?: Range
  /** Check the invariants of every step; about five times slower. Default false. */
  readonly checked?: boolean
  /**
   * Sees every output, in order, before it is carried out. The node's replica is the one after the step. It may
   * call any method but those that let time pass.
   */
  readonly onOutput?: (id: NodeId, output: ReplicaOutput<R>) => void
}

interface Member<S, R> {
  readonly birth: Birth
  readonly id: NodeId
  readonly disk: SimDisk
  /** Null while it is down. */
  replica: Replica<S, R> | null
  /** Counts restarts: what an earlier life set going is none of a later one's business. */
  life: number
  /** When the latest write under way will be durable: none overtakes another. */
  diskBusyUntil: number
}

type SimEvent<S, R> =
  | { readonly type: 'tick' | 'written'; readonly member: Member<S, R>; readonly life: number }
  | { readonly type: 'rpc'; readonly from: NodeId; readonly to: Member<S, R>; readonly rpc: Rpc }
  | { readonly type: 'submit'; readonly to: Member<S, R>; readonly message: ReplicaMessage }
  | { readonly type: 'action'; readonly run: () => void }

/**
 * A cluster in virtual time: replicas, a network that delays, loses, duplicates and splits, and disks that take their
 * time. Deterministic: what happens follows from the options and the calls.
 */
export class SimCluster<S, C extends JsonValue, R extends JsonValue> {
  readonly ids: readonly NodeId[]
  private readonly options: SimClusterOptions<S, C, R>
  private readonly tickInterval: number
  private readonly diskDelay: Range
  private readonly network: Network
  private readonly dice: Dice
  private readonly queue = new EventQueue<SimEvent<S, R>>()
  private readonly members: ReadonlyMap<NodeId, Member<S, R>>
  private now = 0
  private steps = 0

  /** @throws UsageError for options out of bounds. */
  constructor(options: SimClusterOptions<S, C, R>) {
    const { size, seed = 0, tickInterval = 10, diskDelay = { least: 0, most: 4 } } = options
    for (const [name, value] of Object.entries({ size, tickInterval }))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new UsageError(`${name} is a whole number, 1 or more`, { [name]: value })
    checkRange('diskDelay', diskDelay)
    this.options = options
    this.tickInterval = tickInterval
    this.diskDelay = diskDelay
    this.network = new Network(options.network ?? {}, seed)
    this.dice = new Dice('cluster', seed)
    this.ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
    const configuration = configurationOf(this.ids)
    this.members = new Map(
      this.ids.map((id) => [id, this.born({ id, configuration, seed, options: options.options ?? {} })]),
    )
  }

  /** The present virtual time. */
  get time(): number {
    return this.now
  }

  /** How many messages the replicas have taken in so far. */
  get stepCount(): number {
    return this.steps
  }

  /** A node's replica; null while it is down. @throws UsageError for a node that does not exist. */
  replica(id: NodeId): Replica<S, R> | null {
    return this.member(id).replica
  }

  /** Who leads: of several that believe so, the one of the latest term; null when nobody does. */
  leader(): NodeId | null {
    let found: { readonly id: NodeId; readonly term: number } | null = null
    for (const { id, replica } of this.members.values()) {
      const server = replica?.raft.server
      if (server?.role.type === 'leader' && server.currentTerm > (found?.term ?? 0))
        found = { id, term: server.currentTerm }
    }
    return found?.id ?? null
  }

  /** Hands a message to a node, `delay` units from now; a node that is down then never sees it. */
  submit(id: NodeId, message: ReplicaMessage, delay = 0): void {
    this.queue.push(this.now + delay, { type: 'submit', to: this.member(id), message })
  }

  /** Calls back `delay` units from now. */
  after(delay: number, run: () => void): void {
    this.queue.push(this.now + delay, { type: 'action', run })
  }

  /** See {@link Network.partition}. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.network.partition(groups)
  }

  heal(): void {
    this.network.heal()
  }

  /** Stops a node at once. Of the writes under way some may be on its disk, as if it had died a little later. */
  crash(id: NodeId): void {
    const member = this.member(id)
    if (member.replica === null) return
    member.replica = null
    member.life++
    member.disk.crash(this.dice.integer(0, member.disk.waitingCount + 1))
  }

  /** Starts a node that is down, from its disk. */
  restart(id: NodeId): void {
    const member = this.member(id)
    if (member.replica !== null) return
    const { remains, objects, received } = member.disk.read()
    const { options = {}, seed = 0 } = member.birth
    // Another life draws other deadlines.
    const again = { ...remains, options, seed: seed + member.life }
    member.replica = restartReplica(this.options.machine, again, objects, received)
    member.diskBusyUntil = this.now
    this.startTicking(member)
  }

  /** Lets time pass. */
  advance(by: number): void {
    this.runUntil(() => false, by)
  }

  /** Lets time pass until something is so, for at most `by` units. Returns whether it is. */
  runUntil(holds: () => boolean, by: number): boolean {
    const end = this.now + by
    while (!holds()) {
      if (this.queue.nextTime > end) {
        this.now = end
        return false
      }
      this.now = this.queue.nextTime
      const event = this.queue.pop()
      if (event !== undefined) this.happen(event)
    }
    return true
  }

  private born(birth: Birth): Member<S, R> {
    const replica = createReplica<S, C, R>(this.options.machine, birth)
    const member = { birth, id: birth.id, disk: new SimDisk(birth), replica, life: 0, diskBusyUntil: 0 }
    this.startTicking(member)
    return member
  }

  private startTicking(member: Member<S, R>): void {
    const phase = this.dice.integer(1, this.tickInterval + 1)
    this.queue.push(this.now + phase, { type: 'tick', member, life: member.life })
  }

  private member(id: NodeId): Member<S, R> {
    const member = this.members.get(id)
    if (member === undefined) throw new UsageError('the node belongs to the cluster', { id })
    return member
  }

  private happen(event: SimEvent<S, R>): void {
    switch (event.type) {
      case 'tick':
        if (event.life !== event.member.life) return
        this.queue.push(this.now + this.tickInterval, event)
        return this.step(event.member, { type: 'tick' })
      case 'written':
        if (event.life === event.member.life) this.finishWrite(event.member)
        return
      case 'rpc':
        if (this.network.reaches(event.from, event.to.id))
          this.step(event.to, { type: 'receive', from: event.from, rpc: event.rpc })
        return
      case 'submit':
        return this.step(event.to, event.message)
      case 'action':
        return event.run()
      default:
        return unreachable(event)
    }
  }

  private step(member: Member<S, R>, message: ReplicaMessage): void {
    const before = member.replica
    if (before === null) return
    this.steps++
    const [after, outputs] = replicaStep(this.options.machine, before, message)
    if (this.options.checked === true) checkReplicaStep(before, message, after)
    member.replica = after
    const { life } = member
    for (const output of outputs) {
      this.options.onOutput?.(member.id, output)
      // The observer may have crashed the node.
      if (member.life !== life) return
      this.perform(member, after, output)
    }
  }

  private perform(member: Member<S, R>, replica: Replica<S, R>, output: ReplicaOutput<R>): void {
    switch (output.type) {
      case 'send':
        return this.send(member.id, output.to, output.rpc)
      case 'save':
      case 'storeObject':
        return this.write(member, output)
      case 'saveSnapshot': {
        const { snapshot } = output
        const capture = captureAt(replica.captures, snapshot.lastIncludedIndex)
        invariant(capture !== null, 'a capture is kept until it is written')
        return this.write(member, {
          type: 'snapshot',
          snapshot,
          objects: () => objectsOf(this.options.machine, capture.state),
        })
      }
      case 'note':
      case 'accepted':
      case 'refused':
      case 'applied':
      case 'completed':
      case 'lost':
      case 'readable':
        return
      default:
        return unreachable(output)
    }
  }

  private send(from: NodeId, to: NodeId, rpc: Rpc): void {
    const member = this.members.get(to)
    if (member === undefined) return
    for (const delay of this.network.delays(from, to))
      this.queue.push(this.now + delay, { type: 'rpc', from, to: member, rpc })
  }

  private write(member: Member<S, R>, write: DiskWrite): void {
    member.disk.enqueue(write)
    member.diskBusyUntil = Math.max(member.diskBusyUntil, this.now + this.dice.within(this.diskDelay))
    this.queue.push(member.diskBusyUntil, { type: 'written', member, life: member.life })
  }

  /** What was promised on the write leaves, then the replica hears of it. */
  private finishWrite(member: Member<S, R>): void {
    const write = member.disk.complete()
    switch (write.type) {
      case 'save':
        for (const { to, rpc } of write.then) this.send(member.id, to, rpc)
        return this.step(member, { type: 'saved', sequence: write.sequence, lastIndex: write.lastIndex })
      case 'snapshot':
        return this.step(member, { type: 'snapshotTaken', index: write.snapshot.lastIncludedIndex })
      case 'storeObject':
        return
      default:
        return unreachable(write)
    }
  }
}
