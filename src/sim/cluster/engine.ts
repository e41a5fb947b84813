import { invariant, unreachable } from '../../core/assert.ts'
import type { JsonValue } from '../../core/entry.ts'
import type { NodeId } from '../../core/ids.ts'
import { checkState } from '../../core/invariants/state.ts'
import { checkTransition } from '../../core/invariants/transition.ts'
import type { Message } from '../../core/message.ts'
import type { Send } from '../../core/output.ts'
import type { Rpc, SnapshotMeta } from '../../core/rpc.ts'
import type { Birth } from '../../core/start.ts'
import type { RaftState } from '../../core/state.ts'
import { step } from '../../core/step.ts'
import { objectsOf } from '../../machine/capture.ts'
import type { StateMachine } from '../../machine/machine.ts'
import { createReplica, replicaStep, restartReplica } from '../../machine/replica.ts'
import { captureAt, type Replica, type ReplicaMessage, type ReplicaOutput } from '../../machine/replica-state.ts'
import { decodeRpc, encodeRpc } from '../../codec/rpc.ts'
import { Dice, type Range } from '../dice.ts'
import { deferredStep, deferredWork, type MachineWork } from './deferred-run.ts'
import { DiskDriver } from './disk-driver.ts'
import { SimDisk } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import type { CrashReason, Member, SimClusterOptions, SimEvent } from './member.ts'
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
  readonly dice: Dice
  private readonly disks: DiskDriver<S, R>

  constructor(options: SimClusterOptions<S, C, R>) {
    const { seed = 0 } = options
    this.options = options
    this.reduce = (before, message) => this.reduceOnce(before, message)
    this.network = new Network(options.network ?? {}, seed, options.onFate)
    this.dice = new Dice('cluster', seed)
    this.disks = new DiskDriver<S, R>(this, options.sharesWrites ?? false)
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
    const { options } = this
    const machine = options.machineOf?.(birth.id) ?? options.machine
    const member: Member<S, R> = {
      birth,
      id: birth.id,
      machine: this.rejecting(machine),
      sound: machine,
      disk: new SimDisk(birth, options.diskBytes),
      replica: createReplica<S, C, R>(machine, birth),
      life: 0,
      diskBusyUntil: 0,
      diskDelay: options.diskDelay ?? DISK_DELAY,
      machineBusyUntil: 0,
      machineDelay: options.machineDelay ?? null,
      diskFault: null,
      tickInterval: options.tickInterval ?? TICK_INTERVAL,
      owedTicks: 0,
      held: null,
      fuse: null,
    }
    this.members.set(member.id, member)
    this.startTicking(member)
  }

  /** A machine that now and then has no use for a received object, and takes it when it comes again. */
  private rejecting(machine: StateMachine<S, C, R>): StateMachine<S, C, R> {
    const { rejectRate } = this.options
    if (rejectRate === undefined) return machine
    return {
      ...machine,
      writeObject: (state, id, data) =>
        this.dice.chance(rejectRate()) ? { error: 'rejected' } : machine.writeObject(state, id, data),
    }
  }

  /** Starts a node that is down, from its disk. */
  revive(member: Member<S, R>): void {
    const { remains, objects, received } = member.disk.read()
    const { options = {}, seed = 0 } = member.birth
    // Another life draws other deadlines.
    const again = { ...remains, options, seed: seed + member.life }
    const replica = restartReplica<S, C, R>(member.sound, again, objects, received)
    member.replica = replica
    member.diskBusyUntil = this.now
    member.machineBusyUntil = this.now
    this.startTicking(member)
    this.options.onRestart?.(member.id, replica, again)
  }

  kill(member: Member<S, R>, why: CrashReason): void {
    if (member.replica === null) return
    member.replica = null
    member.life++
    member.held = null
    member.owedTicks = 0
    member.fuse = null
    const { disk } = member
    const isKilled = why === 'killed' || why === 'killed between outputs'
    // Of the sectors of an interrupted or failed write none is written, or any; where there was no room, none.
    const share = why === 'disk full' ? 0 : (this.dice.pick([0, 0.5, 0.5, 1]) ?? 0)
    const loss = disk.crash({
      survivors: isKilled ? this.dice.integer(0, disk.waitingCount + 1) : 0,
      isWritten: () => this.dice.chance(share),
      place: this.dice.integer(0, 32),
      isKept: () => this.dice.chance(0.5),
    })
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
        if (event.life === member.life) this.disks.finish(member)
        return
      case 'snapshotWritten':
        if (event.life === member.life) this.disks.finishBeside(member, event.write)
        return
      case 'work':
        if (event.life === member.life) this.work(member, event.work)
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

  /** A server that stands still gets all of it when it goes on, its ticks first: see `resume`. */
  private hold(held: SimEvent<S, R>[], event: Exclude<SimEvent<S, R>, { type: 'action' }>): void {
    if (event.type !== 'tick') return void held.push(event)
    this.queue.push(this.now + event.member.tickInterval, event)
    event.member.owedTicks++
  }

  /**
   * A server goes on. As the shell does, it takes the ticks that have come due before the messages that wait: with fewer a
   * lease would seem to last.
   */
  resume(member: Member<S, R>): void {
    const { held, life, owedTicks } = member
    member.held = null
    member.owedTicks = 0
    for (let tick = 0; tick < owedTicks && member.life === life; tick++) this.step(member, TICK)
    for (const event of held ?? []) this.queue.push(this.now, event)
  }

  step(member: Member<S, R>, message: ReplicaMessage): void {
    const before = member.replica
    if (before === null) return
    this.steps++
    if (member.machineDelay === null) {
      const [after, outputs] = replicaStep(member.machine, before, message, this.reduce)
      return this.carryOut(member, after, outputs, [])
    }
    this.carryOut(member, ...deferredStep(member.machine, before, message, this.reduce))
  }

  private work(member: Member<S, R>, work: MachineWork): void {
    const before = member.replica
    if (before === null) return
    this.steps++
    this.carryOut(member, ...deferredWork(member.machine, before, work, this.reduce))
  }

  private carryOut(
    member: Member<S, R>,
    after: Replica<S, R>,
    outputs: readonly ReplicaOutput<R>[],
    work: readonly MachineWork[],
  ): void {
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
    if (fuse !== null) return this.kill(member, 'killed')
    for (const each of work) this.schedule(member, each)
    this.disks.flush(member)
  }

  private perform(member: Member<S, R>, replica: Replica<S, R>, output: ReplicaOutput<R>): void {
    switch (output.type) {
      case 'send':
        return this.send(member, output)
      case 'save':
      case 'storeObject':
        return this.disks.write(member, output)
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

  send({ id: from }: Member<S, R>, { to, rpc }: Send): void {
    const member = this.members.get(to)
    if (member === undefined) return
    for (const time of this.network.arrivals(from, to, this.now)) {
      const received = this.options.throughBytes === true ? throughBytes(rpc) : rpc
      this.queue.push(time, { type: 'rpc', from, member, rpc: received })
    }
  }

  private writeSnapshot(member: Member<S, R>, replica: Replica<S, R>, snapshot: SnapshotMeta): void {
    const capture = captureAt(replica.captures, snapshot.lastIncludedIndex)
    invariant(capture !== null, 'a capture is kept until it is written')
    const objects = () => objectsOf(member.machine, capture.state)
    this.disks.write(member, { type: 'snapshot', snapshot, objects })
  }

  /** The machine does one thing after the other, in the order of the outputs that ask for them. */
  private schedule(member: Member<S, R>, work: MachineWork): void {
    const delay =
      work.type === 'installSnapshot' ? (this.options.installDelay ?? member.machineDelay) : member.machineDelay
    const done = this.now + (member.machineDelay === null || delay === null ? 0 : this.dice.within(delay))
    member.machineBusyUntil = Math.max(member.machineBusyUntil, done)
    this.queue.push(member.machineBusyUntil, { type: 'work', member, life: member.life, work })
  }
}

/** An RPC as the network carries it. */
const throughBytes = (rpc: Rpc): Rpc => {
  const decoded = decodeRpc(JSON.parse(JSON.stringify(encodeRpc(rpc))))
  invariant('rpc' in decoded, 'what a server sends can be read', decoded)
  return decoded.rpc
}
