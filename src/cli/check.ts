import { UsageError } from '../core/assert.ts'
import type { Operation } from '../sim/history.ts'
import { parseHistory } from '../sim/history-parse.ts'
import { STEPS_MAX_DEFAULT, checkLinearizability, type Verdict } from '../sim/linearizability.ts'
import { decodeTrace } from '../trace/decode.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { counterOption, InputProblem, onlyFile, overFiles, parseOrRefuse, readBytes } from './files.ts'

const HELP = `Usage: raft check HISTORY [options]

Decides whether a history of clients' operations is linearizable. HISTORY is JSON or JSON Lines, gzip or not: one item
for each operation with its start and end, or Jepsen's events (invoke, ok, fail, info); or a trace with such lines.

Options:
  --model kv       the model: a key-value store with read, write, cas and delete (default, and the only one)
  --steps N        how far to search for each key (default: ${STEPS_MAX_DEFAULT})
  --json           the verdict as one JSON object

Exit code: 0 linearizable, 1 not, 2 unknown, 65 the file is no history.
`

export const checkCommand = {
  summary: 'whether a history is linearizable',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const parsed = parse(args)
    return overFiles('check', () => run(parsed))
  },
}

interface Arguments {
  readonly file: string
  readonly steps: number
  readonly json: boolean
}

const parse = (args: readonly string[]): Arguments => {
  const { values, positionals } = parseOrRefuse('check', {
    args: [...args],
    allowPositionals: true,
    options: { model: { type: 'string' }, steps: { type: 'string' }, json: { type: 'boolean' } },
  })
  if (values.model !== undefined && values.model !== 'kv')
    throw new UsageProblem(`--model takes kv, not ${JSON.stringify(values.model)}`)
  return {
    file: onlyFile('check', 'history', positionals),
    steps: counterOption('--steps', values.steps, 1) ?? STEPS_MAX_DEFAULT,
    json: values.json ?? false,
  }
}

const run = ({ file, steps, json }: Arguments): number => {
  const operations = readHistory(file)
  const verdict = verdictOn(file, operations, steps)
  const summary = { type: 'summary', ...verdict, operations: operations.length }
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : textOf(verdict, operations.length))
  switch (verdict.result) {
    case 'linearizable':
      return EXIT.ok
    case 'violation':
      return EXIT.falsified
    case 'unknown':
      return EXIT.unknown
  }
}

const textOf = (verdict: Verdict, count: number): string => {
  switch (verdict.result) {
    case 'linearizable':
      return `linearizable: ${count} operations, ${verdict.steps} steps\n`
    case 'violation':
      return `✗ not linearizable: ${verdict.explanation}\n`
    case 'unknown':
      return `unknown: ${verdict.reason}; a higher --steps may tell\n`
  }
}

const verdictOn = (file: string, operations: readonly Operation[], stepsMax: number): Verdict => {
  try {
    return checkLinearizability(operations, { stepsMax })
  } catch (error) {
    if (error instanceof UsageError) throw new InputProblem(`${file}: ${error.message}`)
    throw error
  }
}

const readHistory = (file: string): readonly Operation[] => {
  const { source, lines } = sourceIn(file, readBytes(file).toString('utf8'))
  const parsed = parseHistory(source)
  if ('operations' in parsed) return parsed.operations
  const [, item, problem] = /^item (\d+): (.*)$/s.exec(parsed.error) ?? []
  const line = item === undefined ? undefined : lines?.[Number(item) - 1]
  throw new InputProblem(line === undefined ? `${file}: ${parsed.error}` : `${file}:${line}: ${problem ?? ''}`)
}

/** What to read a history from, and for JSON Lines the line of each item. */
interface Source {
  readonly source: unknown
  readonly lines: readonly number[] | null
}

const sourceIn = (file: string, text: string): Source => {
  const trimmed = text.trim()
  if (trimmed === '') throw new InputProblem(`${file}: is empty`)
  if (trimmed.startsWith('{"t":"hdr"')) return operationsIn(file, text)
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
  const decoded = decodeTrace(text, { partial: true })
  if ('error' in decoded) throw new InputProblem(`${file}:${decoded.error.line}: ${decoded.error.reason}`)
  const { events, lines } = decoded.trace
  const items: unknown[] = []
  const places: number[] = []
  for (const [at, event] of events.entries()) {
    if (event.t !== 'op') continue
    items.push({ ...event.value, type: event.kind, process: event.client })
    places.push(lines?.[at] ?? 0)
  }
  return { source: items, lines: places }
}

const parseJson = (text: string): { readonly value: unknown } | { readonly error: string } => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
