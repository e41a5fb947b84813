import type { NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { kvMachine, kvToObject, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import type { ReplicaOutput } from '../../src/machine/replica-state.ts'
import { SimCluster, type CrashReason, type SimClusterOptions } from '../../src/sim/cluster/cluster.ts'
import type { CrashLoss } from '../../src/sim/cluster/disk.ts'
import type { Fate } from '../../src/sim/cluster/network.ts'

type KvOptions = SimClusterOptions<KvState, KvCommand, KvResult>

/** Every message takes one unit of time, every write none, unless a test says otherwise. */
export const STILL: Partial<KvOptions> = {
  network: { delay: { least: 1, most: 1 }, slowRate: 0, lossRate: 0, duplicateRate: 0 },
  diskDelay: { least: 0, most: 0 },
}

/** What a node took in. */
export interface Heard {
  readonly time: number
  readonly id: NodeId
  readonly message: Message
}

/** A cluster of key-value machines, and all that can be seen of it. */
export class World extends SimCluster<KvState, KvCommand, KvResult> {
  readonly heard: Heard[]
  readonly said: { readonly time: number; readonly id: NodeId; readonly output: ReplicaOutput<KvResult> }[]
  readonly crashes: { readonly id: NodeId; readonly why: CrashReason; readonly loss: CrashLoss }[]
  readonly fates: (readonly [fate: Fate, from: NodeId, to: NodeId])[]

  constructor(options: Partial<KvOptions> = {}) {
    const heard: World['heard'] = []
    const said: World['said'] = []
    const crashes: World['crashes'] = []
    const fates: World['fates'] = []
    super({
      machine: kvMachine(),
      size: 3,
      ...STILL,
      ...options,
      onStep: ({ server }, message) => heard.push({ time: this.time, id: server.id, message }),
      onOutput: (id, output) => {
        said.push({ time: this.time, id, output })
        options.onOutput?.(id, output)
      },
      onCrash: (id, why, loss) => crashes.push({ id, why, loss }),
      onFate: (fate, from, to) => fates.push([fate, from, to]),
    })
    this.heard = heard
    this.said = said
    this.crashes = crashes
    this.fates = fates
  }

  /** Waits for a leader that everybody knows. */
  elect(): NodeId {
    const isKnown = (): boolean => {
      const leader = this.leader()
      const up = this.ids.flatMap((id) => this.replica(id)?.raft.server ?? [])
      return leader !== null && up.every(({ leaderId }) => leaderId === leader)
    }
    if (!this.runUntil(isKnown, 10_000)) throw new Error('nobody was elected')
    return this.chief
  }

  get chief(): NodeId {
    const leader = this.leader()
    if (leader === null) throw new Error('nobody leads')
    return leader
  }

  get followers(): readonly NodeId[] {
    return this.ids.filter((id) => id !== this.leader())
  }

  get follower(): NodeId {
    const [first] = this.followers
    if (first === undefined) throw new Error('nobody follows')
    return first
  }

  put(key: string, value: number): void {
    this.submit(this.chief, { type: 'propose', id: `${key}=${value}`, commands: [{ op: 'put', key, value }] })
  }

  isDone(id: string): boolean {
    return this.said.some(({ output }) => output.type === 'completed' && output.id === id)
  }

  /** Writes, and waits until it is done. */
  settle(key: string, value: number): void {
    this.put(key, value)
    if (!this.runUntil(() => this.isDone(`${key}=${value}`), 1_000)) throw new Error('not written')
  }

  contents(id: NodeId): Readonly<Record<string, unknown>> | null {
    const replica = this.replica(id)
    return replica === null ? null : { ...kvToObject(replica.machine) }
  }

  /** What a node took in from another, since then. */
  received(to: NodeId, from: NodeId, since = 0): readonly Rpc[] {
    return this.heard.flatMap(({ time, id, message }) =>
      id === to && time >= since && message.type === 'receive' && message.from === from ? [message.rpc] : [],
    )
  }

  /** What a node said to another without waiting for its disk, since then. */
  sent(from: NodeId, to: NodeId, since = 0): readonly Rpc[] {
    return this.said.flatMap(({ time, id, output }) =>
      id === from && time >= since && output.type === 'send' && output.to === to ? [output.rpc] : [],
    )
  }

  ticks(id: NodeId, since = 0): number {
    return this.heard.filter((each) => each.id === id && each.time >= since && each.message.type === 'tick').length
  }
}
