import { toPerfetto } from '../trace/export-perfetto.ts'
import { toShiviz } from '../trace/export-shiviz.ts'
import type { Trace } from '../trace/format.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { onlyFile, overFiles, parseOrRefuse, readTrace, writeText } from './files.ts'

const HELP = `Usage: raft export TRACE --to FORMAT [options]

Turns a trace into the input of another program.

Options:
  --to shiviz          vector clocks for ShiViz; the first line is its regular expression, the second stays empty
  --to perfetto        Chrome trace events for ui.perfetto.dev or chrome://tracing
  -o, --output FILE    where it goes (default: stdout); packed if the name ends in .gz
  --partial            accept a trace that was cut short, by a crash say
`

const FORMATS: ReadonlyMap<string, (trace: Trace) => string> = new Map([
  ['shiviz', toShiviz],
  ['perfetto', toPerfetto],
])

export const exportCommand = {
  summary: 'a trace for ShiViz or Perfetto',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const { values, positionals } = parseOrRefuse('export', {
      args: [...args],
      allowPositionals: true,
      options: { to: { type: 'string' }, output: { type: 'string', short: 'o' }, partial: { type: 'boolean' } },
    })
    const file = onlyFile('export', 'trace', positionals)
    const convert = FORMATS.get(values.to ?? '')
    if (convert === undefined)
      throw new UsageProblem(`--to takes ${[...FORMATS.keys()].join(' or ')}, not ${JSON.stringify(values.to ?? '')}`)
    return overFiles('export', () => {
      const text = convert(readTrace('export', file, values.partial ?? false))
      if (values.output === undefined) process.stdout.write(text)
      else writeText(values.output, text)
      return EXIT.ok
    })
  },
}
