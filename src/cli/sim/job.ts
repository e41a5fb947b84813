import type { ShrunkRun } from '../../sim/investigate.ts'
import type { SimulationReport } from '../../sim/simulation.ts'
import type { RunOptions } from './plan.ts'

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
  readonly shrunk: ShrunkRun | null
}

export type Reply =
  | { readonly type: 'done'; readonly outcome: Outcome }
  /** The options make no sense. */
  | { readonly type: 'refused'; readonly reason: string }
  /** A bug, not a finding. */
  | { readonly type: 'crashed'; readonly stack: string }
