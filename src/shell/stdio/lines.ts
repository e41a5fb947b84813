/** The longest line that is read, in UTF-16 code units: anything longer is reported and skipped. */
export const LINE_MAX = 16 * 1024 * 1024

/*
 * What is taken in has to fit every line that carries it on. The longest is that of a snapshot's object: a command's key
 * and value in JSON, as a string of JSON, in which quotes and backslashes double; and beside it the key before them,
 * as JSON in a string in a string. So for REQUEST + KEY (the key as stored may be longer than as sent):
 * 2 × (REQUEST + KEY) + 4 × KEY + 4 × NAMES + the rest, which is counters, ≤ LINE.
 */

/** The longest body of a client's request, as JSON. */
export const REQUEST_MAX = 7 * 1024 * 1024
/** The longest key, as the JSON of how it is stored. */
export const KEY_MAX = 128 * 1024
/** The longest list of the names of all nodes, as JSON. */
export const NAMES_MAX = 64 * 1024

/**
 * Cuts a stream of text into lines. The pieces of an endless line are dropped as they come, so that it costs no
 * memory. A last line without its end counts. Lines may end in CR LF, and begin with a byte order mark, as files
 * written on Windows do: neither is part of the line.
 */
export class Lines {
  private parts: string[] = []
  private length = 0
  private isSkipping = false
  private readonly onLine: (line: string) => void
  private readonly onOverlong: () => void

  constructor(onLine: (line: string) => void, onOverlong: () => void) {
    this.onLine = onLine
    this.onOverlong = onOverlong
  }

  push(text: string): void {
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.keep(text.slice(from, end))
      this.cut()
      from = end + 1
    }
    this.keep(text.slice(from))
  }

  end(): void {
    if (this.length > 0 || this.isSkipping) this.cut()
  }

  private keep(part: string): void {
    if (this.isSkipping || part === '') return
    this.length += part.length
    this.parts.push(part)
    if (this.length <= LINE_MAX) return
    this.isSkipping = true
    this.parts = []
  }

  private cut(): void {
    const line = this.parts
      .join('')
      .replace(/^\uFEFF/, '')
      .replace(/\r$/, '')
    const isOverlong = this.isSkipping
    this.parts = []
    this.length = 0
    this.isSkipping = false
    if (isOverlong) this.onOverlong()
    else if (line.trim() !== '') this.onLine(line)
  }
}
