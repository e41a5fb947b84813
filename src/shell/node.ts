import { InvariantViolation, unreachable } from '../core/assert.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, successor, type NodeId, type ObjectId } from '../core/ids.ts'
import { slice, type Log } from '../core/log/log.ts'
import type { Rpc } from '../core/rpc.ts'
import type { CapturedObject } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import { replicaStep } from '../machine/replica.ts'
import { captureAt, type Replica, type ReplicaMessage, type ReplicaOutput } from '../machine/replica-state.ts'
import { UNOBSERVED, type NodeObserver } from './observer.ts'
import type { Storage, StorageWrite } from './storage.ts'

/** What a node tells its surroundings. */
export interface NodeEvents<R> {
  /** Send an RPC; it may be lost. */
  readonly send: (to: NodeId, rpc: Rpc) => void
  /** Everything that is not for the disk or the network. */
  readonly output: (output: NodeOutput<R>) => void
  /** The disk failed, or Raft itself (see `toleratesContradictions`): the node has stopped, and promises nothing any more. */
  readonly failed: (error: unknown) => void
  /** Go on after a note `contradiction`. Otherwise the node stops, and `failed` gets the cause: replicas may differ. */
  readonly toleratesContradictions?: boolean
}

export type NodeOutput<R> = Exclude<
  ReplicaOutput<R>,
  { type: 'send' } | { type: 'save' } | { type: 'saveSnapshot' } | { type: 'storeObject' }
>

/** One turn at the disk: something to write, or somebody to tell when all before it is durable. */
type Job = WriteJob | { readonly write: null; readonly callback: () => void }
type WriteJob = { readonly write: StorageWrite; readonly life: number }

/**
 * The imperative shell: a queue, the reducer, and an executor of its outputs, in order. It decides nothing. Saves that
 * come while the disk is busy share its next write; what is promised on a write leaves when that is durable. Snapshots
 * are written beside the saves, which do not wait for them.
 */
export class Node<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly storage: Storage
  private readonly observer: NodeObserver
  private readonly events: NodeEvents<R>
  private current: Replica<S, R>
  private inbox: ReplicaMessage[] = []
  private callbacks: (() => void)[] = []
  private idleCallbacks: (() => void)[] = []
  private isCallingBack = false
  private isStepping = false
  private unwritten: Job[] = []
  private isWriting = false
  /** Snapshots under way to the disk. */
  private snapshotsInWriting = 0
  private isStopped = false
  /** Counts replacements: answers to the saves of an earlier replica are none of the present one's business. */
  private life = 0

  /** `observer`, if any, looks on at every step of the core. */
  constructor(
    machine: StateMachine<S, C, R>,
    replica: Replica<S, R>,
    storage: Storage,
    events: NodeEvents<R>,
    observer: NodeObserver = UNOBSERVED,
  ) {
    this.machine = machine
    this.observer = observer
    this.current = replica
    this.storage = storage
    this.events = events
  }

  get replica(): Replica<S, R> {
    return this.current
  }

  /** Whether a write is under way or waiting. */
  get isBusy(): boolean {
    return this.isWriting || this.snapshotsInWriting > 0 || this.unwritten.length > 0
  }

  /** Runs the reducer on a message and carries out what follows. Messages that come meanwhile wait their turn. */
  deliver(message: ReplicaMessage): void {
    if (this.isStopped) return
    this.inbox.push(message)
    if (this.isStepping) return
    this.isStepping = true
    try {
      for (let next = this.inbox.shift(); next !== undefined; next = this.inbox.shift()) {
        this.step(next)
        if (this.inbox.length === 0) this.flush()
      }
    } finally {
      this.isStepping = false
    }
    this.callBack()
    this.callBackIfIdle()
  }

  /** Puts another replica in place of this one, on the disk too. For whoever vouches for its state. */
  replace(replica: Replica<S, R>): void {
    const { raft, machine } = replica
    const { server, log } = raft
    this.current = replica
    this.observer.replaced(replica.raft)
    this.life++
    // Answers of the disk that are waiting are for the earlier replica.
    this.inbox = this.inbox.filter(({ type }) => type !== 'saved' && type !== 'snapshotTaken')
    const { id, currentTerm, votedFor, snapshot } = server
    const capture = captureAt(replica.captures, snapshot.lastIncludedIndex)
    this.enqueue({
      type: 'reset',
      remains: {
        id,
        hardState: { currentTerm, votedFor },
        snapshot,
        base: { index: log.baseIndex, term: log.baseTerm },
        entries: entriesOf(log),
      },
      objects: snapshot.lastIncludedIndex === 0 ? [] : objectsOneByOne(this.machine, capture?.state ?? machine),
    })
  }

  /** Calls back once everything saved so far is durable, at once if it is. Callbacks keep their order. */
  whenDurable(callback: () => void): void {
    this.unwritten.push({ write: null, callback })
    if (!this.isStepping) this.flush()
  }

  /** Calls back once nothing is under way to the disk, snapshots included; at once if nothing is. */
  whenIdle(callback: () => void): void {
    this.idleCallbacks.push(callback)
    this.callBackIfIdle()
  }

  /** Takes no more messages, and sends no more promises. */
  stop(): void {
    this.isStopped = true
    this.inbox = []
    this.unwritten = []
    this.callbacks = []
  }

  private step(message: ReplicaMessage): void {
    const [replica, outputs] = replicaStep(this.machine, this.current, message, this.observer.reduce)
    this.current = replica
    const { life } = this
    for (const output of outputs) {
      // Whoever hears of an output may stop the node, or replace the replica that the others are from.
      if (!this.isCurrent(life)) return
      this.perform(output)
    }
  }

  private isCurrent(life: number): boolean {
    return !this.isStopped && life === this.life
  }

  private perform(output: ReplicaOutput<R>): void {
    switch (output.type) {
      case 'send':
        return this.events.send(output.to, output.rpc)
      case 'save':
      case 'storeObject':
        this.unwritten.push({ write: output, life: this.life })
        return
      case 'saveSnapshot': {
        const capture = captureAt(this.current.captures, output.snapshot.lastIncludedIndex)
        if (capture === null) return
        const objects = objectsOneByOne(this.machine, capture.state)
        this.unwritten.push({ write: { type: 'snapshot', snapshot: output.snapshot, objects }, life: this.life })
        return
      }
      case 'note':
        this.events.output(output)
        if (output.event === 'contradiction' && this.events.toleratesContradictions !== true)
          this.fail(new InvariantViolation(output.contradiction, { from: output.from }))
        return
      case 'accepted':
      case 'refused':
      case 'applied':
      case 'completed':
      case 'lost':
      case 'readable':
        return this.events.output(output)
      default:
        return unreachable(output)
    }
  }

  private enqueue(write: StorageWrite): void {
    this.unwritten.push({ write, life: this.life })
    if (!this.isStepping) this.flush()
  }

  /** Writes what has gathered, unless the disk is busy: then it is part of the next write. */
  private flush(): void {
    while (!this.isWriting && !this.isStopped && this.unwritten.length > 0) this.writeGathered()
  }

  private writeGathered(): void {
    const jobs: Job[] = []
    const snapshots: WriteJob[] = []
    for (const job of this.unwritten) {
      if (job.write !== null && job.write.type === 'snapshot') snapshots.push(job)
      else jobs.push(job)
    }
    this.unwritten = []
    const writes = jobs.flatMap(({ write }) => (write === null ? [] : [write]))
    const written = writes.length === 0 ? undefined : this.storage.write(writes)
    if (written === undefined) this.settle(jobs)
    else {
      this.isWriting = true
      written.then(() => this.afterWriting(jobs)).catch((error: unknown) => this.fail(error))
    }
    // They come after the saves before them, of whose terms and entries they speak.
    for (const job of snapshots) this.writeSnapshot(job)
  }

  private writeSnapshot(job: WriteJob): void {
    const written = this.storage.write([job.write])
    if (written === undefined) return this.settle([job])
    this.snapshotsInWriting++
    written.then(() => this.afterSnapshot(job)).catch((error: unknown) => this.fail(error))
  }

  private afterSnapshot(job: WriteJob): void {
    this.snapshotsInWriting--
    this.settle([job])
    this.callBackIfIdle()
  }

  private afterWriting(jobs: readonly Job[]): void {
    this.isWriting = false
    this.settle(jobs)
    this.flush()
    this.callBackIfIdle()
  }

  private callBackIfIdle(): void {
    if (this.isBusy || this.isStepping) return
    const callbacks = this.idleCallbacks
    this.idleCallbacks = []
    for (const callback of callbacks) callback()
  }

  private fail(error: unknown): void {
    if (this.isStopped) return
    this.stop()
    this.events.failed(error)
  }

  /**
   * What was promised on these writes leaves, in order; then the reducer hears of them, all saves at once; then those
   * who waited, who thus see what came of it.
   */
  private settle(jobs: readonly Job[]): void {
    const { life } = this
    const news: ReplicaMessage[] = []
    let saved: ReplicaMessage | null = null
    for (const job of jobs) {
      if (job.write === null || job.life !== life) continue
      if (job.write.type === 'save') {
        for (const { to, rpc } of job.write.then) if (this.isCurrent(life)) this.events.send(to, rpc)
        saved = { type: 'saved', sequence: job.write.sequence, lastIndex: job.write.lastIndex }
      } else if (job.write.type === 'snapshot')
        news.push({ type: 'snapshotTaken', index: job.write.snapshot.lastIncludedIndex })
    }
    if (saved !== null) news.unshift(saved)
    for (const message of news) if (this.isCurrent(life)) this.deliver(message)
    if (this.isStopped) return
    for (const job of jobs) if (job.write === null) this.callbacks.push(job.callback)
    this.callBack()
  }

  /** Calls back, in order, unless messages wait: then once these have been handled. */
  private callBack(): void {
    if (this.isStepping || this.isCallingBack) return
    this.isCallingBack = true
    try {
      for (let next = this.callbacks.shift(); next !== undefined; next = this.callbacks.shift()) next()
    } finally {
      this.isCallingBack = false
    }
  }
}

/** The objects of a captured state, made one at a time: writing a snapshot never needs memory for all of it. */
function* objectsOneByOne<S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  state: S,
): Generator<CapturedObject> {
  for (let id: ObjectId | null = FIRST_OBJECT; id !== null;) {
    const { data, next }: { readonly data: string; readonly next: ObjectId | null } = machine.readObject(state, id)
    yield { id, data }
    id = next
  }
}

const entriesOf = (log: Log): readonly Entry[] => slice(log, successor(log.baseIndex), log.lastIndex)
