import type { SimulationReport } from '../sim/simulation.ts'
import type { RunOptions } from './sim-plan.ts'

/* What a worker thread is told, and what it answers. */

export interface Job {
  readonly options: RunOptions
  /** The trace is wanted of a clean run too. */
  readonly record: boolean
  readonly shrink: boolean
}

export interface Outcome {
  readonly report: SimulationReport
  /** How long the run took, recording and shrinking left out. */
  readonly seconds: number
  /** Line by line; null where nobody wants it. */
  readonly trace: readonly string[] | null
  readonly shrunk: Shrunk | null
}

export interface Shrunk {
  /** Whose trace it is: that of the run, or of a shorter one that breaks the same claim. */
  readonly seed: number
  readonly lines: readonly string[]
  readonly events: number
  readonly nodes: number
  /** How many tries it took. */
  readonly runs: number
  /** The last step of the shrunk trace, where the claim is seen to fail. */
  readonly lastStep: number
}

export type Reply =
  | { readonly type: 'done'; readonly outcome: Outcome }
  /** The options make no sense. */
  | { readonly type: 'refused'; readonly reason: string }
  /** A bug, not a finding. */
  | { readonly type: 'crashed'; readonly stack: string }
