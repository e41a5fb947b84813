import type { Readable, Writable } from 'node:stream'
import { Lines } from './lines.ts'

/** Characters of output that may wait for a reader before no further line is handled. */
export const BACKLOG_MAX = 4 << 20

/** Characters after which a write does not wait for the end of the turn. */
const WRITE_MAX = 1 << 16

/** Lines, and characters in them, that are read but not handled before the input is paused. */
export const PENDING_LINES_MAX = 1024
export const PENDING_CHARACTERS_MAX = 1 << 20

/** Output that has not been read yet. */
export interface Backlog {
  /** Whether it is larger than it should be: then no line is handled, and messages that may be lost are dropped. */
  readonly isFull: boolean
  /** Resolves once it is not. */
  whenRoom(): Promise<void>
}

export const NO_BACKLOG: Backlog = { isFull: false, whenRoom: () => Promise.resolve() }

/** Writes lines; those of one turn of the event loop go out in one write. */
export class LineWriter implements Backlog {
  private readonly stream: Writable
  private lines: string[] = []
  private characters = 0
  private waiting: (() => void)[] = []

  constructor(stream: Writable) {
    this.stream = stream
    stream.on('drain', () => this.release())
  }

  get isFull(): boolean {
    return this.characters + this.stream.writableLength >= BACKLOG_MAX
  }

  write(line: string): void {
    if (this.lines.length === 0) setImmediate(() => this.flush())
    this.lines.push(line)
    this.characters += line.length + 1
    if (this.characters >= WRITE_MAX) this.flush()
  }

  flush(): void {
    if (this.lines.length === 0) return
    const text = `${this.lines.join('\n')}\n`
    this.lines = []
    this.characters = 0
    this.stream.write(text)
  }

  async whenRoom(): Promise<void> {
    // What is full after this is the stream, which has said so: it will drain.
    this.flush()
    if (!this.isFull) return
    await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  private release(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** What lines are for: a node. */
export interface LineHandler {
  /** `done` is called when the line has been handled. */
  line(text: string, done: () => void): void
  /** No more lines have come for now. */
  drained(): void
}

/** Reads lines from a stream, and no faster than they are handled. */
export class LineReader {
  private readonly stream: Readable
  private readonly handler: LineHandler
  private readonly lines: Lines
  private pendingLines = 0
  private pendingCharacters = 0
  private isPaused = false

  constructor(stream: Readable, handler: LineHandler, onOverlong: () => void) {
    this.stream = stream
    this.handler = handler
    this.lines = new Lines((line) => this.handle(line), onOverlong)
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      this.lines.push(text)
      handler.drained()
    })
  }

  /** Counts a last line that has no end. */
  end(): void {
    this.lines.end()
  }

  private handle(line: string): void {
    this.count(1, line.length)
    this.handler.line(line, () => this.count(-1, -line.length))
  }

  private count(lines: number, characters: number): void {
    this.pendingLines += lines
    this.pendingCharacters += characters
    const load = Math.max(this.pendingLines / PENDING_LINES_MAX, this.pendingCharacters / PENDING_CHARACTERS_MAX)
    if (!this.isPaused && load >= 1) {
      this.isPaused = true
      this.stream.pause()
    } else if (this.isPaused && load <= 1 / 2) {
      this.isPaused = false
      this.stream.resume()
    }
  }
}
