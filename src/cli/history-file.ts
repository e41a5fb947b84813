import type { Operation } from '../linearizability/history.ts'
import { looksLikeEdn, parseEdn } from '../linearizability/edn.ts'
import { parseHistory } from '../linearizability/parse.ts'
import { parseNumerals } from '../codec/numerals.ts'
import { decodeTrace } from '../trace/decode.ts'
import { InputProblem, readBytes } from './files.ts'

export interface HistoryFile {
  readonly operations: readonly Operation[]
  /** A trace that was cut short: what happened after its last line is not in it. */
  readonly isCut: boolean
}

/** The operations in a history, or in a trace. @throws InputProblem with the line. */
export const readHistory = (file: string): HistoryFile => {
  const {
    source,
    lines,
    isCut = false,
  } = sourceIn(
    file,
    readBytes(file, true)
      .toString('utf8')
      .replace(/^\uFEFF/, ''),
  )
  const parsed = parseHistory(source)
  if ('operations' in parsed) return { operations: parsed.operations, isCut }
  const [, item, problem] = /^item (\d+): (.*)$/s.exec(parsed.error) ?? []
  const line = item === undefined ? undefined : lines?.[Number(item) - 1]
  throw new InputProblem(line === undefined ? `${file}: ${parsed.error}` : `${file}:${line}: ${problem ?? ''}`)
}

/** What to read a history from, and for JSON Lines the line of each item. */
interface Source {
  readonly source: unknown
  readonly lines: readonly number[] | null
  readonly isCut?: boolean
}

const sourceIn = (file: string, text: string): Source => {
  const trimmed = text.trim()
  if (trimmed === '') throw new InputProblem(`${file}: is empty`)
  if (trimmed.startsWith('{"t":"hdr"')) return operationsIn(file, text)
  if (looksLikeEdn(trimmed)) return edn(file, text)
  const whole = parseJson(trimmed)
  if ('value' in whole) {
    const { value } = whole
    const isItem = typeof value === 'object' && value !== null && !Array.isArray(value) && !holdsHistory(value)
    const line = text.slice(0, text.indexOf(trimmed)).split('\n').length
    return isItem ? { source: [value], lines: [line] } : { source: value, lines: null }
  }
  if (!trimmed.startsWith('{')) throw new InputProblem(`${file}: is not JSON: ${whole.error}`)
  return jsonLines(file, text)
}

/** A form for each item, as Jepsen writes them; or one vector of all. */
const edn = (file: string, text: string): Source => {
  const parsed = parseEdn(text)
  if ('error' in parsed)
    throw new InputProblem(`${file}:${parsed.line}: is not EDN that can be read: it ${parsed.error}`)
  const [first] = parsed.values
  const isOne = parsed.values.length === 1 && Array.isArray(first)
  return isOne ? { source: first, lines: null } : { source: parsed.values, lines: parsed.lines }
}

const holdsHistory = (value: object): boolean => 'history' in value || 'operations' in value || 'events' in value

const jsonLines = (file: string, text: string): Source => {
  const items: unknown[] = []
  const lines: number[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const parsed = parseJson(line)
    if ('error' in parsed) throw new InputProblem(`${file}:${at + 1}: is not JSON: ${parsed.error}`)
    items.push(parsed.value)
    lines.push(at + 1)
  }
  return { source: items, lines }
}

/** The clients' side of a trace. */
const operationsIn = (file: string, text: string): Source => {
  const decoded = decodeTrace(text.trimEnd().split(/\r?\n/), { partial: true })
  if ('error' in decoded) throw new InputProblem(`${file}:${decoded.error.line}: ${decoded.error.reason}`)
  const { events, lines } = decoded.trace
  const items: unknown[] = []
  const places: number[] = []
  for (const [at, event] of events.entries()) {
    if (event.t !== 'op') continue
    items.push({ ...event.value, type: event.kind, process: event.client })
    places.push(lines?.[at] ?? 0)
  }
  return { source: items, lines: places, isCut: decoded.trace.end === null }
}

const parseJson = (text: string): { readonly value: unknown } | { readonly error: string } => {
  try {
    return { value: parseNumerals(text) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
