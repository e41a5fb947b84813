import { PROFILES, SIMULATOR_VERSION, type Finding, type Profile, type SimulationReport } from '../../sim/simulation.ts'
import { CORE_VERSION } from '../../trace/format.ts'
import { MARK_NAMES, type Mark } from '../../trace/checker/marks.ts'
import {
  counter,
  fields,
  finite,
  isRecord,
  list,
  name,
  nullable,
  oneOf,
  optional,
  strictFault,
  table,
  text,
  variants,
  type Check,
} from '../../codec/shape.ts'
import type { ShrunkRun } from '../../sim/investigate.ts'
import { SHARDS_MAX, type PlannedRun, type Plan } from './plan.ts'

/* The lines of `raft sim --json`, which `raft sim merge` reads. */

export const LINES_VERSION = 2

/** Marks that were reached, and how often. */
export type Reached = Readonly<Partial<Record<Mark, number>>>

interface Versioned {
  readonly v: typeof LINES_VERSION
}

export interface RunLine extends Versioned, Omit<SimulationReport, 'marks'> {
  readonly type: 'run'
  readonly marks: Reached
  readonly shrunk: Omit<ShrunkRun, 'lines'> | null
  /** Where its traces are; null for a clean run, or if they could not be written. */
  readonly files: { readonly trace: string; readonly shrunk: string | null } | null
}

/** Has a line of its own, as nothing else depends on the clock and the machine. */
export interface SpeedLine extends Versioned {
  readonly type: 'speed'
  readonly jobs: number
  readonly seconds: number
  /** What the runs of each profile took, had they been made one after another. */
  readonly runSeconds: Readonly<Partial<Record<Profile, number>>>
}

export interface Totals {
  readonly runs: number
  readonly steps: number
  /** Virtual milliseconds. */
  readonly time: number
  readonly operations: number
  readonly findings: number
}

/**
 * Why no more runs were made. `incomplete` comes from merging: shards are missing, or one of them did not make all of
 * its runs for one of the other reasons.
 */
export const REASONS = ['complete', 'bail', 'time', 'interrupted', 'incomplete'] as const
export type Reason = (typeof REASONS)[number]

export interface SummaryLine extends Versioned, Plan {
  readonly type: 'summary'
  /** Runs of different cores, or of different simulators, are not one campaign. */
  readonly core: string
  readonly simulator: number
  readonly reason: Reason
  /** As `3/8`, after merging. */
  readonly missingShards?: readonly string[]
  /** Where shards of limited time were merged: the place of the last run, with others before it that were not made. */
  readonly lastPlace?: number
  readonly totals: Totals
  readonly byProfile: Readonly<Partial<Record<Profile, Totals & { readonly marks: Reached }>>>
  readonly marks: Reached
  readonly findings: readonly (PlannedRun & Pick<Finding, 'claim' | 'step'>)[]
  /** A campaign of this profile should have reached them. */
  readonly expectedMissing: readonly MissingMark[]
  /** Equal campaigns have equal ones: a hash of all runs' digests. */
  readonly digest: string
}

export interface MissingMark {
  readonly profile: Profile
  readonly mark: Mark
}

export type Line = RunLine | SpeedLine | SummaryLine

const profile = oneOf(...PROFILES)
const mark = oneOf(...MARK_NAMES)
const totals = { runs: counter, steps: counter, time: finite, operations: counter, findings: counter } as const

/** A table with no other names than these. */
const tableOf =
  (names: readonly string[], check: Check): Check =>
  (value, reading) => {
    const unknown = isRecord(value) ? Object.keys(value).find((key) => !names.includes(key)) : undefined
    return unknown === undefined ? table(check)(value, reading) : `.${unknown} is not known`
  }

const reached = tableOf(MARK_NAMES, counter)

const lineCheck = variants('type', {
  run: fields<RunLine>({
    v: counter,
    type: text,
    seed: counter,
    profile,
    nodes: counter,
    steps: counter,
    time: finite,
    operations: counter,
    failures: counter,
    digest: text,
    finding: nullable(
      fields<Finding>({
        claim: text,
        sentence: text,
        step: counter,
        node: nullable(text),
        event: text,
        detail: text,
      }),
    ),
    marks: reached,
    shrunk: nullable(
      fields<Omit<ShrunkRun, 'lines'>>({
        seed: counter,
        events: counter,
        nodes: counter,
        runs: counter,
        lastStep: counter,
      }),
    ),
    files: nullable(fields<NonNullable<RunLine['files']>>({ trace: name, shrunk: nullable(name) })),
  }),
  speed: fields<SpeedLine>({
    v: counter,
    type: text,
    jobs: counter,
    seconds: finite,
    runSeconds: tableOf(PROFILES, finite),
  }),
  summary: fields<SummaryLine>({
    v: counter,
    type: text,
    core: text,
    simulator: counter,
    profiles: list(profile),
    nodes: counter,
    steps: counter,
    claims: oneOf('all', 'cheap'),
    service: nullable(text),
    seed: counter,
    seeds: nullable(counter),
    shard: fields<Plan['shard']>({ index: counter, count: counter }),
    reason: oneOf(...REASONS),
    missingShards: optional(list(name)),
    lastPlace: optional(counter),
    totals: fields<Totals>(totals),
    byProfile: tableOf(PROFILES, fields<Totals & { readonly marks: Reached }>({ ...totals, marks: reached })),
    marks: reached,
    findings: list(fields<SummaryLine['findings'][number]>({ seed: counter, profile, claim: text, step: counter })),
    expectedMissing: list(fields<MissingMark>({ profile, mark })),
    digest: text,
  }),
} satisfies Readonly<Record<Line['type'], Check>>)

/** A line as it was written, or why it cannot be one. */
export const parseLine = (source: string): { readonly line: Line } | { readonly reason: string } => {
  const value = parseJson(source)
  if (value === undefined) return { reason: 'is not JSON, or was cut short' }
  if (!isRecord(value) || typeof value['type'] !== 'string' || typeof value['v'] !== 'number')
    return { reason: 'is no line of raft sim --json' }
  if (value['v'] !== LINES_VERSION)
    return { reason: `is of version ${value['v']}, and this raft reads version ${LINES_VERSION}` }
  const fault = strictFault(lineCheck, value)
  if (fault !== null) return { reason: `the line's ${fault.trimStart()}` }
  const line = value as unknown as Line
  if (line.type !== 'summary') return { line }
  if (line.core !== CORE_VERSION) return { reason: `was made by ${line.core}, and this is ${CORE_VERSION}` }
  if (line.simulator !== SIMULATOR_VERSION)
    return { reason: `was made by simulator ${line.simulator}, and this is ${SIMULATOR_VERSION}: its runs are others` }
  if (line.shard.count > SHARDS_MAX) return { reason: `is of ${line.shard.count} shards, more than ${SHARDS_MAX}` }
  return { line }
}

const parseJson = (source: string): unknown => {
  try {
    return JSON.parse(source)
  } catch {
    return undefined
  }
}

/** A run as it is told of, without what did not happen. */
export const runLineOf = (
  { marks, ...report }: SimulationReport,
  shrunk: RunLine['shrunk'],
  files: RunLine['files'],
): RunLine => ({
  v: LINES_VERSION,
  type: 'run',
  ...report,
  shrunk,
  files,
  marks: Object.fromEntries(MARK_NAMES.filter((name) => marks[name] > 0).map((name) => [name, marks[name]])),
})
