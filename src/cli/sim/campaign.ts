import { EXIT } from '../exit.ts'
import type { Arguments } from './args.ts'
import { keepTraces, writeLines } from './files.ts'
import type { Job, Outcome } from './job.ts'
import { LINES_VERSION, runLineOf, type Reason, type SpeedLine, type SummaryLine } from './lines.ts'
import { optionsOf, runCount, runsOf } from './plan.ts'
import { inOrder, type Runner } from './pool.ts'
import type { Screen } from '../progress-line.ts'
import { Progress } from './progress.ts'
import { reporterOf } from './report.ts'
import { Tally, type ExpectedMarks } from './tally.ts'

/** What a campaign needs of the world around it. */
export interface Surroundings {
  readonly hire: () => Runner<Job, Outcome>
  readonly expected: ExpectedMarks
  /** Ends the campaign with what was told until then. */
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly now: () => number
  readonly write: (text: string) => void
  readonly screen: Screen
}

/** Makes the runs, tells of them in their order, and sums up. Resolves with the exit code. */
export const runCampaign = async (chosen: Arguments, around: Surroundings): Promise<number> => {
  const { plan, jobs, json, bail, traceFile } = chosen
  // Better found out now than after a long run.
  if (traceFile !== null) writeLines(traceFile, [])
  const reporter = reporterOf({ ...around, plan, json, requireMarks: chosen.requireMarks })
  const progress = new Progress(around.screen, runCount(plan))
  const tally = new Tally(plan)
  const watch = new Stopwatch(around.now)
  const work = new Work(chosen, around)
  let isBailing = false
  try {
    for await (const outcome of inOrder(work.jobs(), { ...around, jobs })) {
      const { report, shrunk, seconds } = outcome
      if (traceFile !== null) writeLines(traceFile, outcome.trace ?? [])
      const run = runLineOf(report, shrunk && sizeOf(shrunk), keepTraces(chosen.out, outcome))
      watch.count(report.profile, seconds)
      tally.add(run)
      progress.count(run.steps, run.finding !== null)
      if (json || run.finding !== null) progress.clear()
      reporter.run(run)
      isBailing = bail > 0 && tally.totals.findings >= bail
      if (isBailing) break
    }
  } finally {
    progress.end()
  }
  const summary = tally.summary(isBailing ? 'bail' : work.ending, around.expected)
  reporter.end(summary, watch.read(jobs))
  return exitOf(summary, chosen.requireMarks)
}

/** What the shell is told. A finding is one, however many runs are missing. */
export const exitOf = ({ reason, totals, expectedMissing }: SummaryLine, requireMarks: boolean): number => {
  if (reason === 'interrupted') return EXIT.interrupted
  if (totals.findings > 0) return EXIT.falsified
  if (reason === 'incomplete') return EXIT.unknown
  if (totals.runs === 0) return EXIT.nothingRan
  return requireMarks && expectedMissing.length > 0 ? EXIT.falsified : EXIT.ok
}

const sizeOf = ({ seed, events, nodes, runs, lastStep }: NonNullable<Outcome['shrunk']>) => ({
  seed,
  events,
  nodes,
  runs,
  lastStep,
})

/** The jobs, until there are no more or the time is up. */
class Work {
  private readonly chosen: Arguments
  private readonly around: Surroundings
  private isTimeUp = false

  constructor(chosen: Arguments, around: Surroundings) {
    this.chosen = chosen
    this.around = around
  }

  get ending(): Reason {
    return this.around.signal.aborted ? 'interrupted' : this.isTimeUp ? 'time' : 'complete'
  }

  *jobs(): Generator<Job> {
    const { plan, timeMs, traceFile, shrink } = this.chosen
    const { now } = this.around
    const start = now()
    for (const run of runsOf(plan)) {
      this.isTimeUp = timeMs !== null && now() - start >= timeMs
      if (this.isTimeUp) return
      yield { options: optionsOf(plan, run), record: traceFile !== null, shrink }
    }
  }
}

class Stopwatch {
  private readonly now: () => number
  private readonly start: number
  private readonly runSeconds: Record<string, number> = {}

  constructor(now: () => number) {
    this.now = now
    this.start = now()
  }

  count(profile: string, seconds: number): void {
    this.runSeconds[profile] = (this.runSeconds[profile] ?? 0) + seconds
  }

  read(jobs: number): SpeedLine {
    const seconds = (this.now() - this.start) / 1_000
    return { v: LINES_VERSION, type: 'speed', jobs, seconds, runSeconds: this.runSeconds }
  }
}
