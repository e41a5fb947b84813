import type { Entry } from '../../core/entry.ts'
import { isCounter } from '../../core/ids.ts'
import { isEntry, isHardState, isPosition, isSnapshotMeta, type Fields } from './fields.ts'
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
  return isObjectId(id) && typeof data === 'string' ? { id, data } : null
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

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const isObjectId = (value: unknown): value is string | number => typeof value === 'string' || Number.isFinite(value)

const isNullOr = (value: unknown, is: (value: unknown) => boolean): boolean => value === null || is(value)

const isRecord = (value: unknown): value is LogRecord => {
  if (!isFields(value)) return false
  switch (value['type']) {
    case 'save':
      return (
        isNullOr(value['hardState'], isHardState) &&
        isNullOr(value['truncateFrom'], isCounter) &&
        isCounter(value['entries']) &&
        isNullOr(value['snapshot'], isSnapshotMeta) &&
        isNullOr(value['compactTo'], isPosition) &&
        isCounter(value['lastIndex'])
      )
    case 'received':
      return isReception(value)
    case 'snapshot':
      return isSnapshotMeta(value['snapshot']) && isObjectFile(value['objects'])
    case 'reset':
      return isCounter(value['entries']) && hasContents(value)
    default:
      return false
  }
}

const isHead = (value: unknown): value is SegmentHead =>
  isFields(value) &&
  value['format'] === FORMAT &&
  isCounter(value['version']) &&
  typeof value['directory'] === 'string' &&
  isCounter(value['number']) &&
  isCounter(value['chain']) &&
  isNullOr(value['contents'], isContents)

const hasContents = (value: Fields): boolean =>
  typeof value['id'] === 'string' &&
  value['id'] !== '' &&
  isHardState(value['hardState']) &&
  isPosition(value['base']) &&
  isSnapshotMeta(value['snapshot']) &&
  isNullOr(value['objects'], isObjectFile)

const isContents = (value: unknown): value is Contents =>
  isFields(value) &&
  hasContents(value) &&
  isCounter(value['lastIndex']) &&
  isNullOr(value['received'], (received) => isFields(received) && isReception(received))

const isReception = (value: Fields): value is Fields & Reception =>
  isSnapshotMeta(value['snapshot']) &&
  isObjectId(value['nextObjectId']) &&
  isCounter(value['digest']) &&
  isObjectFile(value['objects'])

/** Names with a path in them would lead out of the directory. */
const isObjectFile = (value: unknown): value is ObjectFile =>
  isFields(value) &&
  typeof value['file'] === 'string' &&
  OBJECT_FILE.test(value['file']) &&
  isCounter(value['count']) &&
  isCounter(value['bytes']) &&
  isCounter(value['chain'])

/** The names of object files. */
export const OBJECT_FILE = /^objects-(\d{8,})$/
