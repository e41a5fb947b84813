import type { JsonValue } from '../core/entry.ts'
import { decodeTrace } from '../trace/decode.ts'
import { encodeTrace } from '../trace/encode.ts'
import { shrink } from '../trace/shrink/shrink.ts'
import type { Service } from './service.ts'
import { simulate } from './simulate.ts'
import { FLOOD } from './stage.ts'
import { NODES_DEFAULT, type Finding, type SimulationOptions, type SimulationReport } from './simulation.ts'

/** A run once more, written down, and the least that was found to break the same claim. */
export interface Investigation {
  readonly report: SimulationReport
  /** The whole trace. */
  readonly lines: readonly string[]
  /** Null where there is nothing to shrink: a clean run, or a claim that no single step shows (LIN, LIVE, a flood). */
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
const RUNS_MAX = 1_500

/** Shorter runs are looked for with so many seeds of so many steps each, the shortest first: one costs milliseconds. */
const RUNGS = [
  { steps: 300, seeds: 150 },
  { steps: 1_000, seeds: 150 },
  { steps: 3_000, seeds: 60 },
] as const

/** So many of the shorter runs are shrunk: seeds differ in their options, and so in how short a run can be. */
const SHRUNK_MAX = 4

/** Repeats a run with a trace, and shrinks that: deterministic, like everything here. */
export const investigate = <S, C extends JsonValue, R extends JsonValue>(
  options: SimulationOptions,
  service: () => Service<S, C, R>,
): Investigation => {
  const { report, lines } = recorded(options, service)
  const { finding } = report
  if (finding === null || !isOfSteps(finding)) return { report, lines, shrunk: null }
  const runs = shorterRuns(options, finding, service)
  const all =
    runs.length > 0 ? runs.map((run) => shrunkRun(recorded(run, service).lines, run)) : [shrunkRun(lines, options)]
  const shrunk = all.filter((each) => each !== null)
  return { report, lines, shrunk: shrunk.sort((one, other) => one.events - other.events)[0] ?? null }
}

const recorded = <S, C extends JsonValue, R extends JsonValue>(
  options: SimulationOptions,
  service: () => Service<S, C, R>,
): Pick<Investigation, 'report' | 'lines'> => {
  const lines: string[] = []
  const report = simulate(service, { ...options, onLine: (line) => void lines.push(line) })
  return { report, lines }
}

const isOfSteps = ({ claim, sentence }: Finding): boolean => claim !== 'LIN' && claim !== 'LIVE' && sentence !== FLOOD

/** The runs that break the claim soonest, of those on the first rung on which any does; none if none is shorter. */
const shorterRuns = <S, C extends JsonValue, R extends JsonValue>(
  options: SimulationOptions,
  finding: Finding,
  service: () => Service<S, C, R>,
): readonly SimulationOptions[] => {
  const nodes = Math.min(3, options.nodes ?? NODES_DEFAULT)
  for (const { steps, seeds } of RUNGS) {
    if (steps >= finding.step) break
    const found: { readonly run: SimulationOptions; readonly step: number }[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const run: SimulationOptions = { ...options, seed, nodes, steps }
      const other = simulate(service, run).finding
      if (other?.claim === finding.claim && other.sentence === finding.sentence && other.step < finding.step)
        found.push({ run, step: other.step })
    }
    if (found.length > 0)
      return found
        .sort((one, other) => one.step - other.step)
        .slice(0, SHRUNK_MAX)
        .map(({ run }) => run)
  }
  return []
}

const shrunkRun = (lines: readonly string[], { claims, seed }: SimulationOptions): ShrunkRun | null => {
  const decoded = decodeTrace(lines)
  if ('error' in decoded) throw new Error(`a trace of our own is damaged: ${decoded.error.reason}`)
  const shrunk = shrink(decoded.trace, { runs: RUNS_MAX, local: claims !== 'cheap' })
  if (shrunk.type !== 'shrunk') return null
  const { trace, after, runs } = shrunk
  const steps = trace.events.filter(({ t }) => t === 'in').length
  return { seed, lines: encodeTrace(trace).trimEnd().split('\n'), ...after, runs, lastStep: Math.max(0, steps - 1) }
}
