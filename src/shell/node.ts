import { UsageError, unreachable } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import type { StateMachine } from '../machine/machine.ts'
import { replicaStep } from '../machine/replica.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from '../machine/replica-state.ts'
import { NO_TICKS, type TickSource } from './clock.ts'
import { DiskQueue, callAll, callbacksOf, type Job, type NodeCallback } from './storage/disk-queue.ts'
import { checkNote, type NodeEvents, type NodeSettings } from './node-events.ts'
import { UNOBSERVED, type NodeObserver } from './observer.ts'
import { Proposals, checkName } from './proposals.ts'
import type { Storage } from './storage/storage.ts'
import { Turns } from './turns.ts'
import { Waiters } from './waiters.ts'
import { DISK_ANSWERS, answerOf, resetTo, snapshotOf } from './writes.ts'

export type { NodeEvents, NodeOutput } from './node-events.ts'

/**
 * The imperative shell: a queue, the reducer, and an executor of its outputs, in order. It decides nothing. Saves that
 * come while the disk is busy share its next write; what is promised on a write leaves when that is durable. Snapshots
 * are written beside the saves, which do not wait for them.
 */
export class Node<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly observer: NodeObserver
  private readonly ticks: TickSource
  private readonly events: NodeEvents<R>
  private readonly disk: DiskQueue
  private current: Replica<S, R>
  private inbox: ReplicaMessage[] = []
  private readonly proposals = new Proposals<R>((proposal) => this.attemptOwn(proposal))
  /** Proposals do not wait for the write under way: it has lasted a tick, or a callback waits for them. */
  private isHurried = false
  private readonly waiters = new Waiters((error) => this.fail(error))
  private isStepping = false
  private readonly turns = new Turns()
  /** The first exception of a step or callback. */
  private trouble: { readonly error: unknown } | null = null
  /** Why there will be no more promises; null as long as the node runs. */
  private stopped: Error | null = null
  /** Whether it was the node that stopped, and not its caller: the disk is not waited for any more. */
  private hasFailed = false
  /** Counts replacements: answers to the saves of an earlier replica do not concern the present one. */
  private life = 0

  constructor(
    machine: StateMachine<S, C, R>,
    replica: Replica<S, R>,
    storage: Storage,
    events: NodeEvents<R>,
    { observer = UNOBSERVED, ticks = NO_TICKS }: NodeSettings = {},
  ) {
    this.machine = machine
    this.observer = observer
    this.ticks = ticks
    this.current = replica
    this.events = events
    this.disk = new DiskQueue(storage, {
      settled: (jobs) => this.settle(jobs),
      answered: () => this.callBackIfIdle(),
      failed: (error) => this.fail(error, this.stopped === null),
    })
  }

  get replica(): Replica<S, R> {
    return this.current
  }

  /** Whether a write is under way or waiting, or committed entries wait to be applied. */
  get isBusy(): boolean {
    return this.disk.isBusy || this.turns.isWaiting
  }

  /**
   * Runs the reducer on a message and carries out what follows. Messages that come meanwhile wait their turn. A node
   * that has stopped drops it.
   * @throws UsageError when the message breaks the reducer's contract; it has changed nothing. A message from within a
   * callback stops the node instead, as an exception of that callback would.
   */
  deliver(message: ReplicaMessage): void {
    // The message may be the last thing that was waited for.
    if (this.stopped !== null) return this.callBackIfIdle()
    if (this.isStepping) return void this.inbox.push(message)
    if (message.type === 'propose' || message.type === 'read') checkName(message.id)
    if (message.type === 'propose' && this.isGathering) {
      this.proposals.add(message)
      return this.proposals.isFull ? this.catchUp() : undefined
    }
    const misuse = this.turn(message)
    if (misuse !== null) throw misuse
  }

  /** Delivers the ticks that are owed; for a timer. */
  catchUp(): void {
    if (this.stopped === null && !this.isStepping) this.turn(null)
  }

  /** Puts another replica in place of this one, on the disk too. The caller answers for its state. */
  replace(replica: Replica<S, R>): void {
    this.current = replica
    this.observer.replaced(replica.raft)
    this.life++
    this.proposals.forgetJoint()
    // Answers of the disk that are waiting are for the earlier replica.
    this.inbox = this.inbox.filter(({ type }) => !DISK_ANSWERS.has(type))
    this.disk.push({ write: resetTo(this.machine, replica), life: this.life })
    if (!this.isStepping) this.disk.flush()
  }

  /**
   * Calls back, in order, once everything delivered so far is durable and what that commits is applied, at once if it
   * is; with an error if the node has stopped, or stops before.
   */
  whenDurable(callback: NodeCallback): void {
    if (!this.proposals.isEmpty) {
      this.isHurried = true
      this.catchUp()
    }
    if (this.stopped !== null) return callback(this.stopped)
    this.disk.push({ write: null, callback })
    if (!this.isStepping) this.disk.flush()
  }

  /**
   * Calls back once nothing waits for the disk, snapshots included, or for the machine; with an error if the node has
   * failed, or fails before. After a mere `stop` the writes under way still end.
   */
  whenIdle(callback: NodeCallback): void {
    if (this.hasFailed) return callback(this.stopped)
    this.waiters.addIdle(callback)
    this.callBackIfIdle()
  }

  /** Takes no more messages, and sends no more promises. Callbacks that wait for durability get an error. */
  stop(): void {
    const reason = new Error('the node was stopped before')
    callAll(this.halt(reason), reason)
  }

  /**
   * Proposals wait while a leader's disk writes: what they become could not be written before. A tick ends that: a
   * disk that stalls must not keep them from the followers, whose disks suffice to commit them.
   */
  private get isGathering(): boolean {
    const { isFull } = this.proposals
    return this.disk.isWriting && !this.isHurried && !isFull && this.current.raft.server.role.type === 'leader'
  }

  /** A message, jobs that the disk has finished, and what follows from them. Returns the error of an unlawful message. */
  private turn(message: ReplicaMessage | null, finished: readonly Job[] = []): UsageError | null {
    this.isStepping = true
    this.keepPromises(finished)
    this.tickIfOwed()
    const misuse = message === null ? null : this.attempt(message)
    do {
      for (let next = this.inbox.shift(); next !== undefined && this.trouble === null; next = this.inbox.shift()) {
        this.tickIfOwed()
        this.attemptOwn(next, next.type === 'propose')
      }
      if (!this.isGathering) this.proposals.flush()
      this.disk.flush()
    } while (this.inbox.length > 0 && this.trouble === null)
    this.isStepping = false
    if (this.trouble !== null) this.fail(this.trouble.error)
    this.callBack()
    this.callBackIfIdle()
    return misuse
  }

  /** A message is judged by the time at which it is handled: a lease that has run out serves no read. */
  private tickIfOwed(): void {
    for (let owed = this.ticks.due(); owed > 0; owed--) this.attemptOwn({ type: 'tick' })
  }

  /** A message of this node's making, or of a callback's: that it is not lawful is a fault of theirs. */
  private attemptOwn(message: ReplicaMessage, mayWait = false): void {
    const misuse = this.attempt(message, mayWait)
    if (misuse !== null) this.trouble ??= { error: misuse }
  }

  /** Takes a step, if the node still runs. Returns the error of a message that is not lawful. */
  private attempt(message: ReplicaMessage, mayWait = false): UsageError | null {
    try {
      if (this.stopped !== null) return null
      if (mayWait && message.type === 'propose') this.proposals.add(message)
      else this.step(message)
    } catch (error) {
      if (error instanceof UsageError) return error
      this.trouble ??= { error }
    }
    return null
  }

  private step(message: ReplicaMessage): void {
    const [replica, outputs] = replicaStep(this.machine, this.current, message, this.observer.reduce)
    this.current = replica
    const { life } = this
    if (message.type === 'tick') this.isHurried = this.disk.isWriting
    for (const output of this.proposals.apart(outputs)) this.carryOut(output, life)
  }

  /** Unless a callback has stopped the node, or replaced the replica that it is from. */
  private carryOut(output: ReplicaOutput<R>, life: number): void {
    try {
      if (this.isCurrent(life)) this.perform(output)
    } catch (error) {
      this.trouble ??= { error }
    }
  }

  private isCurrent(life: number): boolean {
    return this.stopped === null && life === this.life
  }

  private perform(output: ReplicaOutput<R>): void {
    switch (output.type) {
      case 'send':
        return this.events.send(output.to, output.rpc)
      case 'save':
      case 'storeObject':
        return this.disk.push({ write: output, life: this.life })
      case 'saveSnapshot': {
        const write = snapshotOf(this.machine, this.current, output.snapshot)
        if (write !== null) this.disk.push({ write, life: this.life })
        return
      }
      case 'continue':
        return this.turns.run(() => this.deliver(output))
      case 'note':
        this.events.output(output)
        return checkNote(this.events, output)
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

  /**
   * What was promised on these writes leaves, in order; then the reducer gets the answer, all saves as one; then the
   * callbacks are called, which thus see what came of it.
   */
  private settle(jobs: readonly Job[]): void {
    if (this.stopped !== null) return
    this.isHurried = false
    this.waiters.addReady(callbacksOf(jobs))
    if (this.isStepping) this.keepPromises(jobs)
    else this.turn(null, jobs)
  }

  private keepPromises(jobs: readonly Job[]): void {
    const { life } = this
    let answer: ReplicaMessage | null = null
    for (const job of jobs) {
      if (job.write === null || job.life !== life) continue
      const { write } = job
      if (write.type === 'save') {
        for (const send of write.then) this.carryOut(send, life)
        answer = { type: 'saved', sequence: write.sequence, lastIndex: write.lastIndex }
      } else if (write.type === 'snapshot') answer = answerOf(write, job.failure)
    }
    if (answer !== null && this.isCurrent(life)) this.inbox.push(answer)
  }

  /** Calls back, in order, unless messages wait: then once these have been handled. */
  private callBack(): void {
    if (!this.isStepping && !this.turns.isWaiting) this.waiters.callReady()
  }

  private callBackIfIdle(): void {
    if (!this.isBusy && !this.isStepping) this.waiters.callIdle()
  }

  /** Everything ends here. Returns the callbacks whose time will not come. */
  private halt(reason: Error): readonly NodeCallback[] {
    this.stopped ??= reason
    this.inbox = []
    this.proposals.forgetWaiting()
    return [...this.waiters.takeReady(), ...this.disk.close()]
  }

  /** @param isNews not to a caller that stopped the node before, and does not wait for the disk */
  private fail(error: unknown, isNews = true): void {
    if (this.hasFailed) return
    const reason = error instanceof Error ? error : new Error(String(error), { cause: error })
    this.hasFailed = true
    this.stopped = reason
    try {
      callAll([...this.halt(reason), ...this.waiters.takeIdle()], reason)
    } finally {
      if (isNews) this.events.failed(error)
    }
  }
}
