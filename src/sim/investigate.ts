import { decodeTrace } from '../trace/decode.ts'
import { encodeTrace } from '../trace/encode.ts'
import { shrink } from '../trace/shrink.ts'
import { kvService } from './kv-service.ts'
import { simulate } from './simulate.ts'
import type { SimulationOptions, SimulationReport } from './simulation.ts'

/** A run once more, written down, and the least of it that still breaks the same claim. */
export interface Investigation {
  readonly report: SimulationReport
  /** The whole trace. */
  readonly lines: readonly string[]
  /** Null where there is nothing to shrink: a clean run, or a claim that no single step shows (LIN, LIVE). */
  readonly shrunk: ShrunkRun | null
}

export interface ShrunkRun {
  readonly lines: readonly string[]
  readonly events: number
  readonly nodes: number
  /** Tries that it took. */
  readonly runs: number
  /** The step that breaks the claim. */
  readonly lastStep: number
}

/** Tries at most: a few seconds for a trace of some thousand events. */
const RUNS_MAX = 4_000

export const investigate = (options: SimulationOptions): Investigation => {
  const lines: string[] = []
  const report = simulate(kvService, { ...options, onLine: (line) => void lines.push(line) })
  return { report, lines, shrunk: report.finding === null ? null : shrunkRun(lines, options) }
}

const shrunkRun = (lines: readonly string[], { claims }: SimulationOptions): ShrunkRun | null => {
  const decoded = decodeTrace(lines)
  if ('error' in decoded) throw new Error(`a trace of our own is damaged: ${decoded.error.reason}`)
  const shrunk = shrink(decoded.trace, { runs: RUNS_MAX, local: claims !== 'cheap' })
  if (shrunk.type === 'no violation') return null
  const { trace, after, runs } = shrunk
  const steps = trace.events.filter(({ t }) => t === 'in').length
  return { lines: encodeTrace(trace).trimEnd().split('\n'), ...after, runs, lastStep: Math.max(0, steps - 1) }
}
