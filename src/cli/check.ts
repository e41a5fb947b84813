import { STEPS_MAX_DEFAULT, type Verdict } from '../linearizability/check.ts'
import { restoreNumerals } from '../codec/numerals.ts'
import type { Checked, CheckOrder } from './check-work.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { overFiles } from './files.ts'
import { counterOption, durationOption, onlyFile, parseOrRefuse } from './options.ts'
import { inThread } from './thread.ts'

const TIMEOUT_DEFAULT = '60s'

const HELP = `Usage: raft check HISTORY [options]

Decides whether a history of clients' operations is linearizable. HISTORY, gzip or not, is one of:
  JSON or JSON Lines   one item for each operation with its start and end, or Jepsen's events (invoke, ok, fail, info)
  Jepsen's EDN         {:type :invoke, :process 0, :f :read | :write | :cas, :value …} for each event; [key value] pairs too
  porcupine's JSON     {"ClientId", "Input", "Call", "Output", "Return"} for each operation; Input {"Op", "Key", "Value"}
                       or {"Op", "Arg1", "Arg2"}, with Op 0 read, 1 write, 2 cas of a register, or a name
  a trace              its clients' lines

Numbers are compared by what they are, not by the double next to them.

Options:
  --model kv       the model: a key-value store with read, write, cas and delete (default, and the only one)
  --timeout 60s    how long to search; s, m or h (default: ${TIMEOUT_DEFAULT})
  --steps N        how far to search for each key (default: ${STEPS_MAX_DEFAULT})
  --json           the verdict as one JSON object

Exit codes: 0 linearizable, 1 not, 2 unknown, 4 there is no operation in it, 64 usage, 65 the file is no history,
130 interrupted.
`

export const checkCommand = {
  summary: 'whether a history is linearizable',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const parsed = parse(args)
    return overFiles('check', () => run(parsed))
  },
}

interface Arguments extends CheckOrder {
  readonly limitMs: number | null
  readonly json: boolean
}

const parse = (args: readonly string[]): Arguments => {
  const { values, positionals } = parseOrRefuse('check', {
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      timeout: { type: 'string' },
      steps: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  if (values.model !== undefined && values.model !== 'kv')
    throw new UsageProblem(`--model takes kv, not ${JSON.stringify(values.model)}`)
  return {
    file: onlyFile('check', 'history', positionals),
    steps: counterOption('--steps', values.steps, 1) ?? STEPS_MAX_DEFAULT,
    limitMs: durationOption('--timeout', values.timeout ?? TIMEOUT_DEFAULT),
    json: values.json ?? false,
  }
}

const run = async ({ file, steps, limitMs, json }: Arguments): Promise<number> => {
  const order: CheckOrder = { file, steps }
  const { result, isInterrupted } = await inThread<Checked>(new URL('./check-work.js', import.meta.url), order, {
    name: 'raft check',
    limitMs,
  })
  const { verdict, operations, isCut } = result
  if (isCut)
    process.stderr.write(`raft check: ${file} was cut short: what happened after its last line is not judged\n`)
  process.stdout.write(
    json
      ? `${restoreNumerals(JSON.stringify({ type: 'summary', ...verdict, operations, ...(isCut ? { cut: true } : {}) }))}\n`
      : textOf(verdict, operations),
  )
  switch (verdict.result) {
    case 'linearizable':
      return operations === 0 ? EXIT.nothingRan : EXIT.ok
    case 'violation':
      return EXIT.falsified
    case 'unknown':
      return isInterrupted ? EXIT.interrupted : EXIT.unknown
  }
}

const textOf = (verdict: Verdict, count: number): string => {
  switch (verdict.result) {
    case 'linearizable':
      if (count === 0) return 'nothing to check: the history holds no operation\n'
      return `linearizable: ${count} operations, ${verdict.steps} steps\n`
    case 'violation':
      return `✗ not linearizable: ${verdict.explanation}\n`
    case 'unknown':
      return `unknown: ${verdict.reason}; so may a higher ${verdict.cause === 'steps' ? '--steps' : '--timeout'}\n`
  }
}
