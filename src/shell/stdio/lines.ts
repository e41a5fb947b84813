/** The longest line that is read, in UTF-16 code units: anything longer is reported and skipped. */
export const LINE_MAX = 16 * 1024 * 1024

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
