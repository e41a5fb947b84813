import { buffer } from 'node:stream/consumers'
import { InputProblem, linesOf, readBytes, unpacked } from '../files.ts'
import { parseLine, type RunLine, type SpeedLine, type SummaryLine } from './lines.ts'
import { hex, placeOf, runCount, type Plan } from './plan.ts'
import { Tally } from './tally.ts'

/** What one shard printed. */
export interface ShardOutput {
  readonly runs: readonly PlacedRun[]
  readonly speed: SpeedLine | null
  readonly summary: SummaryLine
  /** Where the summary is. */
  readonly at: string
}

/** A run, and the file and line that tell of it. */
export interface PlacedRun {
  readonly run: RunLine
  readonly at: string
}

/** The bytes of a file, or of stdin for `-`. @throws InputProblem */
export const bytesOf = async (file: string): Promise<Buffer> => {
  if (file !== '-') return readBytes(file)
  const bytes = await buffer(process.stdin)
  try {
    return unpacked(bytes)
  } catch (error) {
    throw new InputProblem(`-: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Shards that were written one behind the other are read as well. @throws InputProblem */
export const parseShards = (file: string, bytes: Buffer): readonly ShardOutput[] => {
  const shards: ShardOutput[] = []
  let runs: PlacedRun[] = []
  let speed: SpeedLine | null = null
  let number = 0
  let isOpen = true
  for (const source of linesOf(bytes)) {
    const at = `${file}:${++number}`
    const parsed = parseLine(source)
    if ('reason' in parsed) throw new InputProblem(`${at}: ${parsed.reason}`)
    const { line } = parsed
    isOpen = line.type !== 'summary'
    if (line.type === 'run') runs.push({ run: line, at })
    else if (line.type === 'speed') speed = line
    else {
      shards.push({ runs, speed, summary: line, at })
      runs = []
      speed = null
    }
  }
  if (isOpen) throw new InputProblem(`${file}:${number}: ends without a summary: it was cut short`)
  return shards
}

export const planOf = ({ profiles, nodes, steps, claims, service, seed, seeds, shard }: SummaryLine): Plan => ({
  profiles,
  nodes,
  steps,
  claims,
  service,
  seed,
  seeds,
  shard,
})

/** The runs are those of this shard's plan, and the summary is theirs. @throws InputProblem */
export const checkShard = ({ runs, summary, at }: ShardOutput): void => {
  const plan = planOf(summary)
  const tally = new Tally(plan)
  for (const { run, at: line } of runs) {
    if (placeOf(plan, run) === null || run.nodes !== plan.nodes)
      throw new InputProblem(`${line}: ${nameOf(run)} is no run of the campaign that the summary tells of`)
    tally.add(run)
  }
  const { totals } = summary
  if (totals.runs !== runs.length)
    throw new InputProblem(`${at}: the summary tells of ${totals.runs} runs, and the lines before it of ${runs.length}`)
  const own = tally.summary(summary.reason, () => [])
  const figures = ({ totals, byProfile, marks, findings, digest }: SummaryLine): string =>
    JSON.stringify([Object.entries(totals), Object.entries(byProfile), Object.entries(marks), findings, digest])
  if (figures(own) !== figures(summary)) throw new InputProblem(`${at}: does not sum up the runs before it`)
  if (summary.reason === 'complete' && totals.runs !== runCount(plan))
    throw new InputProblem(`${at}: calls itself complete with ${totals.runs} of ${runCount(plan) ?? 'many'} runs`)
}

export const nameOf = ({ seed, profile }: RunLine): string => `seed ${hex(seed)}, profile ${profile},`
