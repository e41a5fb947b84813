import { InvariantViolation, UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import { checkState } from '../core/invariants/state.ts'
import { checkTransition } from '../core/invariants/transition.ts'
import type { Output, Reducer } from '../core/output.ts'
import type { RaftState } from '../core/state.ts'
import { step as coreStep } from '../core/step.ts'
import {
  hasHashes,
  lineOf,
  valueFor,
  type Start,
  type StepEvent,
  type Trace,
  type TraceEvent,
  type ViolationEvent,
} from './format.ts'
import { Ghost } from './checker/ghost.ts'
import { hashState, hashStep } from './hash.ts'
import { startState } from './start.ts'

/** One step as it was replayed. */
export interface Replayed {
  readonly event: StepEvent
  readonly line: number
  readonly before: RaftState
  readonly after: RaftState
  readonly outputs: readonly Output[]
}

export interface ReplayOptions {
  /** The last step to take. Default: all. */
  readonly until?: number
  /** Compare the hashes that the trace holds. Default true. */
  readonly hashes?: boolean
  /** Check every claim about states, steps and the cluster after each step. Default false. */
  readonly claims?: boolean
  /** Another reducer than the core's: a changed one, to see where it departs. */
  readonly step?: Reducer
  readonly onStep?: (step: Replayed) => void
}

/** How a replay ended. */
export type Ending =
  /** It went through; whatever hashes there are agree. */
  | { readonly type: 'complete' }
  | Divergence
  | Broken
  /** The trace asks for something that no recorder saw: a message to a server that is down, say. */
  | { readonly type: 'invalid'; readonly line: number; readonly reason: string }

/** The first place at which this reducer gives something else than the recorded one did. */
export interface Divergence {
  readonly type: 'diverged'
  readonly line: number
  /** The step; null at the end of the trace, where states are compared once more. */
  readonly i: number | null
  readonly node: NodeId
  readonly expected: string
  /** What came of it here: a hash, or the error that was thrown. */
  readonly got: string
  /** The last step of this node whose hash agreed: what went wrong went wrong after it. */
  readonly agreedAt: number | null
  /** The state that was recorded, if the trace holds states. */
  readonly recorded: JsonValue | null
  /** The states around the step, as far as they exist, and its outputs. */
  readonly before: RaftState | null
  readonly after: RaftState | null
  readonly outputs: readonly Output[]
}

/** A claim that does not hold. */
export interface Broken {
  readonly type: 'violated'
  readonly line: number
  readonly i: number
  readonly node: NodeId
  readonly claim: string
  readonly detail: string
  readonly before: RaftState
  /** Null when the reducer itself threw. */
  readonly after: RaftState | null
}

export interface Replay {
  /** Every server that is up, as it is after the last step taken. */
  readonly states: ReadonlyMap<NodeId, RaftState>
  readonly steps: number
  readonly hashesCompared: number
  readonly ending: Ending
  /** The violations that whoever recorded had seen, as far as the replay came. */
  readonly recorded: readonly ViolationEvent[]
}

/** Takes every step of a trace again, up to the end or the first thing that is not as it should be. */
export const replay = (trace: Trace, options: ReplayOptions = {}): Replay => new Player(trace, options).run()

class Player {
  private readonly trace: Trace
  private readonly options: ReplayOptions
  private readonly step: Reducer
  private readonly compares: boolean
  private readonly states = new Map<NodeId, RaftState>()
  private readonly agreed = new Map<NodeId, number>()
  private readonly recorded: ViolationEvent[] = []
  private claims: Ghost | null
  private steps = 0
  private hashesCompared = 0

  constructor(trace: Trace, options: ReplayOptions) {
    this.trace = trace
    this.options = options
    this.step = options.step ?? coreStep
    this.compares = (options.hashes ?? true) && hasHashes(trace.header)
    this.claims = (options.claims ?? false) ? new Ghost({ isRead: true }) : null
  }

  run(): Replay {
    const ending = this.begin() ?? this.play() ?? this.compareEnd()
    const { states, steps, hashesCompared, recorded } = this
    return { states, steps, hashesCompared, ending, recorded }
  }

  private begin(): Ending | null {
    const { init } = this.trace.header
    for (const node of this.trace.header.nodes) {
      const start = valueFor(init, node)
      const problem = start === undefined ? null : this.start(node, start, 1)
      if (problem !== null) return problem
    }
    return null
  }

  private play(): Ending | null {
    const { events } = this.trace
    const until = this.options.until ?? Infinity
    for (let at = 0; at < events.length; at++) {
      const event = events[at]
      if (event === undefined) continue
      // What belongs to the last step wanted (its violation, say) is still told; the next step is not taken.
      if (event.t === 'in' && event.i > until) return { type: 'complete' }
      const ending = event.t === 'in' ? this.take(event, at) : this.other(event, at)
      if (ending !== null) return ending
    }
    return null
  }

  private take(event: StepEvent, at: number): Ending | null {
    const before = this.states.get(event.n)
    if (before === undefined) return this.invalid(at, `${event.n} is not running`)
    let after: RaftState
    let outputs: readonly Output[]
    try {
      ;[after, outputs] = this.step(before, event.m)
    } catch (error) {
      return this.thrown(event, at, before, error)
    }
    this.states.set(event.n, after)
    this.steps++
    if (event.h !== undefined && this.compares) {
      const differs = this.compare(event, at, { before, after, outputs })
      if (differs !== null) return differs
    }
    this.options.onStep?.({ event, line: lineOf(this.trace, at), before, after, outputs })
    return this.claims === null ? null : this.check(this.claims, event, at, { before, after, outputs })
  }

  private compare(event: StepEvent, at: number, step: Pick<Replayed, 'before' | 'after' | 'outputs'>): Ending | null {
    const expected = event.h ?? ''
    const got = hashStep(step.after, step.outputs)
    this.hashesCompared++
    if (got !== expected) return this.diverged(event, at, { expected, got, ...step })
    this.agreed.set(event.n, event.i)
    return null
  }

  private diverged(
    event: StepEvent,
    at: number,
    seen: Pick<Divergence, 'expected' | 'got' | 'before' | 'after' | 'outputs'>,
  ): Divergence {
    return {
      type: 'diverged',
      line: lineOf(this.trace, at),
      i: event.i,
      node: event.n,
      agreedAt: this.agreed.get(event.n) ?? null,
      recorded: event.s ?? null,
      ...seen,
    }
  }

  /** A claim of the reducer's own broke, or it was misused, which its recorder would not have survived either. */
  private thrown(event: StepEvent, at: number, before: RaftState, error: unknown): Ending {
    if (error instanceof InvariantViolation) return this.broken(event, at, { before, after: null }, error)
    if (!(error instanceof UsageError)) throw error
    const got = `${error.name}: ${error.message}`
    return this.diverged(event, at, { expected: 'a step', got, before, after: null, outputs: [] })
  }

  private check(
    claims: Ghost,
    event: StepEvent,
    at: number,
    { before, after, outputs }: Pick<Replayed, 'before' | 'after' | 'outputs'>,
  ): Ending | null {
    try {
      checkState(after)
      checkTransition(before, event.m, after, outputs)
      claims.step(before, event.m, after, outputs, event)
      return null
    } catch (error) {
      if (error instanceof InvariantViolation) return this.broken(event, at, { before, after }, error)
      throw error
    }
  }

  private broken(
    event: StepEvent,
    at: number,
    states: Pick<Broken, 'before' | 'after'>,
    error: InvariantViolation,
  ): Broken {
    const { claim, message: detail } = error
    const line = lineOf(this.trace, at)
    // The line after a step that failed says so.
    const next = this.trace.events[at + 1]
    if (next?.t === 'viol' && next.i === event.i) this.recorded.push(next)
    return { type: 'violated', line, i: event.i, node: event.n, claim, detail, ...states }
  }

  private other(event: Exclude<TraceEvent, StepEvent>, at: number): Ending | null {
    if (event.t === 'viol') this.recorded.push(event)
    if (event.t !== 'fault') return null
    if (event.kind === 'crash') {
      this.agreed.delete(event.n)
      this.claims?.crash(event.n)
      return this.states.delete(event.n) ? null : this.invalid(at, `${event.n} crashes, but is not running`)
    }
    return event.kind === 'restart' ? this.start(event.n, event.start, lineOf(this.trace, at)) : null
  }

  private start(node: NodeId, start: Start, line: number): Ending | null {
    let state: RaftState
    try {
      state = startState(this.trace.header, node, start)
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof InvariantViolation)) throw error
      return { type: 'invalid', line, reason: `${node} cannot start: ${error.message}` }
    }
    this.states.set(node, state)
    return this.claims === null ? null : this.remember(this.claims, state, start, line)
  }

  /** A server that has forgotten what it promised breaks a claim by starting. */
  private remember(claims: Ghost, state: RaftState, start: Start, line: number): Ending | null {
    // Nothing that was known holds of a state that somebody put in place by hand.
    if (start.how === 'state') {
      this.claims = Ghost.of(this.states.values(), { isRead: true })
      return null
    }
    try {
      claims.start(state)
      return null
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      const { claim, message: detail } = error
      const i = Math.max(0, this.steps - 1)
      return { type: 'violated', line, i, node: state.server.id, claim, detail, before: state, after: state }
    }
  }

  private compareEnd(): Ending {
    const { end, events } = this.trace
    if (end === null || !this.compares) return { type: 'complete' }
    const line = lineOf(this.trace, events.length - 1) + 1
    for (const [node, after] of this.states) {
      const expected = valueFor(end.h, node) ?? 'not running'
      const got = hashState(after)
      this.hashesCompared++
      if (got === expected) continue
      const agreedAt = this.agreed.get(node) ?? null
      const seen = { expected, got, agreedAt, recorded: null, before: null, after, outputs: [] }
      return { type: 'diverged', line, i: null, node, ...seen }
    }
    const missing = Object.keys(end.h).find((node) => !this.states.has(node as NodeId))
    return missing === undefined ? { type: 'complete' } : { type: 'invalid', line, reason: `${missing} is not running` }
  }

  private invalid(at: number, reason: string): Ending {
    return { type: 'invalid', line: lineOf(this.trace, at), reason }
  }
}
