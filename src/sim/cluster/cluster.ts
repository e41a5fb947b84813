import { UsageError } from '../../core/assert.ts'
import { configurationOf, type Configuration } from '../../core/membership/configuration.ts'
import type { JsonValue } from '../../core/entry.ts'
import { nodeId, type NodeId } from '../../core/ids.ts'
import type { Replica, ReplicaMessage } from '../../machine/replica-state.ts'
import type { Range } from '../dice.ts'
import { DISK_DELAY, Engine, TICK_INTERVAL } from './engine.ts'
import type { DiskFault, Member, SimClusterOptions } from './member.ts'
import { checkRange, type NetworkOptions } from './network.ts'

export type { ClusterObserver, CrashReason, DiskFault, SimClusterOptions } from './member.ts'

const checkCounts = (counts: Readonly<Record<string, number>>, least: number): void => {
  for (const [name, value] of Object.entries(counts))
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(`${name} is a whole number, ${least} or more`, { [name]: value })
}

/**
 * A cluster in virtual time: replicas, a network that delays, loses, duplicates and splits, and disks that take their
 * time. Deterministic: what happens follows from the options and the calls.
 */
export class SimCluster<S, C extends JsonValue, R extends JsonValue> {
  readonly ids: readonly NodeId[]
  /** The first configuration. */
  readonly configuration: Configuration
  private readonly engine: Engine<S, C, R>

  /** @throws UsageError for options out of bounds. */
  constructor(options: SimClusterOptions<S, C, R>) {
    const { size, seed = 0, tickInterval = TICK_INTERVAL, diskDelay = DISK_DELAY } = options
    checkCounts({ size, tickInterval }, 1)
    checkRange('diskDelay', diskDelay)
    this.engine = new Engine(options)
    this.ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
    const configuration = options.configuration ?? configurationOf(this.ids)
    this.configuration = configuration
    for (const id of this.ids)
      this.engine.bear({ id, configuration, seed, options: { ...options.options, ...options.optionsOf?.(id) } })
  }

  /** The present virtual time. */
  get time(): number {
    return this.engine.now
  }

  /** How many messages the replicas have taken in so far. */
  get stepCount(): number {
    return this.engine.steps
  }

  /** How much is to happen yet: messages under way, writes, ticks and calls. */
  get eventCount(): number {
    return this.engine.queue.size
  }

  /** A node's replica; null while it is down. @throws UsageError for a node that does not exist. */
  replica(id: NodeId): Replica<S, R> | null {
    return this.member(id).replica
  }

  /** Who leads: of several that believe so, the one of the latest term; null when nobody does. */
  leader(): NodeId | null {
    let found: { readonly id: NodeId; readonly term: number } | null = null
    for (const { id, replica } of this.engine.members.values()) {
      const server = replica?.raft.server
      if (server?.role.type === 'leader' && server.currentTerm > (found?.term ?? 0))
        found = { id, term: server.currentTerm }
    }
    return found?.id ?? null
  }

  /** Hands a message to a node, `delay` units from now; a node that is down then never sees it. */
  submit(id: NodeId, message: ReplicaMessage, delay = 0): void {
    this.engine.queue.push(this.engine.now + delay, { type: 'submit', member: this.member(id), message })
  }

  /** Calls back `delay` units from now. */
  after(delay: number, run: () => void): void {
    this.engine.queue.push(this.engine.now + delay, { type: 'action', run })
  }

  /** See {@link Network.partition}. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.engine.network.partition(groups)
  }

  /** Cuts one direction between two nodes; see {@link Network.cut}. */
  cut(from: NodeId, to: NodeId): void {
    this.engine.network.cut(from, to)
  }

  /** One direction between two nodes holds back, for so long, what is sent on it. */
  clog(from: NodeId, to: NodeId, duration: number): void {
    this.engine.network.clog(from, to, this.engine.now + duration)
  }

  heal(): void {
    this.engine.network.heal()
  }

  /** Another network from now on. @throws UsageError for options out of bounds. */
  changeNetwork(options: Partial<NetworkOptions>): void {
    this.engine.network.change(options)
  }

  /** Another clock for a node: units of virtual time between its ticks. */
  changeClock(id: NodeId, tickInterval: number): void {
    checkCounts({ tickInterval }, 1)
    this.member(id).tickInterval = tickInterval
  }

  /** Another disk for a node; writes under way finish as they would have. */
  changeDisk(id: NodeId, delay: Range): void {
    checkRange('delay', delay)
    this.member(id).diskDelay = delay
  }

  /** Another machine for a node, as to its time; work under way ends as it would have. Only of machines that take time. */
  changeMachine(id: NodeId, delay: Range): void {
    checkRange('delay', delay)
    const member = this.member(id)
    if (member.machineDelay !== null) member.machineDelay = delay
  }

  /**
   * Its next write fails, and the node stops: nothing leaves that rests on it. A disk that is full leaves nothing of the
   * write, and a snapshot of the node's own is only given up. One that fails may leave all of it, or some sectors. Null
   * mends the disk.
   */
  failDisk(id: NodeId, fault: DiskFault | null): void {
    this.member(id).diskFault = fault
  }

  /** A node stands still: it takes nothing in until `resume`. */
  pause(id: NodeId): void {
    const member = this.member(id)
    member.held ??= []
  }

  /** It goes on with the ticks that have come due meanwhile, then with everything that came, in order. */
  resume(id: NodeId): void {
    const member = this.member(id)
    if (member.held !== null) this.engine.resume(member)
  }

  /** A node is told to campaign, whatever its timer says. */
  campaign(id: NodeId): void {
    this.submit(id, { type: 'campaign' })
  }

  /** Stops a node at once. Of the writes under way some may be on its disk, as if it had died a little later. */
  crash(id: NodeId): void {
    this.engine.kill(this.member(id), 'killed')
  }

  /** Stops a node after so many outputs of its next step that has any; null: not after all. */
  crashWithin(id: NodeId, outputs: number | null): void {
    if (outputs !== null) checkCounts({ outputs }, 0)
    this.member(id).fuse = outputs
  }

  /** Starts a node that is down, from its disk. */
  restart(id: NodeId): void {
    const member = this.member(id)
    if (member.replica === null) this.engine.revive(member)
  }

  /** Lets time pass. */
  advance(by: number): void {
    this.runUntil(() => false, by)
  }

  /** Lets time pass until something is so, for at most `by` units. Returns whether it is. */
  runUntil(holds: () => boolean, by: number): boolean {
    const end = this.engine.now + by
    while (!holds()) {
      if (this.engine.queue.nextTime > end) {
        this.engine.now = end
        return false
      }
      this.engine.now = this.engine.queue.nextTime
      const event = this.engine.queue.pop()
      if (event !== undefined) this.engine.happen(event)
    }
    return true
  }

  private member(id: NodeId): Member<S, R> {
    const member = this.engine.members.get(id)
    if (member === undefined) throw new UsageError('the node belongs to the cluster', { id })
    return member
  }
}
