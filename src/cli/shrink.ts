import { encodeTrace } from '../trace/encode.ts'
import { RUNS_DEFAULT } from '../trace/shrink/shrink.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { overFiles, tryWriting, writeText } from './files.ts'
import { counterOption, durationOption, onlyFile, parseOrRefuse } from './options.ts'
import type { ShrinkOrder, ShrinkResult } from './shrink-work.ts'
import { inThread } from './thread.ts'

const TIME_DEFAULT = '60s'

const HELP = `Usage: raft shrink TRACE -o FILE [options]

Looks for the smallest trace that violates the same claim: fewer nodes, fewer events, plainer messages. Messages
follow from the steps that are left, so that the result is a run that can really happen.

Options:
  -o, --output FILE   where the small trace goes; packed if the name ends in .gz
  --time 60s          how long to look; s, m or h (default: ${TIME_DEFAULT})
  --runs N            tries at most (default: ${RUNS_DEFAULT})
  --partial           accept a trace that was cut short, by a crash say
  --json              the summary as one JSON object

What was found until the time is up, or until an interruption, is written too.

Exit codes: 0 written, 2 the violation that was recorded cannot be reproduced, or not in time, 64 usage, 65 no trace, or one without
violation, 130 interrupted.
`

export const shrinkCommand = {
  summary: 'the smallest trace with the same violation',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const parsed = parse(args)
    return overFiles('shrink', () => run(parsed))
  },
}

interface Arguments extends ShrinkOrder {
  readonly output: string
  readonly limitMs: number | null
  readonly json: boolean
}

const parse = (args: readonly string[]): Arguments => {
  const flag = { type: 'boolean' } as const
  const text = { type: 'string' } as const
  const { values, positionals } = parseOrRefuse('shrink', {
    args: [...args],
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' }, time: text, runs: text, partial: flag, json: flag },
  })
  if (values.output === undefined) throw new UsageProblem('raft shrink needs -o FILE; see raft shrink --help')
  return {
    file: onlyFile('shrink', 'trace', positionals),
    output: values.output,
    runs: counterOption('--runs', values.runs, 1) ?? RUNS_DEFAULT,
    limitMs: durationOption('--time', values.time ?? TIME_DEFAULT),
    partial: values.partial ?? false,
    json: values.json ?? false,
  }
}

const run = async ({ file, output, runs, limitMs, partial, json }: Arguments): Promise<number> => {
  // Before the search, which may take a minute.
  tryWriting(output)
  const order: ShrinkOrder = { file, runs, partial }
  const { result, isInterrupted } = await inThread<ShrinkResult>(new URL('./shrink-work.js', import.meta.url), order, {
    name: 'raft shrink',
    limitMs,
  })
  if (result.type === 'not played') {
    process.stderr.write(`raft shrink: ${file}: was not played to its end in time: nothing was tried; see --time\n`)
    return isInterrupted ? EXIT.interrupted : EXIT.unknown
  }
  if (result.type === 'not seen') {
    process.stderr.write(`raft shrink: ${file}: the recorded violation does not show in replay: ${result.claim}\n`)
    return EXIT.unknown
  }
  writeText(output, encodeTrace(result.trace))
  const { found, before, after, isMinimal } = result
  const summary = { type: 'summary', claim: found.claim, before, after, runs: result.runs, isMinimal, output }
  process.stdout.write(
    json
      ? `${JSON.stringify(summary)}\n`
      : [
          `✗ ${found.claim}`,
          `  ${found.detail}`,
          `  shrunk ${before.events}→${after.events} events, ${before.nodes}→${after.nodes} nodes (${result.runs} runs${isMinimal ? '' : ', not finished: more --time or --runs may do better'})`,
          `  replay: npx raft replay ${output} --print lines`,
          '',
        ].join('\n'),
  )
  return isInterrupted ? EXIT.interrupted : EXIT.ok
}
