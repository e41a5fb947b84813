import { InputProblem } from '../files.ts'
import { parseOrRefuse } from '../options.ts'
import { UsageProblem } from '../exit.ts'
import { exitOf } from './campaign.ts'
import { LINES_VERSION, type Reason, type SpeedLine, type SummaryLine } from './lines.ts'
import { placeOf, type Plan } from './plan.ts'
import { reporterOf } from './report.ts'
import { bytesOf, checkShard, nameOf, parseShards, planOf, type PlacedRun, type ShardOutput } from './shards.ts'
import { Tally, type ExpectedMarks } from './tally.ts'

export interface MergeArguments {
  readonly files: readonly string[]
  readonly requireMarks: boolean
  readonly json: boolean
}

/** @throws UsageProblem */
export const parseMerge = (args: readonly string[]): MergeArguments => {
  const flag = { type: 'boolean' } as const
  const { values, positionals } = parseOrRefuse('sim', {
    args: [...args],
    allowPositionals: true,
    options: { 'require-marks': flag, json: flag },
  })
  if (positionals.length === 0)
    throw new UsageProblem('raft sim merge takes files, or - for stdin; see raft sim --help')
  return { files: positionals, requireMarks: values['require-marks'] ?? false, json: values.json ?? false }
}

/** Prints what one process would have printed for all shards. Resolves with the exit code. @throws InputProblem */
export const mergeShards = async (
  { files, requireMarks, json }: MergeArguments,
  expected: ExpectedMarks,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<number> => {
  const shards: ShardOutput[] = []
  for (const file of files) shards.push(...parseShards(file, await bytesOf(file)))
  const merged = merge(shards)
  const tally = new Tally(merged.plan)
  const reporter = reporterOf({ plan: merged.plan, json, expected, requireMarks, write })
  for (const { run } of merged.runs) {
    tally.add(run)
    reporter.run(run)
  }
  const missing = merged.missing.length === 0 ? {} : { missingShards: merged.missing }
  const gaps = merged.lastPlace < merged.runs.length ? {} : { lastPlace: merged.lastPlace }
  const summary: SummaryLine = { ...tally.summary(merged.reason, expected), ...missing, ...gaps }
  reporter.end(summary, merged.speed)
  return exitOf(summary, requireMarks)
}

interface Merged {
  readonly plan: Plan
  /** In the order of the plan. */
  readonly runs: readonly PlacedRun[]
  readonly speed: SpeedLine | null
  readonly reason: Reason
  readonly missing: readonly string[]
  /** Place of the last run in the plan; −1 of none. With fewer runs than places, some between were not made. */
  readonly lastPlace: number
}

const merge = (shards: readonly ShardOutput[]): Merged => {
  const [first] = shards
  if (first === undefined) throw new InputProblem('there is nothing to merge')
  const plan: Plan = { ...planOf(first.summary), shard: { index: 1, count: 1 } }
  for (const shard of shards) {
    checkAgreement(first, shard)
    checkShard(shard)
  }
  const runs = inOrder(plan, shards)
  const missing = missingShards(shards)
  const last = runs.at(-1)
  const lastPlace = last === undefined ? -1 : (placeOf(plan, last.run) ?? -1)
  const reasons = shards.map(({ summary }) => summary.reason)
  return { plan, runs, speed: together(shards), reason: reasonOf(reasons, missing.length > 0), missing, lastPlace }
}

const PARAMETERS = ['core', 'profiles', 'nodes', 'steps', 'claims', 'service', 'seed', 'seeds'] as const

const checkAgreement = (one: ShardOutput, other: ShardOutput): void => {
  const differ = (name: string, mine: unknown, theirs: unknown): void => {
    const [left, right] = [JSON.stringify(mine), JSON.stringify(theirs)]
    if (left !== right)
      throw new InputProblem(`${other.at}: is of another campaign: ${name} ${right}, and ${left} in ${one.at}`)
  }
  for (const name of PARAMETERS) differ(name, one.summary[name], other.summary[name])
  differ('shards', one.summary.shard.count, other.summary.shard.count)
}

const inOrder = (plan: Plan, shards: readonly ShardOutput[]): readonly PlacedRun[] => {
  const places = new Map<number, PlacedRun>()
  for (const placed of shards.flatMap(({ runs }) => runs)) {
    const place = placeOf(plan, placed.run) ?? -1
    const twin = places.get(place)
    if (twin !== undefined) throw new InputProblem(`${placed.at}: ${nameOf(placed.run)} is in ${twin.at} already`)
    places.set(place, placed)
  }
  return [...places].sort(([left], [right]) => left - right).map(([, placed]) => placed)
}

/** Those that no file tells of, as `3/8`, and what was missing when shards were merged before. */
const missingShards = (shards: readonly ShardOutput[]): readonly string[] => {
  const present = new Map<number, string>()
  for (const { summary, at } of shards) {
    const { index, count } = summary.shard
    const twin = present.get(index)
    if (twin !== undefined) throw new InputProblem(`${at}: shard ${index}/${count} is in ${twin} already`)
    present.set(index, at)
  }
  const count = shards[0]?.summary.shard.count ?? 1
  const missing = Array.from({ length: count }, (_, at) => at + 1).filter((index) => !present.has(index))
  return [
    ...missing.map((index) => `${index}/${count}`),
    ...shards.flatMap(({ summary }) => summary.missingShards ?? []),
  ]
}

const reasonOf = (reasons: readonly Reason[], isMissing: boolean): Reason => {
  if (isMissing || reasons.includes('interrupted') || reasons.includes('incomplete')) return 'incomplete'
  return reasons.find((reason) => reason === 'bail') ?? reasons.find((reason) => reason === 'time') ?? 'complete'
}

/** As if the shards had run one after another on one machine: speeds stay those of a machine. */
const together = (shards: readonly ShardOutput[]): SpeedLine | null => {
  const speeds = shards.flatMap(({ speed }) => (speed === null ? [] : [speed]))
  if (speeds.length === 0) return null
  const runSeconds: Record<string, number> = {}
  for (const [profile, seconds] of speeds.flatMap((speed) => Object.entries(speed.runSeconds)))
    runSeconds[profile] = (runSeconds[profile] ?? 0) + seconds
  const jobs = Math.max(...speeds.map((speed) => speed.jobs))
  const seconds = speeds.reduce((sum, speed) => sum + speed.seconds, 0)
  return { v: LINES_VERSION, type: 'speed', jobs, seconds, runSeconds }
}
