import { InvariantViolation } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { INDEX_ZERO, nodeId, successor, type NodeId } from '../../src/core/ids.ts'
import { applySave } from '../../src/core/log/apply-save.ts'
import { emptyLog, slice, type Log } from '../../src/core/log/log.ts'
import type { Message } from '../../src/core/message.ts'
import type { HardState, Output, Save, Send, Reducer } from '../../src/core/output.ts'
import { drawInteger } from '../../src/core/random.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import { birthSnapshot, initial, restart, type Birth, type Remains } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step as coreStep } from '../../src/core/step.ts'
import type { Options } from '../../src/core/config.ts'
import { Recorder, type RecorderOptions } from '../../src/trace/record.ts'
import { birthOf, restartOf } from '../../src/trace/start.ts'

interface Pending {
  readonly to: NodeId
  readonly message: Message
  readonly src: number
}

interface Member {
  readonly id: NodeId
  state: RaftState | null
  hardState: HardState
  snapshot: SnapshotMeta
  log: Log
  /** Answers of its own disk and machine. */
  local: Pending[]
}

export interface ClusterOptions extends RecorderOptions {
  readonly size?: number
  readonly seed?: number
  readonly events?: number
  readonly options?: Partial<Options>
  readonly faults?: boolean
  /** Leaves causes out, as a single node would. */
  readonly withoutSources?: boolean
  readonly step?: Reducer
  /** Whether a restart finds an empty disk: breaks what Raft relies on. */
  readonly amnesia?: boolean
  /** Characters of the only object of a snapshot. */
  readonly objectChars?: number
}

const OPTIONS: Partial<Options> = { snapshotEntries: 4, trailingEntries: 0, messageEntriesMax: 4 }

/**
 * A cluster of reducers under a seeded random schedule with a recorder at its side: lossy network, crashes, snapshots.
 * Disks are durable at once, so that a restart is exact.
 */
export class RecordedCluster {
  readonly lines: string[] = []
  readonly recorder: Recorder
  readonly members: Member[]
  /** The states in which every step ended, in order. */
  readonly history: RaftState[] = []
  private readonly chosen: ClusterOptions
  private readonly reduce: Reducer
  private readonly births: ReadonlyMap<NodeId, Birth>
  private network: Pending[] = []
  private seed: number
  private at = 0
  private proposals = 0

  constructor(chosen: ClusterOptions = {}) {
    this.chosen = chosen
    this.reduce = chosen.step ?? coreStep
    this.seed = chosen.seed ?? 1
    const nodes = Array.from({ length: chosen.size ?? 3 }, (_, at) => nodeId(`n${at + 1}`))
    const configuration = configurationOf(nodes)
    const options = { ...OPTIONS, ...chosen.options }
    this.births = new Map(nodes.map((id) => [id, { id, configuration, options, seed: this.seed }]))
    const init = Object.fromEntries([...this.births].map(([id, birth]) => [id, birthOf(birth)]))
    this.recorder = new Recorder({ nodes, init, seed: 7 }, (line) => this.lines.push(line), chosen)
    this.members = [...this.births.values()].map((birth) => ({
      id: birth.id,
      state: initial(birth),
      hardState: { currentTerm: initial(birth).server.currentTerm, votedFor: null },
      snapshot: birthSnapshot(configuration),
      log: emptyLog(),
      local: [],
    }))
  }

  /** The trace as text. */
  get text(): string {
    return this.lines.map((line) => `${line}\n`).join('')
  }

  /** Whether a reducer did not survive. */
  isBroken = false

  run(): this {
    for (let event = 0; event < (this.chosen.events ?? 600) && !this.isBroken; event++) this.act()
    this.recorder.end()
    return this
  }

  private draw(to: number): number {
    const [value, seed] = drawInteger(this.seed, 0, to)
    this.seed = seed
    return value
  }

  private pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.draw(items.length)]
  }

  private act(): void {
    this.at++
    const dice = this.draw(1_000)
    const member = this.pick(this.members)
    if (member === undefined) return
    if (member.state === null) return dice < 15 ? this.restart(member) : undefined
    if (dice < 500) this.deliver()
    else if (dice < 800) this.answer(member)
    else if (dice < 910) this.step(member, { type: 'tick' })
    else if (dice < 970) this.propose(member)
    else if (this.chosen.faults ?? true) this.disturb(member, dice)
  }

  private propose(member: Member): void {
    this.proposals++
    const id = this.proposals
    this.step(member, { type: 'propose', id, commands: [{ add: id, text: 'ünïcode \u2028 🚀' }, id] })
    this.recorder.operation({ at: this.at, kind: 'invoke', client: `c${id}`, value: { f: 'write', value: id } })
  }

  private disturb(member: Member, dice: number): void {
    if (dice < 994) {
      const lost = this.network.shift()
      if (lost?.message.type === 'receive')
        this.recorder.net({
          kind: 'drop',
          at: this.at,
          src: lost.src,
          from: lost.message.from,
          to: lost.to,
          rpc: lost.message.rpc.type,
        })
      return
    }
    member.state = null
    member.local = []
    this.recorder.fault({ kind: 'crash', at: this.at, n: member.id })
  }

  private restart(member: Member): void {
    const { id, hardState, snapshot, log } = member
    const birth = this.births.get(id)
    if (this.chosen.amnesia === true && birth !== undefined) {
      member.log = emptyLog()
      member.state = initial(birth)
      return this.recorder.fault({ kind: 'restart', at: this.at, n: id, start: birthOf(birth) })
    }
    const remains: Remains = {
      id,
      options: birth?.options ?? {},
      seed: this.draw(1000),
      hardState,
      snapshot,
      base: { index: log.baseIndex, term: log.baseTerm },
      entries: slice(log, successor(log.baseIndex), log.lastIndex),
    }
    member.state = restart(remains)
    this.recorder.fault({ kind: 'restart', at: this.at, n: id, start: restartOf(remains) })
  }

  private deliver(): void {
    const [next] = this.network.splice(this.draw(Math.min(4, this.network.length)), 1)
    const member = this.members.find(({ id }) => id === next?.to)
    if (next === undefined || member === undefined) return
    if ((this.chosen.faults ?? true) && this.draw(20) === 0) this.network.push(next)
    this.step(member, next.message, next.src)
  }

  private answer(member: Member): void {
    const next = member.local.shift()
    if (next !== undefined) this.step(member, next.message, next.src)
  }

  private step(member: Member, message: Message, src?: number): void {
    if (member.state === null) return
    const reached = this.survive(member, member.state, message)
    if (reached === null) return
    const [state, outputs] = reached
    member.state = state
    this.history.push(state)
    const told = (this.chosen.withoutSources ?? false) ? undefined : src
    const i = this.recorder.step(member.id, this.at, message, state, outputs, told)
    for (const output of outputs) this.perform(member, output, i)
  }

  private survive(member: Member, state: RaftState, message: Message): ReturnType<Reducer> | null {
    try {
      return this.reduce(state, message)
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      this.recorder.failed(member.id, this.at, message, error.claim, error.message)
      this.isBroken = true
      return null
    }
  }

  private perform(member: Member, output: Output, src: number): void {
    const local = (message: Message): void => void member.local.push({ to: member.id, message, src })
    switch (output.type) {
      case 'send':
        return this.send(member, output, src)
      case 'save':
        write(member, output)
        for (const send of output.then) this.send(member, send, src)
        return local({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
      case 'apply':
        return local({ type: 'applied', index: output.entries.at(-1)?.index ?? INDEX_ZERO })
      case 'takeSnapshot':
        member.snapshot = output.snapshot
        return local({ type: 'snapshotTaken', index: output.snapshot.lastIncludedIndex })
      case 'readObject': {
        const { to, transferId, objectId } = output
        const data = 'x'.repeat(this.chosen.objectChars ?? 2_000)
        return local({ type: 'objectRead', to, transferId, objectId, data, nextObjectId: null })
      }
      case 'saveObject':
        return local({
          type: 'objectSaved',
          transferId: output.transferId,
          objectId: output.objectId,
          nextObjectId: 0,
        })
      case 'installSnapshot':
        return local({ type: 'snapshotInstalled', transferId: output.transferId })
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'transferEnded':
      case 'note':
        return
    }
  }

  private send({ id }: Member, { to, rpc }: Send, src: number): void {
    this.network.push({ to, message: { type: 'receive', from: id, rpc }, src })
    // A lossy network forgets what is old.
    if (this.network.length > 40) this.network.shift()
  }
}

const write = (member: Member, save: Save): void => void Object.assign(member, applySave(member, save))
