import { checksum } from '../core/checksum.ts'
import { utf8Bytes } from '../machine/capture.ts'
import type { Message } from '../core/message.ts'
import { textDigest } from './digest.ts'
import { BLOB_CHARS_MIN, type BlobLine, type EndLine, type Header, type Trace, type TraceEvent } from './format.ts'

/** Writes a trace line by line, without line feeds. */
export class Encoder {
  private sum = 0
  private readonly blobs = new Set<string>()
  private readonly write: (line: string) => void

  constructor(header: Header, write: (line: string) => void) {
    this.write = write
    this.seal(header)
  }

  /** One line, and before it one for each large text in it that the trace does not hold yet. */
  event(event: TraceEvent): void {
    this.seal(event.t === 'in' ? { ...event, m: this.withBlobs(event.m) } : event)
  }

  end(end: EndLine): void {
    this.seal(end)
  }

  private seal(line: object): void {
    const body = JSON.stringify(line).slice(0, -1)
    this.sum = checksum(body, this.sum)
    this.write(`${body},"c":${this.sum}}`)
  }

  private withBlobs(message: Message): object {
    if (message.type === 'objectRead' && message.data.length >= BLOB_CHARS_MIN)
      return { ...message, data: this.blob(message.data) }
    if (message.type !== 'receive' || message.rpc.type !== 'InstallSnapshot') return message
    const { rpc } = message
    return rpc.data.length < BLOB_CHARS_MIN ? message : { ...message, rpc: { ...rpc, data: this.blob(rpc.data) } }
  }

  private blob(data: string): { readonly blob: string } {
    const digest = textDigest(data)
    if (!this.blobs.has(digest)) {
      const line: BlobLine = { t: 'blob', sha256: digest, bytes: utf8Bytes(data), data }
      this.seal(line)
      this.blobs.add(digest)
    }
    return { blob: digest }
  }
}

/** A trace as text, a line feed after every line. */
export const encodeTrace = ({ header, events, end }: Trace): string => {
  const lines: string[] = []
  const encoder = new Encoder(header, (line) => lines.push(line))
  for (const event of events) encoder.event(event)
  if (end !== null) encoder.end(end)
  return lines.map((line) => `${line}\n`).join('')
}
