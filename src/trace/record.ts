import { InvariantViolation, UsageError } from '../core/assert.ts'
import { optionsOf, type Options } from '../core/config.ts'
import type { NodeId } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import type { Output, Reducer } from '../core/output.ts'
import type { Seed } from '../core/random.ts'
import type { RaftState } from '../core/state.ts'
import { step as coreStep } from '../core/step.ts'
import { Encoder } from './encode.ts'
import {
  CORE_VERSION,
  FORMAT_VERSION,
  valueFor,
  type FaultEvent,
  type Header,
  type NetEvent,
  type OperationEvent,
  type Start,
  type StepEvent,
  type TraceEvent,
  type ViolationEvent,
} from './format.ts'
import { hashState, hashStep } from './hash.ts'
import { startState } from './start.ts'

/** What is known when a recording begins. */
export interface Beginning {
  readonly nodes: readonly NodeId[]
  /** How they begin, by name; a node may also begin later, by `restart`. */
  readonly init: Readonly<Record<string, Start>>
  readonly options?: Partial<Options>
  /** The seed of every start that names none. */
  readonly seed?: Seed
}

export interface RecorderOptions {
  /** Hash every so many steps of each node, its first included. 0: never. Default 64. */
  readonly hashEvery?: number
  /** Beside every hash the state itself, for a divergence to show both. Large. Default false. */
  readonly states?: boolean
}

/** A header for nodes that begin as told. */
export const headerOf = ({ nodes, init, options = {}, seed = 0 }: Beginning): Header => ({
  t: 'hdr',
  v: FORMAT_VERSION,
  core: CORE_VERSION,
  options: optionsOf(options),
  seed,
  nodes,
  init,
})

/** An event without what the recorder itself knows. */
type Told<T> = T extends unknown ? Omit<T, 't'> : never

/**
 * Records what goes into reducers, as lines without line feeds. A fold: equal calls write equal lines. It is told of
 * every step after it was taken, and keeps nothing but each node's last state.
 */
export class Recorder {
  private readonly encoder: Encoder
  private readonly header: Header
  private readonly hashEvery: number
  private readonly withStates: boolean
  private readonly states = new Map<NodeId, RaftState>()
  private readonly stepsOf = new Map<NodeId, number>()
  private taken = 0

  constructor(beginning: Beginning, write: (line: string) => void, options: RecorderOptions = {}) {
    this.header = headerOf(beginning)
    this.hashEvery = options.hashEvery ?? 64
    this.withStates = options.states ?? false
    for (const node of beginning.nodes) {
      const start = valueFor(beginning.init, node)
      if (start !== undefined) this.states.set(node, startState(this.header, node, start))
    }
    this.encoder = new Encoder(this.header, write)
  }

  /** How many steps were recorded: the number of the next one. */
  get steps(): number {
    return this.taken
  }

  /** One step: `step(…, message)` of node `n` gave `state` and `outputs`. Returns its number, a `src` for what follows. */
  step(n: NodeId, at: number, message: Message, state: RaftState, outputs: readonly Output[], src?: number): number {
    const counted = this.stepsOf.get(n) ?? 0
    if (counted === 0) this.checkNode(n)
    this.stepsOf.set(n, counted + 1)
    this.states.set(n, state)
    const isHashed = this.hashEvery > 0 && counted % this.hashEvery === 0
    return this.write({
      ...this.event(n, at, message, src),
      ...(isHashed ? { h: hashStep(state, outputs) } : {}),
      // A state is plain data; its types merely say more than JSON's.
      ...(isHashed && this.withStates ? { s: state as unknown as NonNullable<StepEvent['s']> } : {}),
    })
  }

  /** The message that a reducer did not survive. Returns its number, for the violation that follows. */
  lost(n: NodeId, at: number, message: Message): number {
    return this.write(this.event(n, at, message))
  }

  /** The same, with the claim of the InvariantViolation that it threw. */
  failed(n: NodeId, at: number, message: Message, claim: string, detail?: string): void {
    const i = this.lost(n, at, message)
    this.violation({ at, i, n, claim, ...(detail === undefined ? {} : { detail }) })
  }

  violation(violation: Told<ViolationEvent>): void {
    this.encoder.event({ t: 'viol', ...violation })
  }

  net(event: Told<NetEvent>): void {
    this.encoder.event({ t: 'net', ...event })
  }

  /** A restart says what the disk gave back; from then on the node is that new server. */
  fault(event: Told<FaultEvent>): void {
    const fault: FaultEvent = { t: 'fault', ...event }
    if ('n' in fault) this.checkNode(fault.n)
    if (fault.kind === 'crash') this.states.delete(fault.n)
    if (fault.kind === 'restart') this.states.set(fault.n, startState(this.header, fault.n, fault.start))
    this.encoder.event(fault)
  }

  operation(event: Told<OperationEvent>): void {
    this.encoder.event({ t: 'op', ...event })
  }

  /** Closes the trace; without this line it counts as cut short. */
  end(): void {
    this.encoder.end({ t: 'end', steps: this.taken, h: stateHashes(this.states) })
  }

  /** What a trace may name is decided at its beginning; its reader refuses the rest. */
  private checkNode(n: NodeId): void {
    if (!this.header.nodes.includes(n)) throw new UsageError('a recording is of the nodes that it began with', { n })
  }

  private event(n: NodeId, at: number, m: Message, src?: number): StepEvent {
    if (!this.stepsOf.has(n)) this.checkNode(n)
    return { t: 'in', i: this.taken, n, at, m, ...(src === undefined ? {} : { src }) }
  }

  private write(event: TraceEvent): number {
    this.encoder.event(event)
    return this.taken++
  }
}

/**
 * A reducer that records every step it takes, under the name of the server whose state it is given; also the one that
 * it does not survive. It is what a shell hands to its replica in the place of `step`.
 * @param now tells the time for the trace, in milliseconds since its beginning, say
 */
export const recordingStep =
  (recorder: Recorder, now: () => number, step: Reducer = coreStep): Reducer =>
  (state, message) => {
    const { id } = state.server
    try {
      const [reached, outputs] = step(state, message)
      recorder.step(id, now(), message, reached, outputs)
      return [reached, outputs]
    } catch (error) {
      if (error instanceof InvariantViolation) recorder.failed(id, now(), message, error.claim, error.message)
      throw error
    }
  }

/** The hash of each state, in the order of the names. */
export const stateHashes = (states: ReadonlyMap<NodeId, RaftState>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...states]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([node, state]): [string, string] => [node, hashState(state)]),
  )
