import { InvariantViolation, UsageError } from '../../core/assert.ts'
import type { NodeId } from '../../core/ids.ts'
import { checkState } from '../../core/invariants/state.ts'
import { checkTransition } from '../../core/invariants/transition.ts'
import type { Message } from '../../core/message.ts'
import type { Output, Reducer } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import { step as coreStep } from '../../core/step.ts'
import { Disks } from './disks.ts'
import {
  valueFor,
  type FaultEvent,
  type Start,
  type StepEvent,
  type TraceEvent,
  type ViolationEvent,
} from '../format.ts'
import { Ghost } from '../checker/ghost.ts'
import { checkOf } from '../checker/violation.ts'
import { hashStep, hashValue } from '../hash.ts'
import { InFlight } from './in-flight.ts'
import { resolved, type Origin } from '../provenance.ts'
import { stateHashes } from '../record.ts'
import { ImpossibleStart, type Found, type Item, type Played, type PlayOptions, type Schedule } from './schedule.ts'
import { startState } from '../start.ts'

/** Few enough to be asked many times a second. */
const ASK_EVERY = 256

/** Plays a schedule with all checks; stops at the first claim that does not hold. */
export const playSchedule = (schedule: Schedule, options: PlayOptions = {}, histories?: DiskHistories): Played =>
  new Play(schedule, options, histories ?? null).run()

/** The disk of a node when it restarted, by restart: what makes its remains lawful. */
export type DiskHistories = ReadonlyMap<FaultEvent, DiskHistory>

interface DiskHistory {
  /** Everything that was written, as one hash. */
  readonly written: string
  /** How many of the saves under way the crash lost. */
  readonly lost: number
}

/** The disks of the schedule as it was recorded. */
export const diskHistoriesOf = (schedule: Schedule, options: PlayOptions = {}): DiskHistories => {
  const play = new Play(schedule, options, null)
  play.run()
  return play.restarts
}

interface Chosen {
  readonly message: Message
  /** Number of the step that it answers, in this play. */
  readonly src: number | null
}

class Play {
  /** The history of the disk at each restart. */
  readonly restarts = new Map<FaultEvent, DiskHistory>()
  private readonly schedule: Schedule
  private readonly options: PlayOptions
  private readonly step: Reducer
  private readonly recorded: DiskHistories | null
  private readonly states = new Map<NodeId, RaftState>()
  /** Of the nodes that restart: of no others does anybody ask. */
  private readonly histories = new Map<NodeId, string>()
  private ghost = new Ghost()
  private readonly inFlight = new InFlight()
  private readonly disks = new Disks()
  private readonly events: TraceEvent[] = []
  private readonly happened: Item[] = []
  /** By the step's number in the recorded trace: what came out of it now, and its number now. */
  private readonly outcomes = new Map<number, { readonly outputs: readonly Output[]; readonly i: number }>()
  private taken = 0

  constructor(schedule: Schedule, options: PlayOptions, recorded: DiskHistories | null) {
    this.schedule = schedule
    this.options = options
    this.step = options.step ?? coreStep
    this.recorded = recorded
    for (const { event } of schedule.items)
      if (event.t === 'fault' && event.kind === 'restart') this.histories.set(event.n, '')
  }

  run(): Played {
    const { header, items } = this.schedule
    let found: Found | null = null
    for (const node of header.nodes) {
      const start = valueFor(header.init, node)
      if (start !== undefined) found ??= this.start(node, start, 0, null)
    }
    let isStopped = false
    for (const [at, item] of items.entries()) {
      if (found !== null) break
      isStopped = at % ASK_EVERY === ASK_EVERY - 1 && this.options.shouldStop?.() === true
      if (isStopped) break
      found = item.event.t === 'in' ? this.take(item.event, item.origin, item) : this.fault(item.event, item)
    }
    const h = this.options.hashes === false ? {} : stateHashes(this.states)
    const end = { t: 'end', steps: this.taken, h } as const
    return {
      trace: { header, events: this.events, lines: null, end },
      items: this.happened,
      states: this.states,
      found,
      isStopped,
    }
  }

  private take(event: StepEvent, origin: Origin | null, item: Item): Found | null {
    const before = this.states.get(event.n)
    const chosen = before === undefined ? null : this.choose(event, origin, before)
    if (before === undefined || chosen === null) return null
    const { message, src } = chosen
    const { n, at } = event
    const next = { t: 'in', i: this.taken, n, at, m: message, ...(src === null ? {} : { src }) } as const
    try {
      if (message.type === 'receive') this.disks.heard(message.from, message.rpc)
      const [after, outputs] = this.step(before, message)
      this.states.set(n, after)
      this.outcomes.set(event.i, { outputs, i: this.taken })
      this.addStep(this.options.hashes === false ? next : { ...next, h: hashStep(after, outputs) }, item)
      this.remember(message, next.i, after, outputs)
      if (this.options.local !== false) {
        checkState(after)
        checkTransition(before, message, after, outputs)
      }
      this.ghost.step(before, message, after, outputs)
      this.options.claims?.(before, message, after, outputs, this.states)
      return null
    } catch (error) {
      // A message that makes no sense without what was left out: it does not happen.
      if (error instanceof UsageError) return null
      if (!(error instanceof InvariantViolation)) throw error
      if (this.taken === next.i) this.addStep(next, item)
      return this.violated(next, error)
    }
  }

  /** The very message, if the step that it answers went as it did; one of its kind otherwise, if there is any. */
  private choose(event: StepEvent, origin: Origin | null, state: RaftState): Chosen | null {
    if (origin === null) return { message: event.m, src: null }
    const source = this.outcomes.get(origin.step)
    const message = source === undefined ? null : resolved(event.m, event.n, origin, source.outputs)
    if (source !== undefined && message !== null) return { message, src: source.i }
    const alike = this.inFlight.alike(event.m, state)
    return alike === null ? null : { message: alike.message, src: alike.step }
  }

  private addStep(event: StepEvent, item: Item): void {
    this.events.push(event)
    this.happened.push(item)
    this.taken++
  }

  private violated({ i, n, at }: Pick<StepEvent, 'i' | 'n' | 'at'>, error: InvariantViolation): Found {
    const { claim, message: detail } = error
    const violation: ViolationEvent = { t: 'viol', at, i, n, claim, detail }
    this.events.push(violation)
    return { check: checkOf(error), claim, detail }
  }

  /** What is under way now; and everything that went to the disk in this life of the node, as one hash. */
  private remember(message: Message, i: number, after: RaftState, outputs: readonly Output[]): void {
    const node = after.server.id
    this.inFlight.add(node, i, outputs)
    this.disks.write(message, after, outputs)
    if (message.type === 'saved') this.inFlight.saved(node, message.sequence)
    const known = this.histories.get(node)
    if (known === undefined) return
    let history = message.type === 'saved' ? hashValue([known, message.sequence]) : known
    for (const output of outputs) {
      if (output.type !== 'save' && output.type !== 'takeSnapshot' && output.type !== 'saveObject') continue
      const written = output.type === 'save' ? { ...output, then: [] } : output
      history = hashValue([history, hashValue(written)])
    }
    this.histories.set(node, history)
  }

  private fault(event: FaultEvent, item: Item): Found | null {
    if (event.kind === 'crash' && !this.states.delete(event.n)) return null
    const start = event.kind === 'restart' ? this.startOf(event) : null
    if (event.kind === 'restart' && start === null) return null
    if (event.kind === 'restart' && start !== null && !this.isPossible(event, start)) return null
    if ('n' in event) this.inFlight.crash(event.n)
    if (event.kind === 'crash') this.ghost.crash(event.n)
    this.events.push(event.kind === 'restart' && start !== null ? { ...event, start } : event)
    this.happened.push(item)
    return event.kind === 'restart' && start !== null ? this.start(event.n, start, event.at, event) : null
  }

  /** In a smaller run a disk may come to hold what makes no server: then it does not come back. */
  private isPossible(event: FaultEvent & { readonly n: NodeId }, start: Start): boolean {
    if (this.recorded === null) return true
    try {
      startState(this.schedule.header, event.n, start)
      return true
    } catch (error) {
      if (error instanceof UsageError || error instanceof InvariantViolation) return false
      throw error
    }
  }

  /** As recorded, if the disk is the one that was recorded; otherwise what the disk of this play gives back. */
  private startOf(event: Extract<FaultEvent, { readonly kind: 'restart' }>): Start | null {
    const { n, start } = event
    const written = this.histories.get(n) ?? ''
    const known = this.recorded?.get(event)
    if (this.recorded === null)
      this.restarts.set(event, { written, lost: start.how === 'restart' ? this.disks.lostAt(n, start) : 0 })
    const isSame = this.recorded === null || known?.written === written
    if (start.how === 'birth' || isSame) return start
    return start.how === 'restart' ? this.disks.restart(n, start, known?.lost ?? 0) : null
  }

  private start(node: NodeId, start: Start, at: number, event: FaultEvent | null): Found | null {
    const state = this.stateOf(node, start, event)
    this.states.set(node, state)
    this.disks.begin(state)
    const history = this.histories.get(node)
    if (history !== undefined) this.histories.set(node, hashValue([history, hashValue(start)]))
    // Nothing that was known holds of a state that somebody put in place by hand.
    if (start.how === 'state') {
      this.ghost = Ghost.of(this.states.values())
      return null
    }
    try {
      this.ghost.start(state)
      return null
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      return this.violated({ i: Math.max(0, this.taken - 1), n: node, at }, error)
    }
  }

  /** @throws ImpossibleStart for a start that makes no server */
  private stateOf(node: NodeId, start: Start, event: FaultEvent | null): RaftState {
    try {
      return startState(this.schedule.header, node, start)
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof InvariantViolation)) throw error
      throw new ImpossibleStart(`${node} cannot start: ${error.message}`, event)
    }
  }
}
