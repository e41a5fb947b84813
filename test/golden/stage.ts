import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Options } from '../../src/core/config.ts'
import type { Entry, JsonValue } from '../../src/core/entry.ts'
import { INDEX_ZERO, index, nodeId, successor, term, type NodeId, type ObjectId } from '../../src/core/ids.ts'
import { applySave } from '../../src/core/log/apply-save.ts'
import { append, emptyLog, slice, type Log } from '../../src/core/log/log.ts'
import type { Message } from '../../src/core/message.ts'
import type { HardState, Output, Save } from '../../src/core/output.ts'
import type { Rpc, SnapshotMeta } from '../../src/core/rpc.ts'
import { birthSnapshot, restart, type Remains } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { Recorder } from '../../src/trace/record.ts'
import { restartOf } from '../../src/trace/start.ts'

export interface StageOptions {
  readonly servers?: number
  readonly options?: Partial<Options>
  /** The terms of entries that every server begins with. */
  readonly terms?: readonly number[]
  /** What every snapshot consists of. */
  readonly objects?: readonly string[]
}

interface Disk {
  readonly hardState: HardState
  readonly snapshot: SnapshotMeta
  readonly log: Log
}

interface Actor {
  readonly id: NodeId
  /** Null while it is down. */
  state: RaftState | null
  disk: Disk
  /** Its disk does nothing. */
  isHeld: boolean
  /** What its disk and its machine will say next. */
  answers: (() => void)[]
}

interface Letter {
  readonly from: NodeId
  readonly to: NodeId
  readonly rpc: Rpc
  readonly src: number
}

/** Text between the events of a trace: it stands before the event of this number. */
export interface Heading {
  readonly before: number
  readonly text: string
  /** What follows is told elsewhere, and is left out here. */
  readonly isAside: boolean
}

/**
 * Servers on a stage: nothing happens unless the script says so, but for what disks and machines answer, which they do
 * at once unless held. A recorder writes down all of it.
 */
export class Stage {
  readonly lines: string[] = []
  readonly headings: Heading[] = []
  private readonly recorder: Recorder
  private readonly actors: ReadonlyMap<NodeId, Actor>
  private readonly options: Partial<Options>
  private readonly objects: readonly string[]
  private letters: Letter[] = []
  private groups: readonly (readonly NodeId[])[] = []
  private events = 0

  constructor({ servers = 3, options = {}, terms = [], objects = ['the state'] }: StageOptions) {
    const nodes = Array.from({ length: servers }, (_, at) => nodeId(`n${at + 1}`))
    this.options = options
    this.objects = objects
    const disk: Disk = {
      hardState: { currentTerm: term(Math.max(0, ...terms)), votedFor: null },
      snapshot: birthSnapshot(configurationOf(nodes)),
      log: append(emptyLog(), terms.map(entryOf)),
    }
    const start = (id: NodeId): RaftState => restart({ ...remainsOf(id, disk), options })
    this.actors = new Map(nodes.map((id) => [id, { id, state: start(id), disk, isHeld: false, answers: [] }]))
    const init = Object.fromEntries(nodes.map((id) => [id, restartOf(remainsOf(id, disk))]))
    this.recorder = new Recorder({ nodes, init, options }, (line) => this.lines.push(line))
  }

  /** What a reader should know before what follows. */
  scene(text: string): void {
    this.headings.push({ before: this.events, text, isAside: false })
  }

  /** What happens up to the next scene is no part of the story. */
  aside(text: string): void {
    this.headings.push({ before: this.events, text, isAside: true })
  }

  tick(node: string, times = 1): void {
    for (let at = 0; at < times; at++) this.tell(node, { type: 'tick' })
  }

  /** Time passes for one server until its election timer runs out and it asks for votes. */
  timeOut(node: string): void {
    const asked = this.letters.length
    while (this.letters.length === asked) this.tick(node)
  }

  propose(node: string, id: string, ...commands: readonly JsonValue[]): void {
    this.tell(node, { type: 'propose', id, commands })
  }

  tell(node: string, message: Message): void {
    this.take(this.actor(node), message)
  }

  /** The oldest letters between two servers arrive: one, or as many as are said. */
  deliver(from: string, to: string, letters = 1): void {
    for (let at = 0; at < letters; at++) {
      const found = this.letters.findIndex((letter) => letter.from === from && letter.to === to)
      const letter = this.letters[found]
      if (letter === undefined) throw new Error(`nothing is under way from ${from} to ${to}`)
      this.letters.splice(found, 1)
      this.arrive(letter)
    }
  }

  /** All letters arrive, and the answers to them, and so on, in the order in which they were sent. */
  settle(): void {
    for (let letter = this.letters.shift(); letter !== undefined; letter = this.letters.shift()) this.arrive(letter)
  }

  /** All letters under way are lost, or those to one server. */
  lose(to?: string): void {
    const lost = this.letters.filter((letter) => to === undefined || letter.to === to)
    this.letters = this.letters.filter((letter) => !lost.includes(letter))
    for (const letter of lost) this.drop(letter)
  }

  /** From now on letters between these groups are lost. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.groups = groups.map((group) => group.map((name) => nodeId(name)))
    this.recorder.fault({ kind: 'partition', at: this.events++, groups: this.groups })
  }

  heal(): void {
    this.groups = []
    this.recorder.fault({ kind: 'heal', at: this.events++ })
  }

  /** The server's disk takes its time: what was promised for after a save waits. */
  holdDisk(node: string): void {
    this.actor(node).isHeld = true
  }

  crash(node: string): void {
    const actor = this.actor(node)
    actor.state = null
    actor.isHeld = false
    actor.answers = []
    this.recorder.fault({ kind: 'crash', at: this.events++, n: actor.id })
  }

  restart(node: string): void {
    const actor = this.actor(node)
    const remains = remainsOf(actor.id, actor.disk)
    actor.state = restart({ ...remains, options: this.options })
    this.recorder.fault({ kind: 'restart', at: this.events++, n: actor.id, start: restartOf(remains) })
  }

  end(): void {
    this.recorder.end()
  }

  /** Every server's state as it is now. */
  get cast(): readonly { readonly id: NodeId; readonly state: RaftState | null }[] {
    return [...this.actors.values()]
  }

  private actor(node: string): Actor {
    const actor = this.actors.get(nodeId(node))
    if (actor === undefined) throw new Error(`${node} is not on the stage`)
    return actor
  }

  private running(node: string): RaftState {
    const { state } = this.actor(node)
    if (state === null) throw new Error(`${node} is down`)
    return state
  }

  private arrive(letter: Letter): void {
    const group = this.groups.find((names) => names.includes(letter.from))
    const actor = this.actor(letter.to)
    if ((group !== undefined && !group.includes(letter.to)) || actor.state === null) return this.drop(letter)
    this.take(actor, { type: 'receive', from: letter.from, rpc: letter.rpc }, letter.src)
  }

  private drop({ from, to, rpc, src }: Letter): void {
    this.recorder.net({ kind: 'drop', at: this.events++, src, from, to, rpc: rpc.type })
  }

  private take(actor: Actor, message: Message, src?: number): void {
    const [state, outputs] = step(this.running(actor.id), message)
    actor.state = state
    const i = this.recorder.step(actor.id, this.events++, message, state, outputs, src)
    for (const output of outputs) this.perform(actor, output, i)
    for (let answer = actor.answers.shift(); answer !== undefined; answer = actor.answers.shift()) answer()
  }

  private perform(actor: Actor, output: Output, src: number): void {
    const answer = (message: Message): void =>
      void actor.answers.push(() => {
        this.take(actor, message, src)
      })
    switch (output.type) {
      case 'send':
        return void this.letters.push({ from: actor.id, to: output.to, rpc: output.rpc, src })
      case 'save':
        return this.save(actor, output, src, answer)
      case 'apply':
        return answer({ type: 'applied', index: output.entries.at(-1)?.index ?? INDEX_ZERO })
      case 'takeSnapshot':
        actor.disk = { ...actor.disk, snapshot: output.snapshot }
        return answer({ type: 'snapshotTaken', index: output.snapshot.lastIncludedIndex })
      case 'readObject':
        return answer({ type: 'objectRead', to: output.to, transferId: output.transferId, ...this.object(output.objectId) })
      case 'saveObject': {
        const { transferId, objectId } = output
        return answer({ type: 'objectSaved', transferId, objectId, nextObjectId: Number(objectId) + 1 })
      }
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

  private object(objectId: ObjectId) {
    const next = Number(objectId) + 1
    const data = this.objects[Number(objectId)] ?? ''
    return { objectId, data, nextObjectId: next < this.objects.length ? next : null }
  }

  private save(actor: Actor, save: Save, src: number, answer: (message: Message) => void): void {
    if (actor.isHeld) return
    actor.disk = applySave(actor.disk, save)
    for (const { to, rpc } of save.then) this.letters.push({ from: actor.id, to, rpc, src })
    answer({ type: 'saved', sequence: save.sequence, lastIndex: save.lastIndex })
  }
}

const entryOf = (inTerm: number, at: number): Entry => ({
  type: 'command',
  index: index(at + 1),
  term: term(inTerm),
  bytes: 8,
  command: `old ${at + 1}`,
})

const remainsOf = (id: NodeId, { hardState, snapshot, log }: Disk): Remains => ({
  id,
  hardState,
  snapshot,
  base: { index: log.baseIndex, term: log.baseTerm },
  entries: slice(log, successor(log.baseIndex), log.lastIndex),
})
