import type { Finding, SimulationReport } from '../../../src/sim/simulation.ts'
import { Tally as MarkTally, type Mark } from '../../../src/trace/checker/marks.ts'
import { parseSim } from '../../../src/cli/sim/args.ts'
import { runCampaign, type Surroundings } from '../../../src/cli/sim/campaign.ts'
import type { Job, Outcome } from '../../../src/cli/sim/job.ts'
import type { Runner } from '../../../src/cli/sim/pool.ts'

/* Campaigns whose runs are made up: what is tested is all that is around them. */

export const FINDING: Finding = {
  claim: 'LM',
  sentence: 'two logs agree up to every entry they share',
  step: 1_842,
  node: 'n3',
  event: 'n3 ← AppendEntries(n1)',
  detail: 'index 7 has terms 4 and 5',
}

export interface World {
  /** Seeds whose runs end with a finding. */
  readonly broken?: readonly number[]
  /** Seeds whose runs end with a bug. */
  readonly crashing?: readonly number[]
  /** A mark for each seed that reaches it; a crash is reached by all. */
  readonly marks?: ReadonlyMap<number, Mark>
}

export const reportOf = ({ options }: Job, { broken = [], marks = new Map() }: World = {}): SimulationReport => {
  const { seed, nodes, profile, steps } = options
  const tally = new MarkTally()
  tally.count('crashed')
  const mark = marks.get(seed)
  if (mark !== undefined) tally.count(mark)
  return {
    seed,
    nodes,
    profile,
    steps: steps + (seed % 7),
    time: 3_600_000 + seed / 3,
    operations: 100 + seed,
    failures: 0,
    marks: tally.marks,
    digest: `${seed}-${profile}`,
    finding: broken.includes(seed) ? FINDING : null,
  }
}

export const outcomeOf = (job: Job, world: World = {}): Outcome => {
  const report = reportOf(job, world)
  const isFound = report.finding !== null
  const shrunk = { seed: job.options.seed, lines: ['{"small":1}'], events: 23, nodes: 3, runs: 41, lastStep: 22 }
  return {
    report,
    seconds: 0.5,
    trace: isFound || job.record ? ['{"whole":1}', '{"whole":2}'] : null,
    shrunk: isFound && job.shrink ? shrunk : null,
  }
}

/** Finishes its first runs last. */
export const hireFake =
  (world: World, begun: Job[] = []) =>
  (): Runner<Job, Outcome> => ({
    run: async (job) => {
      begun.push(job)
      await turns(20 - Math.min(19, job.options.seed % 20))
      if (world.crashing?.includes(job.options.seed) === true) throw new Error(`a bug at seed ${job.options.seed}`)
      return outcomeOf(job, world)
    },
    stop: () => Promise.resolve(),
  })

/** Lets everything else that can run do so, several times over. */
export const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export interface Printed {
  readonly status: number
  readonly stdout: string
}

export const campaign = async (
  args: readonly string[],
  world: World = {},
  around: Partial<Surroundings> = {},
): Promise<Printed> => {
  let stdout = ''
  const status = await runCampaign(parseSim(args), {
    hire: hireFake(world),
    expected: () => ['crashed'],
    signal: new AbortController().signal,
    now: () => 0,
    write: (text) => (stdout += text),
    screen: { write: () => true },
    ...around,
  })
  return { status, stdout }
}

/** Without what depends on the clock. */
export const timeless = (stdout: string): string =>
  stdout
    .split('\n')
    .filter((line) => !line.startsWith('speed') && !line.startsWith('{"v":2,"type":"speed"'))
    .join('\n')
