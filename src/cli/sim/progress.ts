import { ProgressLine, type Screen } from '../progress-line.ts'

/** How far a campaign is. */
export class Progress {
  private readonly line: ProgressLine
  private readonly planned: number | null
  private readonly start = performance.now()
  private runs = 0
  private steps = 0
  private findings = 0

  constructor(screen: Screen, planned: number | null) {
    this.planned = planned
    this.line = new ProgressLine(screen)
    this.line.show(() => this.text())
  }

  count(steps: number, isFinding: boolean): void {
    this.runs++
    this.steps += steps
    if (isFinding) this.findings++
  }

  /** Makes room for something else on the same terminal. */
  clear(): void {
    this.line.clear()
  }

  end(): void {
    this.line.end()
  }

  private text(): string {
    const { runs, steps, findings, planned } = this
    const seconds = (performance.now() - this.start) / 1_000
    const rate = seconds > 0 ? Math.round(steps / seconds) : 0
    const extent = planned === null ? counted(runs, 'run') : `${runs} of ${counted(planned, 'run')}`
    return `raft sim: ${extent}, ${rate} steps/s, ${counted(findings, 'finding')}`
  }
}

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
