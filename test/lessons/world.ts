import type { Options } from '../../src/core/config.ts'
import type { NodeId } from '../../src/core/ids.ts'
import type { Note } from '../../src/core/output.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import { kvMachine, kvToObject, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import { captureAt, type ReplicaOutput } from '../../src/machine/replica-state.ts'
import { SimCluster, type CrashReason } from '../../src/sim/cluster/cluster.ts'

type Seen = readonly [id: NodeId, output: ReplicaOutput<KvResult>]

/** Snapshots after every 5 entries, several objects each, and nothing kept behind them. */
const SMALL: Partial<Options> = { snapshotEntries: 5, trailingEntries: 0, snapshotWindowBytes: 60 }

/** Three servers that hold a number for each key, with all that they put out. */
export class World extends SimCluster<KvState, KvCommand, KvResult> {
  readonly seen: Seen[]
  readonly crashes: (readonly [NodeId, CrashReason])[]
  private writes = 0

  constructor(seed = 0, options: Partial<Options> = {}) {
    const seen: Seen[] = []
    const crashes: (readonly [NodeId, CrashReason])[] = []
    super({
      machine: kvMachine({ objectBytesMax: 40 }),
      size: 3,
      seed,
      options: { ...SMALL, ...options },
      onOutput: (id, output) => seen.push([id, output]),
      onCrash: (id, why) => crashes.push([id, why]),
    })
    this.seen = seen
    this.crashes = crashes
  }

  elect(): NodeId {
    this.runUntil(() => this.leader() !== null, 10_000)
    const leader = this.leader()
    if (leader === null) throw new Error('nobody was elected')
    return leader
  }

  /** A server that does not lead, and is down. */
  withoutOne(): NodeId {
    const leader = this.elect()
    this.advance(100)
    const late = this.ids.find((id) => id !== leader)
    if (late === undefined) throw new Error('there are three')
    this.crash(late)
    return late
  }

  /** Writes keys that follow each other, until each write is acknowledged. */
  write(count: number): this {
    for (let at = 0; at < count; at++) this.writeOne()
    return this
  }

  private writeOne(): void {
    const key = `key ${++this.writes}`
    for (let attempt = 0; attempt < 50; attempt++) {
      const id = `${key} ${attempt}`
      this.submit(this.elect(), { type: 'propose', id, commands: [{ op: 'put', key, value: this.writes }] })
      if (this.runUntil(() => this.isCompleted(id), 500)) return
    }
    throw new Error('not written')
  }

  isCompleted(id: string): boolean {
    return this.seen.some(([, output]) => output.type === 'completed' && output.id === id)
  }

  contents(id: NodeId): Readonly<Record<string, unknown>> | null {
    const replica = this.replica(id)
    return replica === null ? null : kvToObject(replica.machine)
  }

  /** Exactly what was acknowledged so far. */
  get written(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Array.from({ length: this.writes }, (_, at) => [`key ${at + 1}`, at + 1]))
  }

  /** How the leader sees a follower; null when nobody leads. */
  progressOf(id: NodeId) {
    const role = this.replica(this.leader() ?? id)?.raft.server.role
    return role?.type === 'leader' ? (role.progress.find((each) => each.id === id) ?? null) : null
  }

  /** Runs until the follower has acknowledged some object of a snapshot; returns which snapshot that is. */
  untilMidTransfer(id: NodeId): SnapshotMeta {
    const isMiddle = (): boolean => {
      const progress = this.progressOf(id)
      return progress?.mode === 'snapshot' && progress.objectsAcked > 0
    }
    if (!this.runUntil(isMiddle, 5_000)) throw new Error('no transfer')
    const progress = this.progressOf(id)
    if (progress?.mode !== 'snapshot') throw new Error('no transfer')
    return progress.snapshot
  }

  notes<E extends Note['event']>(event: E): readonly (readonly [NodeId, Extract<Note, { readonly event: E }>])[] {
    return this.seen.flatMap(([id, output]) =>
      output.type === 'note' && output.event === event
        ? [[id, output as Extract<Note, { readonly event: E }>] as const]
        : [],
    )
  }

  /** The keys that a server's capture of an index holds; null when it is not kept. */
  captured(id: NodeId, { lastIncludedIndex }: SnapshotMeta): readonly string[] | null {
    const capture = captureAt(this.replica(id)?.captures ?? [], lastIncludedIndex)
    return capture === null ? null : Object.keys(kvToObject(capture.state))
  }
}
