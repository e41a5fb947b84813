import { invariant, unreachable } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import { checkState, checkTransition } from '../core/invariants.ts'
import type { Message } from '../core/message.ts'
import type { Rpc, SnapshotMeta } from '../core/rpc.ts'
import type { Birth } from '../core/start.ts'
import type { RaftState } from '../core/state.ts'
import { step } from '../core/step.ts'
import { objectsOf } from '../machine/capture.ts'
import { createReplica, replicaStep, restartReplica } from '../machine/replica.ts'
import { captureAt, type Replica, type ReplicaMessage, type ReplicaOutput } from '../machine/replica-state.ts'
import { Dice, type Range } from './dice.ts'
import { SimDisk, type DiskWrite } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import type { CrashReason, DiskFault, Member, SimClusterOptions, SimEvent } from './member.ts'
import { Network } from './network.ts'

const TICK = { type: 'tick' } as const
export const TICK_INTERVAL = 10
export const DISK_DELAY: Range = { least: 0, most: 4 }

/** What makes the nodes of a {@link SimCluster} run: one queue of events in virtual time. */
export class Engine<S, C extends JsonValue, R extends JsonValue> {
  readonly network: Network
  readonly queue = new EventQueue<SimEvent<S, R>>()
  readonly members = new Map<NodeId, Member<S, R>>()
  now = 0
  steps = 0
  private readonly options: SimClusterOptions<S, C, R>
  private readonly reduce: typeof step
  private readonly dice: Dice

  constructor(options: SimClusterOptions<S, C, R>) {
    const { seed = 0 } = options
    this.options = options
    this.reduce = (before, message) => this.reduceOnce(before, message)
    this.network = new Network(options.network ?? {}, seed, options.onFate)
    this.dice = new Dice('cluster', seed)
  }

  private reduceOnce(before: RaftState, message: Message): ReturnType<typeof step> {
    const result = this.attempt(before, message)
    const [after, outputs] = result
    if (this.options.checked === true) {
      checkTransition(before, message, after, outputs)
      checkState(after)
    }
    this.options.onStep?.(before, message, after, outputs)
    return result
  }

  private attempt(before: RaftState, message: Message): ReturnType<typeof step> {
    try {
      return step(before, message)
    } catch (error) {
      this.options.onStepFailed?.(before, message)
      throw error
    }
  }

  /** Adds a node of a new cluster. */
  bear(birth: Birth): void {
    const replica = createReplica<S, C, R>(this.options.machine, birth)
    const member: Member<S, R> = {
      birth,
      id: birth.id,
      disk: new SimDisk(birth),
      replica,
      life: 0,
      diskBusyUntil: 0,
      diskDelay: this.options.diskDelay ?? DISK_DELAY,
      diskFault: null,
      tickInterval: this.options.tickInterval ?? TICK_INTERVAL,
      held: null,
      fuse: null,
    }
    this.members.set(member.id, member)
    this.startTicking(member)
  }

  /** Starts a node that is down, from its disk. */
  revive(member: Member<S, R>): void {
    const { remains, objects, received } = member.disk.read()
    const { options = {}, seed = 0 } = member.birth
    // Another life draws other deadlines.
    const again = { ...remains, options, seed: seed + member.life }
    const replica = restartReplica<S, C, R>(this.options.machine, again, objects, received)
    member.replica = replica
    member.diskBusyUntil = this.now
    this.startTicking(member)
    this.options.onRestart?.(member.id, replica, again)
  }

  kill(member: Member<S, R>, why: CrashReason): void {
    if (member.replica === null) return
    member.replica = null
    member.life++
    member.held = null
    member.fuse = null
    const { disk } = member
    const isOwnDoing = why === 'disk full' || why === 'write failed'
    const survivors = isOwnDoing ? 0 : this.dice.integer(0, disk.waitingCount + 1)
    const torn = isOwnDoing || this.dice.chance(0.5) ? 0 : this.dice.integer(1, 1001) / 1000
    const loss = disk.crash(survivors, torn)
    this.options.onCrash?.(member.id, why, loss)
  }

  private startTicking(member: Member<S, R>): void {
    const phase = this.dice.integer(1, member.tickInterval + 1)
    this.queue.push(this.now + phase, { type: 'tick', member, life: member.life })
  }

  happen(event: SimEvent<S, R>): void {
    if (event.type === 'action') return event.run()
    const { member } = event
    if (member.held !== null) return this.hold(member.held, event)
    switch (event.type) {
      case 'tick':
        if (event.life !== member.life) return
        this.queue.push(this.now + member.tickInterval, event)
        return this.step(member, TICK)
      case 'written':
        if (event.life === member.life) this.finishWrite(member)
        return
      case 'rpc':
        if (this.network.reaches(event.from, member.id))
          this.step(member, { type: 'receive', from: event.from, rpc: event.rpc })
        return
      case 'submit':
        return this.step(member, event.message)
      default:
        return unreachable(event)
    }
  }

  /** Whoever stands still misses ticks, and finds everything else when it goes on. */
  private hold(held: SimEvent<S, R>[], event: Exclude<SimEvent<S, R>, { type: 'action' }>): void {
    if (event.type === 'tick') this.queue.push(this.now + event.member.tickInterval, event)
    else held.push(event)
  }

  private step(member: Member<S, R>, message: ReplicaMessage): void {
    const before = member.replica
    if (before === null) return
    this.steps++
    const [after, outputs] = replicaStep(this.options.machine, before, message, this.reduce)
    member.replica = after
    const { life } = member
    const fuse = outputs.length === 0 ? null : member.fuse
    for (const [at, output] of outputs.entries()) {
      if (at === fuse) return this.kill(member, at === 0 ? 'killed' : 'killed between outputs')
      this.options.onOutput?.(member.id, output)
      // The observer may have crashed the node.
      if (member.life !== life) return
      this.perform(member, after, output)
    }
    if (fuse !== null) this.kill(member, 'killed')
  }

  private perform(member: Member<S, R>, replica: Replica<S, R>, output: ReplicaOutput<R>): void {
    switch (output.type) {
      case 'send':
        return this.send(member.id, output.to, output.rpc)
      case 'save':
      case 'storeObject':
        return this.write(member, output)
      case 'saveSnapshot':
        return this.writeSnapshot(member, replica, output.snapshot)
      case 'continue':
        return this.queue.push(this.now, { type: 'submit', member, message: { type: 'continue' } })
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
    for (const time of this.network.arrivals(from, to, this.now))
      this.queue.push(time, { type: 'rpc', from, member, rpc })
  }

  private writeSnapshot(member: Member<S, R>, replica: Replica<S, R>, snapshot: SnapshotMeta): void {
    const capture = captureAt(replica.captures, snapshot.lastIncludedIndex)
    invariant(capture !== null, 'a capture is kept until it is written')
    const objects = () => objectsOf(this.options.machine, capture.state)
    this.write(member, { type: 'snapshot', snapshot, objects })
  }

  private write(member: Member<S, R>, write: DiskWrite): void {
    member.disk.enqueue(write)
    member.diskBusyUntil = Math.max(member.diskBusyUntil, this.now + this.dice.within(member.diskDelay))
    this.queue.push(member.diskBusyUntil, { type: 'written', member, life: member.life })
  }

  /** What was promised on the write leaves, then the replica hears of it. */
  private finishWrite(member: Member<S, R>): void {
    if (member.diskFault !== null) return this.failWrite(member, member.diskFault)
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

  /** Without a snapshot of its own a node can go on; without its saves it must not promise anything any more. */
  private failWrite(member: Member<S, R>, fault: DiskFault): void {
    const reason = fault === 'full' ? 'disk full' : 'write failed'
    const write = member.disk.next
    if (write?.type !== 'snapshot') return this.kill(member, reason)
    member.disk.refuse()
    this.step(member, { type: 'snapshotFailed', index: write.snapshot.lastIncludedIndex, reason })
  }
}
