import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { toItf } from '../trace/export/itf.ts'
import { toPerfetto } from '../trace/export/perfetto.ts'
import { toShiviz } from '../trace/export/shiviz.ts'
import type { Trace } from '../trace/format.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { InputProblem, overFiles, readTrace } from './files.ts'
import { counterOption, onlyFile, parseOrRefuse } from './options.ts'

const HELP = `Usage: raft export TRACE --to FORMAT [options]

Turns a trace into the input of another program.

Options:
  --to shiviz          vector clocks for ShiViz; the first line is its regular expression, the second stays empty
  --to perfetto        Chrome trace events for ui.perfetto.dev or chrome://tracing
  --to itf             states in the Informal Trace Format of Apalache and Quint (*.itf.json), with the variables of
                       Raft's TLA+ specification; each repeats all logs, so a long trace makes a large file
  --until I            leave out what comes after step I
  -o, --output FILE    where it goes (default: stdout); packed if the name ends in .gz
  --partial            accept a trace that was cut short, by a crash say

Exit codes: 0 written, 64 usage, 65 the file is no trace or a damaged one, or the result cannot be written.
`

const FORMATS: ReadonlyMap<string, (trace: Trace) => Iterable<string>> = new Map([
  ['shiviz', (trace) => [toShiviz(trace)]],
  ['perfetto', (trace) => [toPerfetto(trace)]],
  ['itf', (trace) => itf(trace)],
])

export const exportCommand = {
  summary: 'a trace for ShiViz, Perfetto or TLA+ tools',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const { values, positionals } = parseOrRefuse('export', {
      args: [...args],
      allowPositionals: true,
      options: {
        to: { type: 'string' },
        until: { type: 'string' },
        output: { type: 'string', short: 'o' },
        partial: { type: 'boolean' },
      },
    })
    const file = onlyFile('export', 'trace', positionals)
    const convert = FORMATS.get(values.to ?? '')
    if (values.to === undefined) throw new UsageProblem(`export needs --to ${[...FORMATS.keys()].join(', or --to ')}`)
    if (convert === undefined)
      throw new UsageProblem(`--to takes ${[...FORMATS.keys()].join(' or ')}, not ${JSON.stringify(values.to)}`)
    const until = counterOption('--until', values.until)
    return overFiles('export', async () => {
      const trace = readTrace('export', file, values.partial ?? false)
      await write(convert(until === undefined ? trace : cut(trace, until)), values.output)
      return EXIT.ok
    })
  },
}

/** The states as far as there are any; whoever gets fewer than the trace has steps is told. */
const itf = (trace: Trace): Iterable<string> => {
  const { pieces, ending } = toItf(trace)
  if (ending.type !== 'complete')
    process.stderr.write(
      `raft export: the states end before line ${ending.line}: the replay ${OUTCOMES[ending.type]}\n`,
    )
  return pieces
}

const OUTCOMES = {
  violated: 'breaks a claim there',
  diverged: 'diverges there',
  invalid: 'cannot go on there',
} as const

/** The trace up to a step, as one that was cut short after it. */
const cut = (trace: Trace, until: number): Trace => {
  const at = trace.events.findIndex((event) => event.t === 'in' && event.i > until)
  return at === -1 ? trace : { ...trace, events: trace.events.slice(0, at), end: null }
}

/** Piece by piece, waiting for whoever reads. @throws InputProblem for a file that cannot be written */
const write = async (pieces: Iterable<string>, file: string | undefined): Promise<void> => {
  const source = Readable.from(pieces)
  if (file === undefined) return pipeline(source, process.stdout, { end: false })
  const target = createWriteStream(file)
  try {
    if (file.endsWith('.gz')) await pipeline(source, createGzip(), target)
    else await pipeline(source, target)
  } catch (error) {
    if (error !== target.errored) throw error
    throw new InputProblem(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
