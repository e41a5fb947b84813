import type { JsonValue } from '../core/entry.ts'
import type { StateMachine } from '../machine/machine.ts'
import type { Mark } from '../trace/checker/index.ts'
import type { Dice } from './dice.ts'

/**
 * A state machine under test: what clients want of it, and how what they are told is judged. The simulator puts
 * exactly-once sessions around the machine, and replays it beside the cluster: its snapshots must give back the state
 * they were taken of, and equal commands must lead to equal states on all servers, without further words.
 */
export interface Service<S, C extends JsonValue, R extends JsonValue> {
  readonly machine: StateMachine<S, C, R>
  /** What a client asks next. All randomness comes from the dice, or a run cannot be repeated. */
  readonly next: (dice: Dice) => Request<S, C>
  /** How a request is written into a trace, and its answer: under the names that `raft check` knows, it can judge them. */
  readonly describe?: (request: Request<S, C>, answer: JsonValue | null) => Described
  /**
   * Judges what clients were told. Null: valid; otherwise a sentence that says what is not. `undecided` is called where
   * the question was given up.
   */
  readonly judge?: (history: readonly Told<S, C, R>[], undecided: () => void) => string | null
  /** The same machine, but that it cuts its snapshots otherwise: for the server of this number. */
  readonly machineOf?: (server: number) => StateMachine<S, C, R>
  /** What an answer shows that a run is about. */
  readonly markOf?: (request: Request<S, C>, answer: JsonValue) => Mark | null
}

export interface Described {
  readonly value: Readonly<Record<string, JsonValue>>
  /** Nothing came of it: a refused compare-and-set, say. */
  readonly isFailure?: boolean
}

export type Request<S, C extends JsonValue> =
  | { readonly type: 'command'; readonly command: C }
  /** A question about the state, asked where and when reading it is linearizable. */
  | { readonly type: 'query'; readonly query: JsonValue; readonly ask: (state: S) => JsonValue }

/** One request of one client, and what became of it. Times are virtual milliseconds. */
export interface Told<S, C extends JsonValue, R extends JsonValue> {
  readonly client: string
  readonly request: Request<S, C>
  readonly call: number
  /** Null when no answer came: it may have taken effect, once, or not. */
  readonly answer: { readonly time: number; readonly value: R | JsonValue } | null
}
