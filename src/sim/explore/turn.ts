import { checkState } from '../../core/invariants/state.ts'
import { checkTransition } from '../../core/invariants/transition.ts'
import { invariant, unreachable } from '../../core/assert.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Send } from '../../core/output.ts'
import type { step as coreStep } from '../../core/step.ts'
import { snapshotMetaAt } from '../../core/snapshot/compaction.ts'
import type { Action } from './action.ts'
import { claimCommitted, claimLeader, claimMachine, claimRead } from './claims.ts'
import { reborn, written, type Ghost, type Packet, type ServerInWorld, type Spent, type World } from './world.ts'

/** The reducer that is explored; a broken one in its place shows that the explorer finds what it looks for. */
export type Step = typeof coreStep

/**
 * The world after an action. Every step on the way is checked by itself, and what it means for the cluster's history.
 * @throws InvariantViolation when a claim does not hold.
 */
export const take = (world: World, action: Action, rules: Rules): World => new Turn(world, rules).take(action)

export interface Rules {
  readonly step: Step
  readonly lateDisks: boolean
  /** Whether reads trust the leader's lease. */
  readonly leases: boolean
  /** Whether each step is checked by itself too; without it only what happens to the cluster tells. */
  readonly checksSteps: boolean
}

/** Scratch space of one action: mutable inside, invisible outside. */
class Turn {
  private readonly servers: ServerInWorld[]
  private packets: Packet[]
  private ghost: Ghost
  private readonly spent: Spent
  private readonly ticks: readonly number[]
  private readonly rules: Rules

  constructor({ servers, packets, ticks, spent, ghost }: World, rules: Rules) {
    this.servers = [...servers]
    this.packets = [...packets]
    this.ticks = ticks
    this.spent = spent
    this.ghost = ghost
    this.rules = rules
  }

  take(action: Action): World {
    const { spent } = this
    switch (action.type) {
      case 'campaign':
        this.run(action.server, { type: 'campaign' })
        return this.world(this.isAsking ? { ...spent, campaigns: spent.campaigns + 1 } : spent)
      case 'propose':
        this.propose(action.server)
        return this.world(spent)
      case 'heartbeat':
        this.run(action.server, { type: 'tick' })
        return this.world({ ...spent, heartbeats: spent.heartbeats + 1 })
      case 'tick':
        this.run(action.server, { type: 'tick' })
        return this.world(spent, this.ticks.with(action.server, (this.ticks[action.server] ?? 0) + 1))
      case 'read':
        this.read(action.server)
        return this.world({ ...spent, reads: spent.reads + 1 })
      case 'save':
        this.finishSave(action.server)
        return this.world(spent)
      case 'crash':
        this.crash(action.server, action.kept)
        return this.world({ ...spent, crashes: spent.crashes + 1 })
      case 'snapshot':
        this.snapshot(action.server)
        return this.world({ ...spent, snapshots: spent.snapshots + 1 })
      case 'deliver':
        this.deliver(action.packet, true)
        return this.world(spent)
      case 'duplicate':
        this.deliver(action.packet, false)
        return this.world({ ...spent, duplicates: spent.duplicates + 1 })
      case 'drop':
        this.packets.splice(action.packet, 1)
        return this.world({ ...spent, drops: spent.drops + 1 })
    }
  }

  private world(spent: Spent, ticks = this.ticks): World {
    return { servers: this.servers, packets: this.packets, ticks, spent, ghost: this.ghost }
  }

  private server(at: number): ServerInWorld {
    const server = this.servers[at]
    invariant(server !== undefined, 'an action names a server that exists', { at })
    return server
  }

  private change(at: number, change: Partial<ServerInWorld>): void {
    this.servers[at] = { ...this.server(at), ...change }
  }

  private deliver(at: number, isLast: boolean): void {
    const packet = this.packets[at]
    invariant(packet !== undefined, 'an action names a message that is under way', { at })
    if (isLast) this.packets.splice(at, 1)
    const to = this.servers.findIndex(({ raft }) => raft.server.id === packet.to)
    this.run(to, { type: 'receive', from: packet.from, rpc: packet.rpc })
  }

  /** Whether servers ask before they campaign. */
  private get isAsking(): boolean {
    return this.server(0).raft.options.preVote
  }

  /** The command is the term that it is proposed in: with the index it tells all commands apart. */
  private propose(at: number): void {
    const { currentTerm } = this.server(at).raft.server
    this.run(at, { type: 'propose', id: 0, commands: [currentTerm] })
  }

  private read(at: number): void {
    const { reads: id } = this.spent
    this.ghost = { ...this.ghost, floors: [...this.ghost.floors, this.ghost.committed.length] }
    this.run(at, { type: 'read', id, mode: this.rules.leases ? 'lease' : 'quorum' })
  }

  private snapshot(at: number): void {
    const { raft, disk, machine } = this.server(at)
    const snapshot = snapshotMetaAt(raft, raft.server.lastApplied)
    this.change(at, { disk: { ...disk, snapshot, state: machine } })
    this.run(at, { type: 'snapshotTaken', index: snapshot.lastIncludedIndex })
  }

  private finishSave(at: number): void {
    const [oldest, ...unsaved] = this.server(at).unsaved
    if (oldest === undefined) return
    this.change(at, { unsaved, disk: written(this.server(at).disk, oldest) })
    for (const promised of oldest.save.then) this.send(at, promised)
    this.run(at, { type: 'saved', sequence: oldest.save.sequence, lastIndex: oldest.save.lastIndex })
  }

  private crash(at: number, kept: number): void {
    const { unsaved } = this.server(at)
    for (const save of unsaved.slice(0, kept)) this.change(at, { disk: written(this.server(at).disk, save) })
    this.servers[at] = reborn(this.server(at))
  }

  /** Runs a message, and what this server's own disk and machine answer at once. */
  private run(at: number, first: Message): void {
    const messages: Message[] = [first]
    for (let message = messages.shift(); message !== undefined; message = messages.shift()) {
      const before = this.server(at).raft
      const [raft, outputs] = this.rules.step(before, message)
      if (this.rules.checksSteps) {
        checkTransition(before, message, raft, outputs)
        checkState(raft)
      }
      this.change(at, { raft })
      this.ghost = claimLeader(this.ghost, before, raft)
      for (const output of outputs) this.perform(at, output, messages)
      this.ghost = claimCommitted(this.ghost, raft)
    }
    claimMachine(this.ghost, this.server(at))
  }

  private perform(at: number, output: Output, answers: Message[]): void {
    switch (output.type) {
      case 'send':
        return this.send(at, output)
      case 'save': {
        const { unsaved, incoming } = this.server(at)
        this.change(at, { unsaved: [...unsaved, { save: output, installed: incoming }] })
        if (this.rules.lateDisks) return
        const { disk } = this.server(at)
        this.change(at, { unsaved: [], disk: written(disk, { save: output, installed: incoming }) })
        for (const promised of output.then) this.send(at, promised)
        answers.push({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
        return
      }
      case 'apply': {
        const applied = output.entries.map((entry) =>
          entry.type === 'command' ? `${JSON.stringify(entry.command)},` : '',
        )
        this.change(at, { machine: this.server(at).machine + applied.join('') })
        const last = output.entries[output.entries.length - 1]
        if (last !== undefined) answers.push({ type: 'applied', index: last.index })
        return
      }
      case 'readObject': {
        const { to, transferId, objectId } = output
        const data = this.server(at).disk.state
        answers.push({ type: 'objectRead', to, transferId, objectId, data, nextObjectId: null })
        return
      }
      case 'saveObject':
        this.change(at, { incoming: output.data })
        answers.push({ type: 'objectSaved', transferId: output.transferId, objectId: output.objectId, nextObjectId: 0 })
        return
      case 'installSnapshot':
        this.change(at, { machine: this.server(at).incoming })
        answers.push({ type: 'snapshotInstalled', transferId: output.transferId })
        return
      case 'readReady':
        return claimRead(this.ghost, output.id, output.index)
      case 'accepted':
      case 'refused':
      case 'takeSnapshot':
      case 'transferEnded':
      case 'note':
        return
      default:
        return unreachable(output)
    }
  }

  private send(at: number, { to, rpc }: Send): void {
    this.packets.push({ from: this.server(at).raft.server.id, to, rpc })
  }
}
