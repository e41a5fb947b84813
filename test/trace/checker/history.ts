import { configurationOf } from '../../../src/core/membership/configuration.ts'
import type { Options } from '../../../src/core/config.ts'
import type { JsonValue } from '../../../src/core/entry.ts'
import { FIRST_OBJECT, INDEX_ZERO, TERM_ZERO, nodeId, successor, type NodeId } from '../../../src/core/ids.ts'
import { append, compactTo, emptyLog, slice, termAt, truncateFrom, type Log } from '../../../src/core/log/log.ts'
import type { Message } from '../../../src/core/message.ts'
import type { HardState, Output, Save, Send } from '../../../src/core/output.ts'
import type { Rpc, SnapshotMeta } from '../../../src/core/rpc.ts'
import { birthSnapshot, initial, restart } from '../../../src/core/start.ts'
import type { RaftState, Server } from '../../../src/core/state.ts'
import { step } from '../../../src/core/step.ts'
import type { Numbers } from '../../../src/trace/checker/ghost.ts'
import { CLAIMS, ClaimViolation, Ghost, type CheckName } from '../../../src/trace/checker/index.ts'

export interface StepTaken {
  readonly type: 'step'
  readonly before: RaftState
  readonly message: Message
  readonly after: RaftState
  readonly outputs: readonly Output[]
  readonly numbers?: Numbers
}

/** What a ghost is told. */
export type Told =
  { readonly type: 'start'; readonly state: RaftState } | { readonly type: 'crash'; readonly id: NodeId } | StepTaken

export type History = readonly Told[]

export interface Mail {
  readonly from: NodeId
  readonly to: NodeId
  readonly rpc: Rpc
}

interface Disk {
  readonly hardState: HardState
  readonly log: Log
  readonly snapshot: SnapshotMeta
}

const OPTIONS: Partial<Options> = { preVote: false, checkQuorum: false, snapshotEntries: 0 }

export const [n1, n2, n3, n4, n5] = ['n1', 'n2', 'n3', 'n4', 'n5'].map(nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]

/** A cluster that does what a test says, and nothing else; it remembers all that a ghost would be told. */
export class World {
  readonly ids: readonly NodeId[]
  readonly history: Told[] = []
  mail: Mail[] = []
  private readonly options: Partial<Options>
  private readonly states = new Map<NodeId, RaftState>()
  private readonly disks = new Map<NodeId, Disk>()
  private readonly saves = new Map<NodeId, Save[]>()
  private readonly answers = new Map<NodeId, Message[]>()

  constructor(size = 3, options: Partial<Options> = {}) {
    this.ids = [n1, n2, n3, n4, n5].slice(0, size)
    this.options = { ...OPTIONS, ...options }
    const configuration = configurationOf(this.ids)
    for (const id of this.ids) {
      const hardState = { currentTerm: TERM_ZERO, votedFor: null }
      this.disks.set(id, { hardState, log: emptyLog(), snapshot: birthSnapshot(configuration) })
      this.begin(id, initial({ id, configuration, options: this.options }))
    }
  }

  private begin(id: NodeId, state: RaftState): void {
    this.states.set(id, state)
    this.saves.set(id, [])
    this.answers.set(id, [])
    this.history.push({ type: 'start', state })
  }

  state(id: NodeId): RaftState {
    return known(this.states.get(id))
  }

  get last(): StepTaken {
    return stepAt(this.history, this.history.length - 1)
  }

  /** How many saves of a server are under way. */
  savesOf(id: NodeId): readonly Save[] {
    return known(this.saves.get(id))
  }

  do(id: NodeId, message: Message): this {
    const before = this.state(id)
    const [after, outputs] = step(before, message)
    this.states.set(id, after)
    this.history.push({ type: 'step', before, message, after, outputs })
    for (const output of outputs) this.perform(id, output)
    return this
  }

  hear(to: NodeId, from: NodeId, rpc: Rpc): this {
    return this.do(to, { type: 'receive', from, rpc })
  }

  propose(id: NodeId, ...commands: readonly JsonValue[]): this {
    return this.do(id, { type: 'propose', id: 'p', commands })
  }

  /** Delivers the oldest message from one to another. */
  deliver(from: NodeId, to: NodeId): this {
    const mail = known(this.mail.find((each) => each.from === from && each.to === to))
    this.mail = this.mail.filter((each) => each !== mail)
    return this.hear(to, from, mail.rpc)
  }

  /** The oldest save of a server is done, and the server is told. */
  write(id: NodeId): this {
    const { sequence, lastIndex } = this.spill(id)
    return this.do(id, { type: 'saved', sequence, lastIndex })
  }

  /** The oldest save of a server is done, and what it promises leaves, but the server has not been told yet. */
  spill(id: NodeId): Save {
    const save = known(known(this.saves.get(id)).shift())
    this.disks.set(id, written(known(this.disks.get(id)), save))
    this.post(id, save.then)
    return save
  }

  /** These servers do all they can among themselves; messages to and from others are lost. */
  settle(among: readonly NodeId[] = this.ids): this {
    for (;;) {
      const busy = among.find((id) => this.savesOf(id).length > 0)
      const asked = among.find((id) => known(this.answers.get(id)).length > 0)
      const mail = this.mail.shift()
      if (mail !== undefined) {
        if (among.includes(mail.from) && among.includes(mail.to)) this.hear(mail.to, mail.from, mail.rpc)
      } else if (busy !== undefined) this.write(busy)
      else if (asked !== undefined) this.do(asked, known(known(this.answers.get(asked)).shift()))
      else return this
    }
  }

  /** A server campaigns; these servers hear of it, and one another, until nothing is left to say. */
  elect(id: NodeId, among: readonly NodeId[] = this.ids): this {
    this.do(id, { type: 'campaign' }).settle(among)
    if (this.state(id).server.role.type !== 'leader') throw new Error(`${id} was not elected`)
    return this
  }

  /** Of the saves under way the first ones survive; the server starts again from its disk. */
  restart(id: NodeId, survivors = 0): this {
    this.history.push({ type: 'crash', id })
    const disk = this.savesOf(id)
      .slice(0, survivors)
      .reduce(written, known(this.disks.get(id)))
    this.disks.set(id, disk)
    const { hardState, log, snapshot } = disk
    const entries = slice(log, successor(log.baseIndex), log.lastIndex)
    const base = { index: log.baseIndex, term: log.baseTerm }
    this.begin(id, restart({ id, options: this.options, hardState, snapshot, base, entries }))
    return this
  }

  private post(from: NodeId, sends: readonly Send[]): void {
    for (const { to, rpc } of sends) this.mail.push({ from, to, rpc })
  }

  private perform(id: NodeId, output: Output): void {
    const answer = (message: Message): void => void known(this.answers.get(id)).push(message)
    switch (output.type) {
      case 'send':
        return this.post(id, [output])
      case 'save':
        return void known(this.saves.get(id)).push(output)
      case 'apply':
        return answer({ type: 'applied', index: output.entries.at(-1)?.index ?? INDEX_ZERO })
      case 'takeSnapshot':
        this.disks.set(id, { ...known(this.disks.get(id)), snapshot: output.snapshot })
        return answer({ type: 'snapshotTaken', index: output.snapshot.lastIncludedIndex })
      case 'readObject': {
        const { to, transferId, objectId } = output
        const nextObjectId = objectId === FIRST_OBJECT ? 1 : null
        return answer({ type: 'objectRead', to, transferId, objectId, data: `object ${objectId}`, nextObjectId })
      }
      case 'saveObject':
        return answer({
          type: 'objectSaved',
          transferId: output.transferId,
          objectId: output.objectId,
          nextObjectId: 1,
        })
      case 'installSnapshot':
        return answer({ type: 'snapshotInstalled', transferId: output.transferId })
      case 'accepted':
      case 'refused':
      case 'readReady':
      case 'transferEnded':
      case 'note':
        return
    }
  }
}

const written = (disk: Disk, { hardState, truncateFrom: from, entries, snapshot, compactTo: to }: Save): Disk => {
  const log = append(from === null ? disk.log : truncateFrom(disk.log, from), entries)
  const isCompacted = to !== null && to.index > log.baseIndex
  const rest = isCompacted && termAt(log, to.index) !== to.term ? emptyLog(to.index, to.term) : log
  return {
    hardState: hardState ?? disk.hardState,
    snapshot: snapshot ?? disk.snapshot,
    log: isCompacted && rest === log ? compactTo(log, to.index) : rest,
  }
}

export const known = <T>(value: T | undefined | null): T => {
  if (value === undefined || value === null) throw new Error('the test expects that there is one')
  return value
}

const tell = (ghost: Ghost, told: Told): void => {
  if (told.type === 'start') ghost.start(told.state)
  else if (told.type === 'crash') ghost.crash(told.id)
  else ghost.step(told.before, told.message, told.after, told.outputs, told.numbers)
}

/** The first claim that a history breaks, of those that count, and where; null for a lawful one. */
export const verdictOn = (history: History, checks: Iterable<CheckName> | null = null, isRead = false) => {
  const ghost = new Ghost({ checks, isRead })
  for (const [at, told] of history.entries())
    try {
      tell(ghost, told)
    } catch (error) {
      if (!(error instanceof ClaimViolation)) throw error
      return { check: error.check, claim: error.claim, at }
    }
  return null
}

/** Each claim that a history breaks when only that one counts. */
export const brokenBy = (history: History, isRead = false): readonly CheckName[] =>
  (Object.keys(CLAIMS) as CheckName[]).filter((check) => verdictOn(history, [check], isRead) !== null)

export const stepAt = (history: History, at: number): StepTaken => {
  const told = history[at]
  if (told?.type !== 'step') throw new Error('the test expects a step there')
  return told
}

/** The place of the last step, of a server, that is so. */
export const lastOf = (history: History, id: NodeId, isIt: (step: StepTaken) => boolean): number => {
  const at = history.findLastIndex((told) => told.type === 'step' && told.before.server.id === id && isIt(told))
  if (at < 0) throw new Error('the test expects such a step')
  return at
}

export const has =
  (type: Output['type']) =>
  ({ outputs }: StepTaken): boolean =>
    outputs.some((output) => output.type === type)

export const hears =
  (type: Rpc['type']) =>
  ({ message }: StepTaken): boolean =>
    message.type === 'receive' && message.rpc.type === type

/** The history up to a step, which went otherwise. What followed from it is left out. */
export const altered = (history: History, at: number, change: (step: StepTaken) => StepTaken): History => [
  ...history.slice(0, at),
  change(stepAt(history, at)),
]

/** The step with other outputs of one type. */
export const withOutput = <T extends Output['type']>(
  taken: StepTaken,
  type: T,
  change: (output: Extract<Output, { readonly type: T }>) => Output | readonly Output[],
): StepTaken => {
  if (!has(type)(taken)) throw new Error(`the test expects an output ${type}`)
  const isIt = (output: Output): output is Extract<Output, { readonly type: T }> => output.type === type
  return { ...taken, outputs: taken.outputs.flatMap((output) => (isIt(output) ? change(output) : [output])) }
}

export const withServer = (taken: StepTaken, fields: Partial<Server>): StepTaken => ({
  ...taken,
  after: { ...taken.after, server: { ...taken.after.server, ...fields } },
})
