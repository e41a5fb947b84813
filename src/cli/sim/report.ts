import type { RunLine, SpeedLine, SummaryLine } from './lines.ts'
import type { Plan } from './plan.ts'
import { findingLines, summaryLines } from './print.ts'
import type { ExpectedMarks } from './tally.ts'

/** Reports a campaign on stdout while it goes on, or of one that was merged. */
export interface Reporter {
  readonly run: (run: RunLine) => void
  readonly end: (summary: SummaryLine, speed: SpeedLine | null) => void
}

export interface ReporterOptions {
  readonly plan: Plan
  readonly json: boolean
  readonly expected: ExpectedMarks
  /** Whether marks that were not reached fail the campaign: then they are listed. */
  readonly requireMarks: boolean
  readonly write: (text: string) => void
}

export const reporterOf = ({ plan, json, expected, requireMarks, write }: ReporterOptions): Reporter => {
  const lines = (texts: readonly string[]): void => {
    if (texts.length > 0) write(texts.map((text) => `${text}\n`).join(''))
  }
  if (json)
    return {
      run: (run) => lines([JSON.stringify(run)]),
      end: (summary, speed) => lines([...(speed === null ? [] : [speed]), summary].map((line) => JSON.stringify(line))),
    }
  return {
    run: (run) => lines(findingLines(plan, run)),
    end: (summary, speed) => lines(summaryLines(summary, speed, expected, requireMarks)),
  }
}
