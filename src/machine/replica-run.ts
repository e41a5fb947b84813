import { UsageError, unreachable } from '../core/assert.ts'
import { snapshotMetaAt } from '../core/snapshot/compaction.ts'
import type { JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, successor, type Index } from '../core/ids.ts'
import { slice } from '../core/log/log.ts'
import type { Message, RequestId } from '../core/message.ts'
import type { InstallReceived, Output, ReadObject, SaveObject } from '../core/output.ts'
import { dropOldest, enqueue, itemAt, newestOf, sizeOf } from '../core/queue.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { RaftState } from '../core/state.ts'
import type { Reducer } from '../core/output.ts'
import type { StateMachine } from './machine.ts'
import { overtaken, settle } from './pending.ts'
import { captureAt, type Capture, type Replica, type ReplicaMessage, type ReplicaOutput } from './replica-state.ts'

/** Scratch space of one step, like the core's Work: mutable inside, invisible outside. */
export class ReplicaRun<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly reduce: Reducer
  protected raft: RaftState
  private state: S
  private captures: readonly Capture<S>[]
  private incoming: Replica<S, R>['incoming']
  private pending: Replica<S, R>['pending']
  private reads: Replica<S, R>['reads']
  private readonly outputs: ReplicaOutput<R>[] = []
  /** The machine's answers to the core, first come first served. */
  private readonly answers: Message[] = []

  constructor(machine: StateMachine<S, C, R>, replica: Replica<S, R>, reduce: Reducer) {
    this.machine = machine
    this.reduce = reduce
    this.raft = replica.raft
    this.state = replica.machine
    this.captures = replica.captures
    this.incoming = replica.incoming
    this.pending = replica.pending
    this.reads = replica.reads
  }

  run(message: ReplicaMessage): readonly [Replica<S, R>, readonly ReplicaOutput<R>[]] {
    const isContinued = message.type === 'continue' || !this.isApplying
    if (message.type === 'capture') this.captureNow()
    else if (message.type !== 'continue') this.stepOrRefuse(message)
    if (message.type === 'snapshotFailed') this.forgetCapture(message.index)
    this.giveAnswers()
    if (this.isApplying) this.applyBatch()
    this.giveAnswers()
    this.answerReads(this.raft.server.lastApplied)
    this.release()
    // Once for all messages that come before the answer.
    if (isContinued && this.isApplying) this.outputs.push({ type: 'continue' })
    return this.finish()
  }

  private finish(): readonly [Replica<S, R>, readonly ReplicaOutput<R>[]] {
    const { raft, state, captures, incoming, pending, reads } = this
    return [{ raft, machine: state, captures, incoming, pending, reads }, this.outputs]
  }

  /** Whether the core has handed out a batch that the machine has not applied: entries after lastApplied. */
  protected get isApplying(): boolean {
    return this.raft.server.applyingIndex > this.raft.server.lastApplied
  }

  private giveAnswers(): void {
    for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift()) this.step(answer)
  }

  /** The core bounds what it keeps; this bounds what waits for the machine, however long disk or cluster take. */
  private stepOrRefuse(message: Message): void {
    const { server, options } = this.raft
    if (server.role.type === 'leader') {
      // Proposals of earlier terms are answered when one of this term is applied: the first is never refused for them.
      const isOfThisTerm = newestOf(this.pending)?.term === server.currentTerm
      if (message.type === 'propose' && isOfThisTerm && sizeOf(this.pending) >= options.uncommittedEntriesMax)
        return this.refuse(message.id)
      if (message.type === 'read' && sizeOf(this.reads) >= options.pendingReadsMax) return this.refuse(message.id)
    }
    this.step(message)
  }

  private refuse(id: RequestId): void {
    this.outputs.push({ type: 'refused', id, reason: 'busy', leader: this.raft.server.leaderId })
  }

  private step(message: Message): void {
    const [raft, outputs] = this.reduce(this.raft, message)
    this.raft = raft
    for (const output of outputs) this.perform(output)
  }

  protected perform(output: Output): void {
    switch (output.type) {
      case 'save':
      case 'send':
      case 'note':
      case 'refused':
        this.outputs.push(output)
        return
      case 'accepted': {
        const { id, firstIndex, lastIndex, term } = output
        this.outputs.push(output)
        this.pending = enqueue(this.pending, { id, firstIndex, lastIndex, term, nextIndex: firstIndex, results: [] })
        return
      }
      case 'apply':
        // One batch a step, after everything else: see applyBatch().
        return
      case 'readReady':
        this.reads = enqueue(this.reads, { id: output.id, index: output.index })
        return
      case 'takeSnapshot':
        return this.capture(output.snapshot)
      case 'readObject':
        return this.readObject(output)
      case 'saveObject':
        return this.receiveObject(output)
      case 'installSnapshot':
        return this.install(output)
      case 'transferEnded':
        // Its capture goes with the others that nobody needs: see release().
        return
      default:
        return unreachable(output)
    }
  }

  /**
   * The batch that is handed out, in one call of the machine; blank entries and configurations pass it by. A step does
   * this once: the core hands out the next batch at once, which waits for the next message.
   */
  protected applyBatch(): void {
    const { server, log } = this.raft
    const entries = slice(log, successor(server.lastApplied), server.applyingIndex)
    const commands: C[] = []
    // What a log holds was proposed as a C; a machine still treats it as JSON of unknown origin.
    for (const entry of entries) if (entry.type === 'command') commands.push(entry.command as C)
    let results: readonly R[] = []
    if (commands.length > 0) [this.state, results] = this.machine.apply(this.state, commands)
    this.outputs.push({ type: 'applied', entries, results })
    if (sizeOf(this.pending) > 0) {
      const [waiting, answers] = settle(this.pending, entries, results)
      this.pending = waiting
      for (const answer of answers) this.outputs.push(answer)
    }
    this.answers.push({ type: 'applied', index: server.applyingIndex })
  }

  /** In the order they were granted: one behind a read of a later index, which a lease may grant, waits with it. */
  private answerReads(applied: Index): void {
    let answered = 0
    for (let read = itemAt(this.reads, 0); read !== undefined; read = itemAt(this.reads, answered)) {
      if (read.index > applied) break
      this.outputs.push({ type: 'readable', id: read.id, index: read.index })
      answered++
    }
    this.reads = dropOldest(this.reads, answered)
  }

  private captureNow(): void {
    const { server } = this.raft
    if (server.lastApplied > server.snapshot.lastIncludedIndex)
      this.capture(snapshotMetaAt(this.raft, server.lastApplied))
  }

  /**
   * The core asks when lastApplied is reached and before more is handed out: the state is that of the index. Where a
   * write of it is under way, that is the answer: of two, one could fail and take the capture of the other with it.
   */
  private capture(snapshot: SnapshotMeta): void {
    if (captureAt(this.captures, snapshot.lastIncludedIndex) !== null) return
    this.captures = [...this.captures, { snapshot, state: this.state }]
    this.outputs.push({ type: 'saveSnapshot', snapshot })
  }

  /** It was never written, and the next one will be of a later state: kept, one more would stay with each failure. */
  private forgetCapture(index: Index): void {
    if (index > this.raft.server.snapshot.lastIncludedIndex)
      this.captures = this.captures.filter(({ snapshot }) => snapshot.lastIncludedIndex !== index)
  }

  private readObject({ to, transferId, snapshot, objectId }: ReadObject): void {
    const capture = captureAt(this.captures, snapshot.lastIncludedIndex)
    if (capture === null) {
      const reason = 'the snapshot is not kept any more'
      this.answers.push({ type: 'objectReadFailed', to, transferId, reason })
      return
    }
    this.answers.push(this.objectRead(capture.state, { to, transferId, objectId }))
  }

  /** The id comes from the receiver: one that the machine does not know ends the transfer, not this node. */
  private objectRead(state: S, asked: Pick<ReadObject, 'to' | 'transferId' | 'objectId'>): Message {
    try {
      const { data, next } = this.machine.readObject(state, asked.objectId)
      return { type: 'objectRead', ...asked, data, nextObjectId: next }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const { to, transferId } = asked
      return { type: 'objectReadFailed', to, transferId, reason: error.message }
    }
  }

  private receiveObject({ transferId, snapshot, objectId, data, digest, isLast }: SaveObject): void {
    const before = objectId === FIRST_OBJECT ? this.machine.initial : this.incoming?.state
    if (before === undefined) return this.reject(transferId, 'objects before this one are missing')
    const written = this.machine.writeObject(before, objectId, data)
    if ('error' in written) return this.reject(transferId, written.error)
    if ((written.next === null) !== isLast) return this.reject(transferId, 'sender and receiver disagree on the end')
    this.incoming = { snapshot, state: written.state }
    const nextObjectId = written.next ?? FIRST_OBJECT
    this.outputs.push({ type: 'storeObject', snapshot, objectId, data, digest, nextObjectId })
    this.answers.push({ type: 'objectSaved', transferId, objectId, nextObjectId })
  }

  private reject(transferId: number, reason: string): void {
    this.incoming = null
    this.answers.push({ type: 'objectRejected', transferId, reason })
  }

  /** The received state takes the place of the present one. Proposals that it covers have an unknown outcome. */
  private install({ transferId, snapshot }: InstallReceived): void {
    if (this.incoming === null) return this.reject(transferId, 'no state was received')
    this.state = this.incoming.state
    this.captures = [...this.captures, this.incoming]
    this.incoming = null
    const [waiting, answers] = overtaken(this.pending, snapshot)
    this.pending = waiting
    for (const answer of answers) this.outputs.push(answer)
    this.answers.push({ type: 'snapshotInstalled', transferId })
  }

  /** Lets go of captures that are neither the latest, nor being written, nor being sent; and of a stale reception. */
  private release(): void {
    const { server } = this.raft
    if (server.receiving === null) this.incoming = null
    if (this.captures.length === 1) return
    const latest = server.snapshot.lastIncludedIndex
    const sent = server.role.type === 'leader' ? server.role.progress : []
    const kept = this.captures.filter(
      ({ snapshot: { lastIncludedIndex } }) =>
        lastIncludedIndex >= latest ||
        sent.some((to) => to.mode === 'snapshot' && to.snapshot.lastIncludedIndex === lastIncludedIndex),
    )
    if (kept.length < this.captures.length) this.captures = kept
  }
}
