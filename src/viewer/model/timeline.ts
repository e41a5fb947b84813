import { InvariantViolation, UsageError } from '../../core/assert.ts'
import type { NodeId } from '../../core/ids.ts'
import type { Output, Reducer } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import { step as coreStep } from '../../core/step.ts'
import { valueFor, type Start, type StepEvent, type Trace, type TraceEvent } from '../../trace/format.ts'
import { startState } from '../../trace/start.ts'
import { Ints } from './ints.ts'
import { bitsOfEvent, bitsOfStep } from './kinds.ts'
import { Traffic } from './traffic.ts'

/** Events between two checkpoints: seeking replays half of that on the average. */
export const CHECKPOINT_EVERY = 256
const BLOCKS_KEPT = 6

/** One step as it went here. */
export interface Taken {
  readonly event: StepEvent
  readonly before: RaftState
  readonly after: RaftState
  readonly outputs: readonly Output[]
}

/** The states of all nodes after an event, in the order of the header; null for one that is down. */
export type States = readonly (RaftState | null)[]

/** Why the replay does not reach the end of the trace. */
export interface Halt {
  readonly at: number
  readonly reason: string
  readonly claim: string | null
}

export interface Leadership {
  readonly node: number
  readonly term: number
  readonly from: number
  to: number
}

interface Block {
  readonly number: number
  /** By place in the block: the states after each event, and the step if it is one. */
  readonly states: readonly States[]
  readonly taken: readonly (Taken | null)[]
}

/**
 * A trace, replayed once: what each event is about, who led when, which message arrived where, and a checkpoint of all
 * states now and then. Positions count events, from 0; a step is an event of type `in`.
 */
export class Timeline {
  readonly trace: Trace
  readonly nodes: readonly NodeId[]
  readonly traffic = new Traffic()
  /** By event: bits of kinds, the node's place (−1: none), and of its state afterwards term, commitIndex and last index. */
  readonly bits = new Ints()
  readonly node = new Ints()
  readonly term = new Ints()
  readonly commit = new Ints()
  readonly last = new Ints()
  /** By event: the event of the same node before it, −1 for the first. */
  readonly previous = new Ints()
  /** By step: its event. */
  readonly eventOfStep = new Ints()
  readonly leaderships: Leadership[] = []
  halt: Halt | null = null
  private readonly step: Reducer
  private readonly places = new Map<NodeId, number>()
  private readonly checkpoints: States[] = []
  private readonly lastOf: number[]
  private current: (RaftState | null)[]
  private blocks: Block[] = []

  constructor(trace: Trace, step: Reducer = coreStep) {
    this.trace = trace
    this.step = step
    this.nodes = trace.header.nodes
    for (const [place, id] of this.nodes.entries()) this.places.set(id, place)
    this.current = this.nodes.map((id) => this.born(id))
    this.lastOf = this.nodes.map(() => -1)
  }

  /** Events that are replayed; states exist for those. */
  get length(): number {
    return this.bits.length
  }

  placeOf(node: string): number {
    return this.places.get(node as NodeId) ?? -1
  }

  /** Replays up to `count` further events. False when all is done. */
  advance(count: number): boolean {
    const { events } = this.trace
    const end = Math.min(events.length, this.length + count)
    for (let at = this.length; at < end && this.halt === null; at++) {
      const event = events[at]
      if (event === undefined) break
      if (at % CHECKPOINT_EVERY === 0) this.checkpoints.push([...this.current])
      this.read(event, at)
    }
    return this.halt === null && this.length < events.length
  }

  /** The states before any event. */
  get births(): States {
    return this.checkpoints[0] ?? this.current
  }

  statesAt(at: number): States {
    if (at < 0) return this.births
    return this.block(at)?.states[at % CHECKPOINT_EVERY] ?? this.births
  }

  /** The step at an event; null for one that is none. */
  takenAt(at: number): Taken | null {
    return at < 0 ? null : (this.block(at)?.taken[at % CHECKPOINT_EVERY] ?? null)
  }

  private block(at: number): Block | null {
    const number = Math.floor(at / CHECKPOINT_EVERY)
    const known = this.blocks.find((block) => block.number === number)
    if (known !== undefined) return known
    const start = this.checkpoints[number]
    if (start === undefined) return null
    const block = this.replayed(number, start)
    this.blocks = [block, ...this.blocks.slice(0, BLOCKS_KEPT - 1)]
    return block
  }

  private replayed(number: number, start: States): Block {
    const first = number * CHECKPOINT_EVERY
    const end = Math.min(this.length, first + CHECKPOINT_EVERY)
    const states: States[] = []
    const taken: (Taken | null)[] = []
    const now = [...start]
    for (let at = first; at < end; at++) {
      const event = this.trace.events[at]
      taken.push(event === undefined ? null : this.apply(event, now))
      states.push([...now])
    }
    return { number, states, taken }
  }

  private born(id: NodeId): RaftState | null {
    const start = valueFor(this.trace.header.init, id)
    return start === undefined ? null : this.start(id, start, -1)
  }

  private start(id: NodeId, start: Start, at: number): RaftState | null {
    try {
      return startState(this.trace.header, id, start)
    } catch (error) {
      this.stop(at, `${id} cannot start`, error)
      return null
    }
  }

  /** Carries out an event on these states. @throws what the reducer throws */
  private apply(event: TraceEvent, states: (RaftState | null)[]): Taken | null {
    if (event.t === 'fault') {
      if (event.kind === 'crash') states[this.placeOf(event.n)] = null
      if (event.kind === 'restart') states[this.placeOf(event.n)] = startState(this.trace.header, event.n, event.start)
      return null
    }
    if (event.t !== 'in') return null
    const place = this.placeOf(event.n)
    const before = states[place] ?? null
    if (before === null) throw new UsageError(`${event.n} takes a step, but is not running`)
    const [after, outputs] = this.step(before, event.m)
    states[place] = after
    return { event, before, after, outputs }
  }

  private read(event: TraceEvent, at: number): void {
    let taken: Taken | null
    try {
      taken = this.apply(event, this.current)
    } catch (error) {
      this.stop(at, 'the reducer refuses this event', error)
      return
    }
    const place = 'n' in event && event.n !== undefined ? this.placeOf(event.n) : -1
    const state = place === -1 ? null : (this.current[place] ?? null)
    this.node.push(place)
    this.term.push(state?.server.currentTerm ?? 0)
    this.commit.push(state?.server.commitIndex ?? 0)
    this.last.push(state?.log.lastIndex ?? 0)
    this.previous.push(place === -1 ? -1 : (this.lastOf[place] ?? -1))
    if (place !== -1 && event.t !== 'viol') this.lastOf[place] = at
    if (taken === null) {
      this.bits.push(event.t === 'in' ? 0 : bitsOfEvent(event))
      this.traffic.skip()
      if (event.t === 'fault' && event.kind === 'crash') this.traffic.crash(event.n)
    } else {
      const { before, after, outputs } = taken
      this.bits.push(bitsOfStep(before, taken.event.m, after, outputs))
      this.traffic.step(at, taken.event.n, taken.event.m, outputs)
      this.eventOfStep.push(at)
    }
    if (place !== -1) this.lead(place, state, at)
  }

  private readonly leading: (Leadership | null)[] = []

  /** Keeps the spans in which a node led. */
  private lead(place: number, state: RaftState | null, at: number): void {
    const open = this.leading[place] ?? null
    const term = state?.server.role.type === 'leader' ? state.server.currentTerm : null
    if (open !== null) {
      open.to = at
      if (open.term === term) return
      this.leading[place] = null
    }
    if (term === null) return
    const span = { node: place, term, from: at, to: at }
    this.leading[place] = span
    this.leaderships.push(span)
  }

  private stop(at: number, what: string, error: unknown): void {
    if (!(error instanceof InvariantViolation || error instanceof UsageError)) throw error
    const claim = error instanceof InvariantViolation ? error.claim : null
    this.halt = { at, reason: `${what}: ${error.message}`, claim }
  }
}
