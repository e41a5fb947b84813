import type { Entry } from '../../core/entry.ts'
import {
  counter,
  fields,
  fits,
  json,
  matching,
  name,
  nullable,
  oneOf,
  text,
  textOrNumber,
  variants,
  type Check,
} from '../../codec/shape.ts'
import { entry, hardState, position, snapshotMeta } from '../../codec/values.ts'
import type { Contents, LogRecord, ObjectFile, Reception } from './contents.ts'

/*
 * The bodies of frames as text: a line of JSON for each record, followed by a line for each of its entries. JSON escapes NUL
 * and line feeds, so neither occurs within a line. The head of a segment is one line.
 */

/** A record with its entries. */
export interface Step {
  readonly record: LogRecord
  readonly entries: readonly Entry[]
}

/** The names of object files. */
export const OBJECT_FILE = /^objects-(\d{8,})$/

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const encodeBatch = (steps: readonly Step[]): Uint8Array => {
  const lines: string[] = []
  for (const { record, entries } of steps) {
    lines.push(JSON.stringify(record))
    for (const entry of entries) lines.push(JSON.stringify(entry))
  }
  return encoder.encode(lines.join('\n'))
}

/** Null for what is no batch: its checksum was right, so another program wrote it. */
export const decodeBatch = (body: Uint8Array): readonly Step[] | null => {
  const lines = linesOf(body)
  if (lines === null) return null
  const steps: Step[] = []
  for (let at = 0; at < lines.length;) {
    const record = lines[at]
    if (!isRecord(record)) return null
    const count = 'entries' in record ? record.entries : 0
    const entries = lines.slice(at + 1, at + 1 + count)
    if (entries.length !== count || !entries.every(isEntry)) return null
    steps.push({ record, entries })
    at += 1 + count
  }
  return steps
}

/** What a segment begins with. */
export interface SegmentHead {
  readonly format: typeof FORMAT
  readonly version: number
  /** Of the directory that it belongs to: random, made with it. */
  readonly directory: string
  readonly number: number
  /** The checksum that this frame continues; the manifest has it too. */
  readonly chain: number
  /** What all segments before hold, but for the entries; null in the first segment. */
  readonly contents: Contents | null
}

export const FORMAT = 'raft-reducer log'
export const VERSION = 1

export const encodeHead = (head: SegmentHead): Uint8Array => encoder.encode(JSON.stringify(head))

export const decodeHead = (body: Uint8Array): SegmentHead | null => {
  const head = linesOf(body)?.[0]
  return isHead(head) ? head : null
}

/** A snapshot's object, as the body of a frame in a file of its own. */
export const encodeObject = (id: string | number, data: string): Uint8Array =>
  encoder.encode(JSON.stringify([id, data]))

export const decodeObject = (body: Uint8Array): { readonly id: string | number; readonly data: string } | null => {
  const [value] = linesOf(body) ?? []
  if (!Array.isArray(value) || value.length !== 2) return null
  const [id, data] = value as readonly unknown[]
  return (typeof id === 'string' || (typeof id === 'number' && Number.isFinite(id))) && typeof data === 'string'
    ? { id, data }
    : null
}

const linesOf = (body: Uint8Array): readonly unknown[] | null => {
  try {
    return decoder
      .decode(body)
      .split('\n')
      .map((line): unknown => JSON.parse(line))
  } catch {
    return null
  }
}

/*
 * Checksums find damage; these find what another program has written. Fields that they do not name are allowed: what they
 * mean is a matter of the format's version.
 */
const isEntry = (value: unknown): value is Entry => fits(entry, value)
const isRecord = (value: unknown): value is LogRecord => fits(recordShape, value)
const isHead = (value: unknown): value is SegmentHead => fits(headShape, value)

/** Names with a path in them would lead out of the directory. */
const objectFile = fields<ObjectFile>({
  file: matching(OBJECT_FILE, ' is not the name of an object file'),
  count: counter,
  bytes: counter,
  chain: counter,
})

const reception = { snapshot: snapshotMeta, nextObjectId: textOrNumber, digest: counter, objects: objectFile } as const

const whole = { id: name, hardState, base: position, snapshot: snapshotMeta, objects: nullable(objectFile) } as const

type Of<T> = Extract<LogRecord, { readonly type: T }>
const RECORDS: Readonly<Record<LogRecord['type'], Check>> = {
  save: fields<Of<'save'>>({
    type: json,
    hardState: nullable(hardState),
    truncateFrom: nullable(counter),
    entries: counter,
    snapshot: nullable(snapshotMeta),
    compactTo: nullable(position),
    lastIndex: counter,
  }),
  received: fields<Of<'received'>>({ type: json, ...reception }),
  snapshot: fields<Of<'snapshot'>>({ type: json, snapshot: snapshotMeta, objects: objectFile }),
  reset: fields<Of<'reset'>>({ type: json, entries: counter, ...whole }),
}
const recordShape = variants('type', RECORDS)

const headShape = fields<SegmentHead>({
  format: oneOf(FORMAT),
  version: counter,
  directory: text,
  number: counter,
  chain: counter,
  contents: nullable(
    fields<Contents>({ ...whole, lastIndex: counter, received: nullable(fields<Reception>(reception)) }),
  ),
})
