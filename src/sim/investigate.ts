import { decodeTrace } from '../trace/decode.ts'
import { encodeTrace } from '../trace/encode.ts'
import { shrink } from '../trace/shrink.ts'
import { kvService } from './kv-service.ts'
import { simulateKv } from './simulate-kv.ts'
import { simulate } from './simulate.ts'
import { NODES_DEFAULT, type Finding, type SimulationOptions, type SimulationReport } from './simulation.ts'

/** A run once more, written down, and the least that was found to break the same claim. */
export interface Investigation {
  readonly report: SimulationReport
  /** The whole trace. */
  readonly lines: readonly string[]
  /** Null where there is nothing to shrink: a clean run, or a claim that no single step shows (LIN, LIVE). */
  readonly shrunk: ShrunkRun | null
}

export interface ShrunkRun {
  /** Whose trace was shrunk: the run itself, or a shorter one that breaks the same claim in the same words. */
  readonly seed: number
  readonly lines: readonly string[]
  readonly events: number
  readonly nodes: number
  /** Tries that it took. */
  readonly runs: number
  /** The step that breaks the claim. */
  readonly lastStep: number
}

/** Plays of a schedule at most: a few seconds for some hundred events. */
const RUNS_MAX = 3_000

/** Shorter runs are looked for with so many seeds of so many steps each, the shortest first: one costs milliseconds. */
const RUNGS = [
  { steps: 300, seeds: 150 },
  { steps: 1_000, seeds: 60 },
  { steps: 3_000, seeds: 20 },
] as const

/** Repeats a run with a trace, and shrinks that: deterministic, like everything here. */
export const investigate = (options: SimulationOptions): Investigation => {
  const { report, lines } = recorded(options)
  const { finding } = report
  if (finding === null || !isOfSteps(finding)) return { report, lines, shrunk: null }
  const shorter = shortest(options, finding)
  const source = shorter === null ? lines : recorded(shorter).lines
  return { report, lines, shrunk: shrunkRun(source, shorter ?? options) }
}

const recorded = (options: SimulationOptions): Pick<Investigation, 'report' | 'lines'> => {
  const lines: string[] = []
  const report = simulate(kvService, { ...options, onLine: (line) => void lines.push(line) })
  return { report, lines }
}

const isOfSteps = ({ claim }: Finding): boolean => claim !== 'LIN' && claim !== 'LIVE'

/** The run that breaks the claim soonest, of those on the first rung on which any does; null if none is shorter. */
const shortest = (options: SimulationOptions, finding: Finding): SimulationOptions | null => {
  const nodes = Math.min(3, options.nodes ?? NODES_DEFAULT)
  for (const { steps, seeds } of RUNGS) {
    let best: { readonly options: SimulationOptions; readonly step: number } | null = null
    if (steps >= finding.step) return null
    for (let seed = 1; seed <= seeds; seed++) {
      const candidate: SimulationOptions = { ...options, seed, nodes, steps }
      const found = simulateKv(candidate).finding
      if (found?.claim !== finding.claim || found.sentence !== finding.sentence) continue
      if (found.step < (best?.step ?? Infinity)) best = { options: candidate, step: found.step }
    }
    if (best !== null) return best.step < finding.step ? best.options : null
  }
  return null
}

const shrunkRun = (lines: readonly string[], { claims, seed }: SimulationOptions): ShrunkRun | null => {
  const decoded = decodeTrace(lines)
  if ('error' in decoded) throw new Error(`a trace of our own is damaged: ${decoded.error.reason}`)
  const shrunk = shrink(decoded.trace, { runs: RUNS_MAX, local: claims !== 'cheap' })
  if (shrunk.type === 'no violation') return null
  const { trace, after, runs } = shrunk
  const steps = trace.events.filter(({ t }) => t === 'in').length
  return { seed, lines: encodeTrace(trace).trimEnd().split('\n'), ...after, runs, lastStep: Math.max(0, steps - 1) }
}
