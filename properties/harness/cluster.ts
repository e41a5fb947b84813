import { configurationOf } from '../../src/core/membership/configuration.ts'
import { checkLog, checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import { nodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output, Send } from '../../src/core/output.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { deepFreeze } from '../../src/sim/freeze.ts'
import type { Ghost } from '../../src/trace/checker/index.ts'
import { ClaimViolation } from '../../src/trace/checker/index.ts'
import { optionsOf } from './limits.ts'
import { Memories } from './memories.ts'
import { Member } from './member.ts'
import { FORMER_LEADER, THE_LEADER, type ClusterPlan, type Schedule, type ScheduleEvent } from './schedule.ts'

export interface Flight extends Send {
  readonly from: Member
}

/** Sees every step before its outputs are carried out. */
export type StepWatcher = (before: RaftState, message: Message, after: RaftState, outputs: readonly Output[]) => void

/** Switched off only to see what the ghost alone would find. */
const checksLocally = process.env['RAFT_LOCAL_INVARIANTS'] !== 'off'

/** Messages under way, at most: the oldest are lost beyond it. */
const FLIGHTS_MAX = 400

/** A cluster that does what a schedule says, under the eyes of a ghost that remembers its whole history. */
export class Cluster {
  readonly members: readonly Member[]
  readonly ghost: Ghost
  restarts = 0
  private readonly memories: Memories
  flights: Flight[] = []
  /** The messages that arrived last, newest first. */
  private past: readonly Flight[] = []
  steps = 0
  private mask = 0
  /** Nobody reads snapshots, unless an event says so. */
  private isStalled = false
  private proposals = 0
  private readsAsked = 0
  private readonly watch: StepWatcher | null

  constructor(plan: ClusterPlan, ghost: Ghost, watch: StepWatcher | null = null) {
    this.ghost = ghost
    this.watch = watch
    const ids = Array.from({ length: plan.size }, (_, at) => nodeId(`n${at + 1}`))
    const configuration = configurationOf(ids)
    this.memories = new Memories(ghost)
    this.members = ids.map((id) => new Member(id, configuration, optionsOf(plan), plan.seed, this.memories))
    for (const { state } of this.members) ghost.start(state)
  }

  run(schedule: Schedule): void {
    for (const event of schedule) this.play(event)
  }

  play(event: ScheduleEvent): void {
    switch (event.type) {
      case 'deliver':
        return this.deliver(event.at)
      case 'drop':
        this.takeFlight(event.at)
        return
      case 'duplicate': {
        const flight = this.flights[event.at % Math.max(1, this.flights.length)]
        if (flight !== undefined) this.arrive(flight)
        return
      }
      case 'replay': {
        const flight = this.past[event.at % Math.max(1, this.past.length)]
        if (flight !== undefined) this.arrive(flight)
        return
      }
      case 'tick':
        for (let times = 0; times < event.times; times++) this.step(this.member(event.node), { type: 'tick' })
        return
      case 'save':
        return this.completeSaves(this.member(event.node), event.count, event.silent)
      case 'work':
        return this.work(this.member(event.node), event.count, event.fails)
      case 'read object':
        return this.answerRead(this.member(event.node), event.at, event.fails)
      case 'stall':
        this.isStalled = event.stalled
        return
      case 'propose':
        return this.propose(this.member(event.node), event.count)
      case 'read':
        return this.read(this.member(event.node), event.lease)
      case 'snapshot':
        return this.takeSnapshot(this.member(event.node))
      case 'campaign':
        return this.step(this.member(event.node), { type: 'campaign' })
      case 'crash':
        return this.plantCrash(this.member(event.node), event.outputs, event.keep)
      case 'restart':
        return this.restart(this.member(event.node))
      case 'partition':
        this.mask = event.mask
        return
      case 'isolate':
        this.mask = 1 << this.members.indexOf(this.member(event.node))
        return
      case 'calm':
        return this.calm(event.ticks)
    }
  }

  /** Ends all faults. */
  heal(): void {
    this.mask = 0
    this.isStalled = false
    for (const member of this.members) {
      member.fuse = null
      this.restart(member)
    }
  }

  /** So many ticks at once everywhere; between them everything that is under way gets done. */
  calm(ticks: number): void {
    this.settle()
    for (let tick = 0; tick < ticks; tick++) {
      for (const member of this.members) this.step(member, { type: 'tick' })
      this.settle()
    }
  }

  /** Delivers, saves and works until nothing is left to do. */
  settle(): void {
    for (let round = 0; round < 100; round++) {
      const isIdle = this.flights.length === 0 && this.members.every((member) => isIdleMember(member, this.isStalled))
      if (isIdle) return
      for (const member of this.members) {
        this.completeSaves(member, Infinity, false)
        this.work(member, Infinity, false)
        while (member.reads.length > 0 && !this.isStalled) this.answerRead(member, 0, false)
      }
      for (const flight of this.flights.splice(0)) this.arrive(flight)
    }
  }

  /** Whoever leads in the highest term. */
  get leader(): Member | null {
    return this.leaders.at(-1) ?? null
  }

  private get leaders(): readonly Member[] {
    const leaders = this.members.filter(({ isUp, state }) => isUp && state.server.role.type === 'leader')
    return leaders.sort((a, b) => a.state.server.currentTerm - b.state.server.currentTerm)
  }

  private member(node: number): Member {
    const leader = node === THE_LEADER ? this.leader : node === FORMER_LEADER ? this.leaders[0] : null
    const chosen = leader ?? this.members[node % this.members.length]
    const [first] = this.members
    if (first === undefined) throw new Error('a cluster has members')
    return chosen ?? first
  }

  private takeFlight(at: number): Flight | undefined {
    return this.flights.splice(at % Math.max(1, this.flights.length), 1)[0]
  }

  private deliver(at: number): void {
    const flight = this.takeFlight(at)
    if (flight !== undefined) this.arrive(flight)
  }

  private arrive(flight: Flight): void {
    const { from, to, rpc } = flight
    this.past = [flight, ...this.past.slice(0, 39)]
    const at = this.members.findIndex(({ id }) => id === to)
    const receiver = this.members[at]
    if (receiver === undefined) return
    const side = (member: number): number => (this.mask >> member) & 1
    if (side(at) !== side(this.members.indexOf(from))) return
    this.step(receiver, { type: 'receive', from: from.id, rpc })
  }

  private completeSaves(member: Member, count: number, isSilent: boolean): void {
    if (!member.isUp) return
    for (const save of member.disk.complete(count)) for (const send of save.then) this.release(member, send)
    const last = member.disk.unreported
    if (last === null || isSilent) return
    member.disk.unreported = null
    this.step(member, { type: 'saved', sequence: last.sequence, lastIndex: last.lastIndex })
  }

  private work(member: Member, count: number, fails: boolean): void {
    const jobs = member.jobs.splice(0, count)
    for (const [at, job] of jobs.entries()) if (member.isUp) this.step(member, job.run(fails && at === jobs.length - 1))
  }

  private answerRead(member: Member, at: number, fails: boolean): void {
    const message = member.answerRead(at, fails)
    if (message !== null) this.step(member, message)
  }

  private propose(member: Member, count: number): void {
    const commands = Array.from({ length: count }, () => `command ${++this.proposals}`)
    this.step(member, { type: 'propose', id: this.proposals, commands })
  }

  private read(member: Member, lease: boolean): void {
    if (!member.isUp) return
    const id = ++this.readsAsked
    this.step(member, { type: 'read', id, mode: lease ? 'lease' : 'quorum' })
  }

  /** A snapshot nobody asked for: a manual trigger. */
  private takeSnapshot(member: Member): void {
    const { server } = member.state
    const { lastApplied, snapshotRequested } = server
    if (!member.isUp || lastApplied <= server.snapshot.lastIncludedIndex || snapshotRequested > 0) return
    if (server.receiving?.phase === 'install' || member.memory.length < lastApplied) return
    const meta = member.metaAt(lastApplied)
    member.disk.keep({ meta, memory: member.memory.slice(0, lastApplied) })
    this.step(member, { type: 'snapshotTaken', index: lastApplied })
  }

  private plantCrash(member: Member, outputs: number | null, keep: number): void {
    if (!member.isUp) return
    if (outputs === null) this.crash(member, keep)
    else member.fuse = { outputs, keep }
  }

  crash(member: Member, keep: number): void {
    member.crash(keep)
    this.ghost.crash(member.id)
  }

  private restart(member: Member): void {
    if (member.isUp) return
    try {
      member.restart()
    } catch (error) {
      throw unusable(member, error)
    }
    this.restarts++
    this.ghost.start(member.state)
    this.memories.restarted(member)
    if (checksLocally) checkState(member.state)
  }

  private step(member: Member, message: Message): void {
    if (!member.isUp) return
    this.steps++
    const before = member.state
    const [after, outputs] = step(before, deepFreeze(message))
    deepFreeze(after)
    deepFreeze(outputs)
    if (checksLocally) {
      checkTransition(before, message, after, outputs)
      checkState(after)
      if (after.log !== before.log) checkLog(after.log)
    }
    this.watch?.(before, message, after, outputs)
    member.state = after
    this.ghost.step(before, message, after, outputs)
    this.carryOut(member, outputs)
  }

  private carryOut(member: Member, outputs: readonly Output[]): void {
    const { fuse } = member
    member.fuse = null
    for (const output of fuse === null ? outputs : outputs.slice(0, fuse.outputs)) {
      if (output.type === 'send') this.release(member, output)
      else if (output.type === 'save') member.disk.pending.push(output)
      else member.perform(output)
    }
    if (fuse !== null) this.crash(member, fuse.keep)
  }

  private release(from: Member, { type, to, rpc }: Send): void {
    this.flights.push({ type, from, to, rpc })
    if (this.flights.length > FLIGHTS_MAX) this.flights.shift()
  }
}

const isIdleMember = ({ isUp, disk, jobs, reads }: Member, isStalled: boolean): boolean =>
  !isUp ||
  (disk.pending.length === 0 && disk.unreported === null && jobs.length === 0 && (isStalled || reads.length === 0))

/** What cannot be started from is not what a disk may come to hold, whenever the power fails. */
const unusable = ({ id, disk }: Member, error: unknown): ClaimViolation => {
  const context = { id, base: disk.base, snapshot: disk.snapshot.lastIncludedIndex, error: String(error) }
  return new ClaimViolation('PBS', 'whatever a crash leaves on a disk, a server starts from it', context)
}
