import type { Options } from '../../src/core/config.ts'
import { step } from '../../src/core/step.ts'
import { Dice } from '../../src/sim/dice.ts'
import { LAB_OPTIONS, TICK, make, type ApplyMessage, type LabRaft, type Reducer } from './lab-raft.ts'
import { ClientEnd, LabNetwork } from './network.ts'
import { Persister } from './persister.ts'
import { LabService, type History } from './service.ts'
import { LabFailure, VirtualTime } from './virtual-time.ts'

export interface ClusterSettings {
  readonly size: number
  readonly isReliable: boolean
  readonly hasSnapshots: boolean
  readonly seed: number
  /** Check every state and transition of the core. Default true. */
  readonly checks?: boolean
  /** Default: the core's `step`. */
  readonly reduce?: Reducer
  readonly options?: Partial<Options>
}

/** A server's place in the cluster, with whatever incarnation lives or lived there last. */
interface Place {
  /** Null while it is shut down. */
  raft: LabRaft | null
  /** Stays readable until the next incarnation: what a dead server applied still counts. */
  service: LabService
  persister: Persister
  isConnected: boolean
  /** The current incarnation's ways to the others. */
  ends: readonly ClientEnd[]
}

/** The servers of one test, their lives, and the network between them (2025 semantics: a restart heals everything). */
export class LabCluster {
  readonly time = new VirtualTime()
  readonly network: LabNetwork
  readonly history: History = new Map()
  protected readonly dice: Dice
  private readonly settings: ClusterSettings
  private readonly births: Dice
  private readonly places: readonly Place[]
  /** Who won each term, in all incarnations. */
  private readonly leaders = new Map<number, number>()

  constructor(settings: ClusterSettings) {
    this.settings = settings
    const { seed, size, isReliable } = settings
    this.dice = new Dice('lab script', seed)
    this.births = new Dice('lab births', seed)
    this.network = new LabNetwork(this.time, new Dice('lab network', seed), size)
    this.network.isReliable = isReliable
    this.network.hasLongDelays = true
    this.places = Array.from({ length: size }, (_, at) => ({
      raft: null,
      service: new LabService(at, this.history, null),
      persister: new Persister(),
      isConnected: false,
      ends: [],
    }))
    for (let at = 0; at < size; at++) this.start(at)
    this.connectAll()
  }

  get size(): number {
    return this.settings.size
  }

  /** Every server's number. */
  get servers(): readonly number[] {
    return this.places.map((_, at) => at)
  }

  /** The Raft of a server; null when it is shut down. */
  raft(at: number): LabRaft | null {
    return this.place(at).raft
  }

  isConnected(at: number): boolean {
    return this.place(at).isConnected
  }

  service(at: number): LabService {
    return this.place(at).service
  }

  /** The largest persisted Raft state, without the snapshot. */
  logSize(): number {
    return Math.max(...this.places.map(({ persister }) => persister.raftStateSize()))
  }

  /** Requests received by all servers' current incarnations. */
  rpcs(): number {
    return this.servers.reduce((sum, at) => sum + this.network.countOf(at), 0)
  }

  /** Enables the ends between this server and every connected one. */
  connect(at: number): void {
    this.place(at).isConnected = true
    for (const other of this.servers) if (this.isConnected(other)) this.setEnds(at, other, true)
  }

  disconnect(at: number): void {
    this.place(at).isConnected = false
    for (const other of this.servers) this.setEnds(at, other, false)
  }

  connectAll(): void {
    for (const at of this.servers) this.connect(at)
  }

  /** A crash: what was not saved is lost, and the old incarnation's later writes reach a disk nobody reads. */
  shutdown(at: number): void {
    const place = this.place(at)
    this.disconnect(at)
    this.network.deleteServer(at)
    place.persister = place.persister.copy()
    place.raft?.kill()
    place.raft = null
  }

  /** A new incarnation from the persister; every server is marked connected. */
  restart(at: number): void {
    this.shutdown(at)
    this.start(at)
    this.connectAll()
  }

  restartAll(): void {
    for (const at of this.servers) this.shutdown(at)
    for (const at of this.servers) this.start(at)
    this.connectAll()
  }

  private start(at: number): void {
    const place = this.place(at)
    const { hasSnapshots, seed, reduce = step, checks = true, options } = this.settings
    place.ends = this.servers.map((to) => new ClientEnd(this.network, at, to))
    const incarnation: { raft: LabRaft | null } = { raft: null }
    const takeSnapshot = (index: number, blob: string): void => incarnation.raft?.snapshot(index, blob)
    const service = new LabService(at, this.history, hasSnapshots ? takeSnapshot : null)
    service.restore(place.persister.readSnapshot())
    const isAlive = (): boolean => place.raft === incarnation.raft
    const raft = make(place.ends, at, place.persister, this.channelTo(service, isAlive), {
      time: this.time,
      seed: this.births.integer(0, 2 ** 31) ^ seed,
      firstTick: this.births.integer(0, TICK * 100) / 100,
      reduce,
      checks,
      elected: (term) => this.recordLeader(at, term),
      options: { ...LAB_OPTIONS, ...options },
    })
    incarnation.raft = raft
    place.raft = raft
    place.service = service
    this.network.addServer(at, raft)
  }

  /** The apply channel: a queue that the service empties in its own time, as it may call back into Raft. */
  private channelTo(service: LabService, isAlive: () => boolean): (message: ApplyMessage) => void {
    const queue: ApplyMessage[] = []
    const drain = (): void => {
      for (let next = queue.shift(); next !== undefined && isAlive(); next = queue.shift()) service.apply(next)
    }
    return (message) => {
      if (queue.push(message) === 1) this.time.after(0, drain)
    }
  }

  /** Election Safety (figure 3), at every election and not only when a test looks. */
  private recordLeader(at: number, term: number): void {
    if (this.leaders.has(term))
      throw new LabFailure(`term ${term} has two leaders: ${this.leaders.get(term)} and ${at}`)
    this.leaders.set(term, at)
  }

  private setEnds(a: number, b: number, isEnabled: boolean): void {
    for (const end of [this.place(a).ends[b], this.place(b).ends[a]]) if (end !== undefined) end.isEnabled = isEnabled
  }

  private place(at: number): Place {
    const place = this.places[at % this.size]
    if (place === undefined) throw new RangeError(`there is no server ${at}`)
    return place
  }
}
