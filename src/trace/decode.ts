import { checksum } from '../core/checksum.ts'
import { textDigest } from './digest.ts'
import {
  FORMATS_READ,
  FORMAT_VERSION,
  type BlobLine,
  type EndLine,
  type Header,
  type Trace,
  type TraceEvent,
} from './format.ts'
import { headerCheck, lineCheck } from './schema/line.ts'
import { isRecord, strictFault } from '../codec/shape.ts'

export interface TraceProblem {
  /** From 1. */
  readonly line: number
  readonly reason: string
}

export type DecodedTrace = { readonly trace: Trace } | { readonly error: TraceProblem }

export interface DecodeOptions {
  /** Take a trace that was cut short, by a crash say, for what is there of it. Default: refuse it. */
  readonly partial?: boolean
}

/** Reads a trace strictly: whatever was altered, lost or added since it was written is an error. Never throws. */
export const decodeTrace = (source: string | Iterable<string>, options: DecodeOptions = {}): DecodedTrace => {
  const decoder = new Decoder(options.partial ?? false)
  try {
    for (const line of typeof source === 'string' ? linesOf(source) : source) decoder.line(line)
    return { trace: decoder.finish() }
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem
    return { error: { line: decoder.current, reason: problem.message } }
  }
}

const linesOf = (text: string): readonly string[] => {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

class Refusal extends Error {
  override readonly name = 'Refusal'
}

const SEAL = /^,"c":(0|[1-9]\d*)\}$/
const SEAL_START = ',"c":'

class Decoder {
  /** The line being read. */
  current = 0
  private readonly partial: boolean
  private sum = 0
  private header: Header | null = null
  private end: EndLine | null = null
  private readonly events: TraceEvent[] = []
  private readonly lines: number[] = []
  private readonly blobs = new Map<string, string>()
  private nodes: ReadonlySet<string> = new Set()
  private steps = 0
  /** With `partial`: what is wrong with a line that nothing may follow. */
  private torn: string | null = null

  constructor(partial: boolean) {
    this.partial = partial
  }

  line(text: string): void {
    // Only the last line can have been cut by a crash: what is wrong further up is damage.
    if (this.torn !== null) throw new Refusal(this.torn)
    this.current++
    if (this.end !== null) throw new Refusal('nothing follows the end of a trace')
    if (this.header === null) this.readHeader(text)
    else this.readLine(text)
  }

  finish(): Trace {
    const { header, events, lines, end } = this
    if (header === null) {
      this.current = 1
      throw new Refusal('is not a trace: there is no header')
    }
    if (end === null && !this.partial) {
      this.current++
      throw new Refusal('the trace is truncated: its last line is missing')
    }
    return { header, events, lines, end }
  }

  private readHeader(text: string): void {
    const value = parse(text)
    if (!isRecord(value) || value['t'] !== 'hdr') throw new Refusal('is not a trace: the first line is no header')
    const { v } = value
    if (typeof v === 'number' && v > FORMAT_VERSION)
      throw new Refusal(`version ${v} of the format is newer than this program, which reads ${FORMAT_VERSION}`)
    if (!FORMATS_READ.some((known) => known === v))
      throw new Refusal('is not a trace: the version of its format is not known')
    this.unseal(text)
    const fault = strictFault(headerCheck, value)
    if (fault !== null) throw new Refusal(`hdr${fault}`)
    const header = withoutSeal(value) as Header
    this.nodes = new Set(header.nodes)
    if (this.nodes.size !== header.nodes.length) throw new Refusal('hdr.nodes names a node twice')
    for (const node of Object.keys(header.init))
      if (!this.nodes.has(node)) throw new Refusal(`hdr.init.${node} is not one of the nodes`)
    this.header = header
  }

  private readLine(text: string): void {
    const value = parse(text)
    const problem = value === undefined ? 'is not JSON' : this.sealProblem(text)
    if (problem !== null) {
      if (!this.partial) throw new Refusal(problem)
      this.torn = problem
      return
    }
    const fault = strictFault(lineCheck, value)
    if (fault !== null) throw new Refusal(`the line${fault}`)
    if (!isRecord(value)) return
    if (value['t'] === 'blob') return this.addBlob(withoutSeal(value) as BlobLine)
    if (value['t'] === 'end') return this.readEnd(withoutSeal(value) as EndLine)
    const event = withoutSeal(value) as TraceEvent
    this.checkEvent(event)
    this.events.push(event)
    this.lines.push(this.current)
  }

  private unseal(text: string): void {
    const problem = this.sealProblem(text)
    if (problem !== null) throw new Refusal(problem)
  }

  private sealProblem(text: string): string | null {
    const start = text.lastIndexOf(SEAL_START)
    const found = start === -1 ? null : SEAL.exec(text.slice(start))
    if (found === null) return 'does not close with its checksum'
    this.sum = checksum(text.slice(0, start), this.sum)
    if (Number(found[1]) === this.sum) return null
    return 'the checksum is wrong: this line was altered, or one before it is missing, added or moved'
  }

  private checkEvent(event: TraceEvent): void {
    if (event.t !== 'in') {
      if (event.t === 'fault' && 'n' in event) this.checkNode(event.n)
      return
    }
    if (event.i !== this.steps) throw new Refusal(`step ${event.i} stands where step ${this.steps} is due`)
    this.checkNode(event.n)
    if (event.src !== undefined && event.src >= event.i) throw new Refusal('in.src is not an earlier step')
    this.steps++
    const { m } = event
    if (m.type === 'objectRead') this.resolve(m)
    else if (m.type === 'receive' && m.rpc.type === 'InstallSnapshot') this.resolve(m.rpc)
  }

  private checkNode(node: string): void {
    if (!this.nodes.has(node)) throw new Refusal(`${node} is not one of the nodes`)
  }

  /** Puts a blob in the place of its reference. */
  private resolve(holder: { readonly data: unknown }): void {
    if (!isRecord(holder.data)) return
    const blob = this.blobs.get(String(holder.data['blob']))
    if (blob === undefined) throw new Refusal(`there is no blob ${String(holder.data['blob'])}`)
    // The object came out of JSON.parse just now, and nobody else has seen it.
    Object.assign(holder, { data: blob })
  }

  private addBlob({ sha256: digest, data }: BlobLine): void {
    if (textDigest(data) !== digest) throw new Refusal('the digest of the blob is wrong')
    this.blobs.set(digest, data)
  }

  private readEnd(end: EndLine): void {
    if (end.steps !== this.steps) throw new Refusal(`the end counts ${end.steps} steps, there are ${this.steps}`)
    this.end = end
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A line whose check says what it is; the seal has done its work. */
const withoutSeal = (value: Readonly<Record<string, unknown>>): unknown => {
  delete (value as Record<string, unknown>)['c']
  return value
}
