import { styleText } from 'node:util'
import type { Profile } from '../../sim/simulation.ts'
import { MARK_NAMES, MARKS, type Mark } from '../../trace/checker/marks.ts'
import { counted } from './progress.ts'
import type { ExpectedMarks } from './tally.ts'
import type { Reached, RunLine, SpeedLine, SummaryLine } from './lines.ts'
import { commandOf, hex, optionsOf, rerunOf, type Plan } from './plan.ts'

/* What people read. Whatever depends on the clock is in lines that begin with "speed". */

const DETAIL_MAX = 240

/** A finding, and how to see it again. */
export const findingLines = (plan: Plan, run: RunLine): readonly string[] => {
  const { finding, seed, shrunk, files } = run
  if (finding === null) return []
  const where = finding.event !== '' ? finding.event : (finding.node ?? '')
  const head = `${finding.claim}  seed=${hex(seed)}  step ${finding.step}/${plan.steps}${where === '' ? '' : `  ${where}`}`
  return [
    `${styleText('red', '✗')} ${head}`,
    `  ${finding.sentence}${finding.detail === '' ? '' : `: ${readable(finding.detail)}`}`,
    ...(shrunk === null
      ? []
      : [
          `  shrunk ${run.steps}→${shrunk.events} events, ${run.nodes}→${shrunk.nodes} nodes (${counted(shrunk.runs, 'run')})${
            shrunk.seed === seed ? '' : `, from a shorter run, of seed 0x${shrunk.seed.toString(16)}`
          }`,
        ]),
    ...(files === null ? [] : [`  replay: ${replayOf(files, finding.step, shrunk?.lastStep)}`]),
    `  rerun:  ${rerunOf(optionsOf(plan, run))}`,
  ]
}

const replayOf = (files: NonNullable<RunLine['files']>, step: number, lastStep: number | undefined): string =>
  files.shrunk === null || lastStep === undefined
    ? `npx raft replay ${quoted(files.trace)} --until ${step} --print diff`
    : `npx raft replay ${quoted(files.shrunk)} --until ${lastStep} --print diff`

/** As a shell takes it. */
const quoted = (path: string): string =>
  /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`

/** On one line, and no longer than an eye can take in. */
const readable = (detail: string): string => {
  const line = detail.replace(/\s+/g, ' ').trim()
  return line.length <= DETAIL_MAX ? line : `${line.slice(0, DETAIL_MAX - 1)}…`
}

export const summaryLines = (
  summary: SummaryLine,
  speed: SpeedLine | null,
  expected: ExpectedMarks,
  requireMarks: boolean,
): readonly string[] => [
  verdictOf(summary),
  `  rerun:  ${commandOf(covered(summary))}${summary.lastPlace === undefined ? '' : '  (with the runs between these that were not made)'}`,
  ...table(summary),
  ...(speed === null ? [] : speedLines(summary, speed)),
  `digest ${summary.digest}`,
  `marks: ${marksOf(summary, expected)}`,
  ...inColumns(MARK_NAMES.flatMap((mark) => markCell(mark, summary.marks))),
  ...(requireMarks ? missingLines(summary) : missingLine(summary)),
]

/** Without an end of its own, a campaign can be repeated as far as it came. */
const covered = (summary: SummaryLine): Plan => {
  const { seeds, shard, profiles, totals, lastPlace } = summary
  const places = lastPlace === undefined ? shard.index + Math.max(0, totals.runs - 1) * shard.count : lastPlace + 1
  return { ...summary, seeds: seeds ?? Math.ceil(places / profiles.length) }
}

const verdictOf = (summary: SummaryLine): string => {
  const { runs, steps, operations, time, findings } = summary.totals
  if (runs === 0) return `nothing ran${extentOf(summary)}`
  const figures = `${counted(runs, 'run')}, ${counted(steps, 'step')}, ${counted(operations, 'operation')}, ${hours(time)} virtual hours${extentOf(summary)}`
  return findings === 0
    ? `${styleText('green', '✓')} no claim is violated: ${figures}`
    : `${styleText('red', '✗')} ${findings === 1 ? 'one run violates' : `${findings} runs violate`} a claim: ${figures}`
}

const extentOf = ({ reason, missingShards }: SummaryLine): string => {
  switch (reason) {
    case 'complete':
      return ''
    case 'bail':
      return ' (stopped at a finding, see --bail)'
    case 'time':
      return ' (the time is up)'
    case 'interrupted':
      return ' (interrupted)'
    case 'incomplete':
      return missingShards === undefined || missingShards.length === 0
        ? ' (not all that was planned)'
        : ` (missing: shards ${missingShards.join(', ')})`
  }
}

const COLUMNS = ['profile', 'seeds', 'steps', 'operations', 'virtual hours', 'findings'] as const

const table = ({ byProfile }: SummaryLine): readonly string[] => {
  const rows = Object.entries(byProfile).map(([profile, { runs, steps, operations, time, findings }]) =>
    [profile, runs, steps, operations, hours(time), findings].map(String),
  )
  const all = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)))
  const cellOf = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return all.map((cells) => cells.map(cellOf).join('   '))
}

const speedLines = (
  { byProfile, totals }: SummaryLine,
  { seconds, jobs, runSeconds }: SpeedLine,
): readonly string[] => {
  const all = `speed: ${rates(totals.steps, totals.time, seconds)} (${seconds.toFixed(1)} s, ${counted(jobs, 'job')})`
  const profiles = Object.entries(byProfile)
  if (profiles.length === 1) return [all]
  return [
    all,
    ...profiles.map(
      ([profile, { steps, time }]) =>
        `speed of one job, ${profile}: ${rates(steps, time, runSeconds[profile as Profile] ?? 0)}`,
    ),
  ]
}

const rates = (steps: number, time: number, seconds: number): string => {
  const per = (amount: number): number => (seconds > 0 ? amount / seconds : 0)
  return `${Math.round(per(steps))} steps/s, ${hours(per(time))} virtual hours/s`
}

const hours = (milliseconds: number): string => {
  const amount = milliseconds / 3_600_000
  return amount.toFixed(amount >= 1 ? 2 : 4)
}

/** How many of those expected: "33 of 34 reached", for each profile if there are several. */
const marksOf = ({ byProfile, expectedMissing, nodes }: SummaryLine, expected: ExpectedMarks): string => {
  const counts = (Object.keys(byProfile) as Profile[]).map((profile) => {
    const all = expected(profile, nodes).length
    const missing = expectedMissing.filter((missed) => missed.profile === profile).length
    return { profile, text: `${all - missing} of ${all} reached` }
  })
  const [only] = counts
  if (counts.length === 1 && only !== undefined) return only.text
  return counts.map(({ profile, text }) => `${profile} ${text}`).join(', ')
}

const markCell = (mark: Mark, reached: Reached): readonly string[] => {
  const count = reached[mark]
  return count === undefined ? [] : [`${mark.padEnd(34)}${String(count).padStart(10)}`]
}

/** Two columns, to be read down the first and then down the second. */
const inColumns = (cells: readonly string[]): readonly string[] => {
  const half = Math.ceil(cells.length / 2)
  return cells.slice(0, half).map((cell, at) => {
    const beside = cells[half + at]
    return `  ${cell}${beside === undefined ? '' : `    ${beside}`}`
  })
}

/** A few seeds reach a few marks: no news, unless they were asked for. */
const missingLine = ({ expectedMissing }: SummaryLine): readonly string[] =>
  expectedMissing.length === 0
    ? []
    : [
        styleText(
          'dim',
          `${expectedMissing.length} that a campaign of some hundred seeds reaches are missing; --require-marks lists them`,
        ),
      ]

const missingLines = ({ expectedMissing, byProfile }: SummaryLine): readonly string[] => {
  if (expectedMissing.length === 0) return []
  const isSeveral = Object.keys(byProfile).length > 1
  const lines = expectedMissing.map(
    ({ profile, mark }) =>
      `  ${styleText('red', '✗')} ${isSeveral ? profile.padEnd(10) : ''}${mark.padEnd(34)}${MARKS[mark]}`,
  )
  return ['never reached, though a campaign should:', ...lines]
}
