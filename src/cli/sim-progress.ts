/** Where progress goes: stderr. */
export interface Screen {
  readonly isTTY?: boolean
  readonly write: (text: string) => unknown
}

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 30_000
const ERASE_LINE = '\r\u001b[K'

/** One line that is written over at a terminal, a line now and then elsewhere. */
export class Progress {
  private readonly screen: Screen
  private readonly planned: number | null
  private readonly start = performance.now()
  private readonly timer: NodeJS.Timeout
  private runs = 0
  private steps = 0
  private findings = 0
  private isShown = false

  constructor(screen: Screen, planned: number | null) {
    this.screen = screen
    this.planned = planned
    this.timer = setInterval(() => this.show(), screen.isTTY === true ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)
    this.timer.unref()
  }

  count(steps: number, isFinding: boolean): void {
    this.runs++
    this.steps += steps
    if (isFinding) this.findings++
  }

  /** Makes room for something else on the same terminal. */
  clear(): void {
    if (this.isShown) this.screen.write(ERASE_LINE)
    this.isShown = false
  }

  end(): void {
    clearInterval(this.timer)
    this.clear()
  }

  private show(): void {
    const { runs, steps, findings, planned } = this
    const seconds = (performance.now() - this.start) / 1_000
    const rate = seconds > 0 ? Math.round(steps / seconds) : 0
    const extent = planned === null ? counted(runs, 'run') : `${runs} of ${counted(planned, 'run')}`
    const text = `raft sim: ${extent}, ${rate} steps/s, ${counted(findings, 'finding')}`
    if (this.screen.isTTY !== true) return void this.screen.write(`${text}\n`)
    this.screen.write(`${ERASE_LINE}${text}`)
    this.isShown = true
  }
}

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
