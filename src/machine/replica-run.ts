import { UsageError, unreachable } from '../core/assert.ts'
import { snapshotMetaAt } from '../core/compaction.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, type Index } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import type { InstallReceived, Output, ReadObject, SaveObject } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { RaftState } from '../core/state.ts'
import type { step } from '../core/step.ts'
import type { StateMachine } from './machine.ts'
import { overtaken, settle, type Pending } from './pending.ts'
import { captureAt, type Capture, type Replica, type ReplicaMessage, type ReplicaOutput } from './replica-state.ts'

/** The core's reducer, or one around it that looks on. */
export type Reducer = typeof step

/** Scratch space of one step, like the core's Work: mutable inside, invisible outside. */
export class ReplicaRun<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly reduce: Reducer
  private raft: RaftState
  private state: S
  private captures: readonly Capture<S>[]
  private incoming: Replica<S, R>['incoming']
  private pending: readonly Pending<R>[]
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
    if (message.type === 'capture') this.captureNow()
    else this.step(message)
    for (let at = 0; at < this.answers.length; at++) {
      const answer = this.answers[at]
      if (answer !== undefined) this.step(answer)
    }
    // A read may be granted right after the batch it waits for was handed out, before that counted as applied.
    this.answerReads(this.raft.server.lastApplied)
    this.release()
    const { raft, state, captures, incoming, pending, reads } = this
    return [{ raft, machine: state, captures, incoming, pending, reads }, this.outputs]
  }

  private step(message: Message): void {
    const [raft, outputs] = this.reduce(this.raft, message)
    this.raft = raft
    for (const output of outputs) this.perform(output)
  }

  private perform(output: Output): void {
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
        this.pending = [...this.pending, { id, firstIndex, lastIndex, term, results: [] }]
        return
      }
      case 'apply':
        return this.apply(output.entries)
      case 'readReady':
        this.reads = [...this.reads, { id: output.id, index: output.index }]
        return this.answerReads(this.raft.server.lastApplied)
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

  /** One call of the machine per batch; blank entries and configurations pass it by. */
  private apply(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1]
    if (last === undefined) return
    const commands: C[] = []
    // What a log holds was proposed as a C; a machine still treats it as JSON of unknown origin.
    for (const entry of entries) if (entry.type === 'command') commands.push(entry.command as C)
    let results: readonly R[] = []
    if (commands.length > 0) [this.state, results] = this.machine.apply(this.state, commands)
    this.outputs.push({ type: 'applied', entries, results })
    if (this.pending.length > 0) {
      const [waiting, answers] = settle(this.pending, entries, results)
      this.pending = waiting
      this.outputs.push(...answers)
    }
    this.answers.push({ type: 'applied', index: last.index })
    this.answerReads(last.index)
  }

  private answerReads(applied: Index): void {
    if (this.reads.length === 0) return
    for (const { id, index } of this.reads) if (index <= applied) this.outputs.push({ type: 'readable', id, index })
    this.reads = this.reads.filter(({ index }) => index > applied)
  }

  private captureNow(): void {
    const { server } = this.raft
    if (server.lastApplied > server.snapshot.lastIncludedIndex)
      this.capture(snapshotMetaAt(this.raft, server.lastApplied))
  }

  /** The core asks when lastApplied is reached and before more is handed out: the state is that of the index. */
  private capture(snapshot: SnapshotMeta): void {
    if (captureAt(this.captures, snapshot.lastIncludedIndex) === null)
      this.captures = [...this.captures, { snapshot, state: this.state }]
    this.outputs.push({ type: 'saveSnapshot', snapshot })
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
    const [waiting, answers] = overtaken(this.pending, snapshot.lastIncludedIndex)
    this.pending = waiting
    this.outputs.push(...answers)
    this.answers.push({ type: 'snapshotInstalled', transferId })
    this.answerReads(snapshot.lastIncludedIndex)
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
