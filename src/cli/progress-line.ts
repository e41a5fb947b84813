/** Where progress goes: stderr. */
export interface Screen {
  readonly isTTY?: boolean
  readonly write: (text: string) => unknown
}

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 30_000
const ERASE_LINE = '\r\u001b[K'

/** One line that is written over at a terminal, a line now and then elsewhere. */
export class ProgressLine {
  private readonly screen: Screen
  private readonly timer: NodeJS.Timeout
  private say: () => string | null = () => null
  private isShown = false

  constructor(screen: Screen) {
    this.screen = screen
    this.timer = setInterval(() => this.tick(), screen.isTTY === true ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)
    this.timer.unref()
  }

  /** What there is to say when the time for it has come. */
  show(text: string | (() => string)): void {
    this.say = typeof text === 'string' ? () => text : text
  }

  /** A line that stays. */
  print(line: string): void {
    this.clear()
    this.screen.write(`${line}\n`)
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

  private tick(): void {
    const text = this.say()
    if (text === null) return
    if (this.screen.isTTY !== true) return void this.screen.write(`${text}\n`)
    this.screen.write(`${ERASE_LINE}${text}`)
    this.isShown = true
  }
}
