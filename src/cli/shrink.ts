import { encodeTrace } from '../trace/encode.ts'
import type { Trace } from '../trace/format.ts'
import { RUNS_DEFAULT, shrink, type Progress } from '../trace/shrink.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { counterOption, InputProblem, onlyFile, overFiles, parseOrRefuse, readTrace, writeText } from './files.ts'

const HELP = `Usage: raft shrink TRACE -o FILE [options]

Looks for the smallest trace that violates the same claim: fewer nodes, fewer events, plainer messages. Messages
follow from the steps that are left, so that the result is a run that can really happen.

Options:
  -o, --output FILE   where the small trace goes; packed if the name ends in .gz
  --runs N            tries at most (default: ${RUNS_DEFAULT})
  --partial           accept a trace that was cut short, by a crash say
  --json              the summary as one JSON object

Exit code: 0 written, 2 the violation that was recorded cannot be reproduced, 65 no trace, or one without violation.
`

export const shrinkCommand = {
  summary: 'the smallest trace with the same violation',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const parsed = parse(args)
    return overFiles('shrink', () => run(parsed))
  },
}

interface Arguments {
  readonly file: string
  readonly output: string
  readonly runs: number
  readonly partial: boolean
  readonly json: boolean
}

const parse = (args: readonly string[]): Arguments => {
  const flag = { type: 'boolean' } as const
  const { values, positionals } = parseOrRefuse('shrink', {
    args: [...args],
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' }, runs: { type: 'string' }, partial: flag, json: flag },
  })
  if (values.output === undefined) throw new UsageProblem('raft shrink needs -o FILE; see raft shrink --help')
  return {
    file: onlyFile('shrink', 'trace', positionals),
    output: values.output,
    runs: counterOption('--runs', values.runs, 1) ?? RUNS_DEFAULT,
    partial: values.partial ?? false,
    json: values.json ?? false,
  }
}

const run = ({ file, output, runs, partial, json }: Arguments): number => {
  const trace = readTrace('shrink', file, partial)
  const report = reporter()
  const result = shrink(trace, { runs, onProgress: report })
  if (process.stderr.isTTY) process.stderr.write('\n')
  if (result.type === 'no violation') return nothingToShrink(file, trace)
  writeText(output, encodeTrace(result.trace))
  const { found, before, after, isMinimal } = result
  const summary = { type: 'summary', claim: found.claim, before, after, runs: result.runs, isMinimal, output }
  process.stdout.write(
    json
      ? `${JSON.stringify(summary)}\n`
      : [
          `✗ ${found.claim}`,
          `  ${found.detail}`,
          `  shrunk ${before.events}→${after.events} events, ${before.nodes}→${after.nodes} nodes (${result.runs} runs${isMinimal ? '' : ', not finished: more --runs may do better'})`,
          `  replay: raft replay ${output} --print lines`,
          '',
        ].join('\n'),
  )
  return EXIT.ok
}

const nothingToShrink = (file: string, trace: Trace): number => {
  const recorded = trace.events.find((event) => event.t === 'viol')
  if (recorded === undefined) throw new InputProblem(`${file}: violates no claim that could be kept`)
  process.stderr.write(`raft shrink: ${file}: the recorded violation does not show in replay: ${recorded.claim}\n`)
  return EXIT.unknown
}

const TERMINAL_INTERVAL_MS = 100
const PLAIN_INTERVAL_MS = 30_000

/** One line that is written over at a terminal, a line now and then elsewhere. */
const reporter = (): ((progress: Progress) => void) => {
  const { stderr } = process
  const interval = stderr.isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS
  let last = performance.now()
  return ({ runs, events, nodes }) => {
    const now = performance.now()
    if (now - last < interval) return
    last = now
    const text = `raft shrink: ${events} events, ${nodes} nodes after ${runs} runs`
    stderr.write(stderr.isTTY ? `\r${text}    ` : `${text}\n`)
  }
}
