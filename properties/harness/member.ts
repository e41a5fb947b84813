import type { Configuration } from '../../src/core/membership/configuration.ts'
import type { Options } from '../../src/core/config.ts'
import type { Index, NodeId, ObjectId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { termAt } from '../../src/core/log/log.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import { initial, restart } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { Disk, type Staged } from './disk.ts'
import { ClaimViolation } from '../../src/trace/checker/index.ts'
import { assemble, nextWanted, readObject, textOf, type Memory } from './machine.ts'

/** A piece of work for the state machine: done later, in order; the answer goes to the server. */
interface Job {
  /** Gives the answer; `fails` asks for a failure where the contract knows one. */
  readonly run: (fails: boolean) => Message
}

type ReadRequest = Extract<Output, { type: 'readObject' }>

/** What the machine was given: for those who watch. */
export interface MachineWatcher {
  applied(member: Member, index: Index, text: string): void
  installed(member: Member, staged: Staged, memory: Memory): void
}

/** One server with its disk, its state machine and what both still have to do. */
export class Member {
  readonly id: NodeId
  readonly disk: Disk
  state: RaftState
  isUp = true
  /** It goes down after so many outputs of its next step; null when it does not. */
  fuse: { readonly outputs: number; readonly keep: number } | null = null
  memory: Memory = []
  jobs: Job[] = []
  reads: ReadRequest[] = []
  restarts = 0
  private readonly options: Partial<Options>
  private readonly watcher: MachineWatcher
  private readonly seed: number

  constructor(
    id: NodeId,
    configuration: Configuration,
    options: Partial<Options>,
    seed: number,
    watcher: MachineWatcher,
  ) {
    this.id = id
    this.options = options
    this.seed = seed
    this.watcher = watcher
    this.disk = new Disk(configuration)
    this.state = initial({ id, configuration, options, seed })
  }

  crash(keep: number): void {
    this.disk.crash(keep)
    this.isUp = false
    this.fuse = null
    this.jobs = []
    this.reads = []
  }

  restart(): void {
    this.restarts++
    this.isUp = true
    this.state = restart({ ...this.disk.remains(this.id), options: this.options, seed: this.seed + this.restarts })
    this.memory = this.disk.snapshots.get(this.disk.snapshot.lastIncludedIndex)?.memory ?? []
  }

  /** What a snapshot of its state would stand for. */
  metaAt(index: Index): SnapshotMeta {
    const { log, server } = this.state
    const { configuration, configurationIndex } = server.snapshot
    const lastIncludedTerm = termAt(log, index) ?? server.snapshot.lastIncludedTerm
    return { lastIncludedIndex: index, lastIncludedTerm, configuration, configurationIndex }
  }

  /** The machine's and the service's part of an output. */
  perform(output: Output): void {
    switch (output.type) {
      case 'apply':
        this.jobs.push({ run: () => this.apply(output) })
        return
      case 'takeSnapshot':
        return this.take(output)
      case 'readObject':
        this.reads.push(output)
        return
      case 'saveObject':
        this.jobs.push({ run: (fails) => this.stage(output, fails) })
        return
      case 'installSnapshot':
        this.jobs.push({ run: (fails) => this.install(output, fails) })
        return
      case 'save':
      case 'send':
      case 'note':
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'transferEnded':
        return
    }
  }

  private apply({ entries }: Extract<Output, { type: 'apply' }>): Message {
    for (const entry of entries) {
      const text = textOf(entry)
      this.watcher.applied(this, entry.index, text)
      this.memory = [...this.memory, text]
    }
    return { type: 'applied', index: this.memory.length as Index }
  }

  private take({ snapshot: meta }: Extract<Output, { type: 'takeSnapshot' }>): void {
    const { memory } = this
    const index = meta.lastIncludedIndex
    if (memory.length !== index)
      throw new ClaimViolation('SF', 'a snapshot is asked for of what is applied', { index, applied: memory.length })
    this.jobs.push({
      run: (fails) => {
        if (fails) return { type: 'snapshotFailed', index, reason: 'the schedule says so' }
        this.disk.keep({ meta, memory })
        return { type: 'snapshotTaken', index }
      },
    })
  }

  private stage(output: Extract<Output, { type: 'saveObject' }>, fails: boolean): Message {
    const { transferId, objectId, data, snapshot, digest } = output
    if (fails) {
      this.disk.staged = null
      return { type: 'objectRejected', transferId, reason: 'the schedule says so' }
    }
    const nextObjectId: ObjectId = nextWanted(data)
    const before = objectId === 0 ? [] : (this.disk.staged?.objects ?? [])
    this.disk.staged = { snapshot, objects: [...before, data], nextObjectId, digest }
    return { type: 'objectSaved', transferId, objectId, nextObjectId }
  }

  private install({ transferId, snapshot }: Extract<Output, { type: 'installSnapshot' }>, fails: boolean): Message {
    const { staged } = this.disk
    this.disk.staged = null
    if (fails || staged === null) return { type: 'objectRejected', transferId, reason: 'the schedule says so' }
    const memory = assemble(staged.objects)
    this.watcher.installed(this, { ...staged, snapshot }, memory)
    this.memory = memory
    this.disk.snapshots.set(snapshot.lastIncludedIndex, { meta: snapshot, memory })
    return { type: 'snapshotInstalled', transferId }
  }

  /** Answers one question of a transfer, whenever it was asked. */
  answerRead(at: number, fails: boolean): Message | null {
    const [request] = this.reads.splice(at % Math.max(1, this.reads.length), 1)
    if (request === undefined) return null
    const { to, transferId, objectId, snapshot } = request
    const kept = this.disk.snapshots.get(snapshot.lastIncludedIndex)
    const object = fails || kept === undefined ? null : readObject(kept.memory, objectId)
    if (object === null) return { type: 'objectReadFailed', to, transferId, reason: 'the schedule says so' }
    return { type: 'objectRead', to, transferId, objectId, data: object.data, nextObjectId: object.next }
  }
}
