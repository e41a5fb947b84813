import { createHash } from 'node:crypto'
import type { Profile } from '../../sim/simulation.ts'
import { SIMULATOR_VERSION } from '../../sim/simulation.ts'
import { CORE_VERSION } from '../../trace/format.ts'
import { MARK_NAMES, type Mark } from '../../trace/checker/marks.ts'
import {
  LINES_VERSION,
  type MissingMark,
  type Reached,
  type Reason,
  type RunLine,
  type SummaryLine,
  type Totals,
} from './lines.ts'
import type { Plan } from './plan.ts'

/** Which marks a campaign of a profile should reach. */
export type ExpectedMarks = (profile: Profile, nodes: number) => readonly Mark[]

const NOTHING: Totals = { runs: 0, steps: 0, time: 0, operations: 0, findings: 0 }

/** Sums up runs, told in the order of the plan. */
export class Tally {
  totals = NOTHING
  private readonly plan: Plan
  private readonly byProfile = new Map<Profile, { totals: Totals; marks: Reached }>()
  private readonly findings: SummaryLine['findings'][number][] = []
  private readonly hash = createHash('sha256')

  constructor(plan: Plan) {
    this.plan = plan
    for (const profile of plan.profiles) this.byProfile.set(profile, { totals: NOTHING, marks: {} })
  }

  add(run: RunLine): void {
    const { seed, profile, finding, digest } = run
    this.totals = sum(this.totals, run)
    const { totals, marks } = this.byProfile.get(profile) ?? { totals: NOTHING, marks: {} }
    this.byProfile.set(profile, { totals: sum(totals, run), marks: together(marks, run.marks) })
    if (finding !== null) this.findings.push({ seed, profile, claim: finding.claim, step: finding.step })
    this.hash.update(`${seed} ${profile} ${digest}\n`)
  }

  summary(reason: Reason, expected: ExpectedMarks): SummaryLine {
    const profiles = [...this.byProfile]
    return {
      v: LINES_VERSION,
      type: 'summary',
      core: CORE_VERSION,
      simulator: SIMULATOR_VERSION,
      ...this.plan,
      reason,
      totals: this.totals,
      byProfile: Object.fromEntries(profiles.map(([profile, { totals, marks }]) => [profile, { ...totals, marks }])),
      marks: profiles.reduce((marks: Reached, [, more]) => together(marks, more.marks), {}),
      findings: this.findings,
      expectedMissing: this.missing(expected),
      digest: this.hash.copy().digest('hex').slice(0, 16),
    }
  }

  /** Each profile is held to its own: what one reaches does not excuse another. */
  private missing(expected: ExpectedMarks): readonly MissingMark[] {
    return [...this.byProfile].flatMap(([profile, { totals, marks }]) =>
      totals.runs === 0
        ? []
        : expected(profile, this.plan.nodes)
            .filter((mark) => marks[mark] === undefined)
            .map((mark) => ({ profile, mark })),
    )
  }
}

const sum = (totals: Totals, { steps, time, operations, finding }: RunLine): Totals => ({
  runs: totals.runs + 1,
  steps: totals.steps + steps,
  time: totals.time + time,
  operations: totals.operations + operations,
  findings: totals.findings + (finding === null ? 0 : 1),
})

/** In the order of the catalogue, so that equal counts are equal text. */
const together = (one: Reached, other: Reached): Reached =>
  Object.fromEntries(
    MARK_NAMES.map((mark) => [mark, (one[mark] ?? 0) + (other[mark] ?? 0)] as const).filter(([, count]) => count > 0),
  )
