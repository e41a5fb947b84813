import { describeStep, describeEvent, differences } from '../trace/describe.ts'
import { lineOf, type Trace } from '../trace/format.ts'
import { replay, type Ending, type Replay, type Replayed } from '../trace/replay.ts'
import type { NodeId } from '../core/ids.ts'
import type { RaftState } from '../core/state.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { InputProblem, overFiles, readTrace } from './files.ts'
import { counterOption, onlyFile, parseOrRefuse } from './options.ts'

const HELP = `Usage: raft replay TRACE [options]

Takes every step of a recorded run again, with the hashes in the trace compared and every claim about states, steps
and the cluster checked. TRACE is JSON Lines, gzip or not.

Options:
  --until I         stop after step I (default: the last one)
  --node N          print what concerns node N only
  --print WHAT      lines: a line for each step
                    diff: what the last step changed; state: the states in the end; outputs: of the last step
  --no-claims       compare hashes only
  --partial         accept a trace that was cut short, by a crash say
  --json            a JSON object a line; the last one is the summary

Exit codes: 0 all agrees, 1 a divergence or a violation, 64 usage, 65 the file is no trace or a damaged one.
`

const PRINTS = ['lines', 'diff', 'state', 'outputs'] as const
type Print = (typeof PRINTS)[number]

interface Arguments {
  readonly file: string
  readonly until: number | undefined
  readonly node: string | null
  readonly print: Print | null
  readonly claims: boolean
  readonly partial: boolean
  readonly json: boolean
}

export const replayCommand = {
  summary: 'take the steps of a trace again and compare',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const parsed = parse(args)
    return overFiles('replay', () => run(parsed))
  },
}

const parse = (args: readonly string[]): Arguments => {
  const flag = { type: 'boolean' } as const
  const text = { type: 'string' } as const
  const { values, positionals } = parseOrRefuse('replay', {
    args: [...args],
    allowPositionals: true,
    options: { until: text, node: text, print: text, 'no-claims': flag, partial: flag, json: flag },
  })
  const print = PRINTS.find((known) => known === values.print) ?? null
  if (values.print !== undefined && print === null)
    throw new UsageProblem(`--print takes ${PRINTS.join(', ')}, not ${JSON.stringify(values.print)}`)
  return {
    file: onlyFile('replay', 'trace', positionals),
    until: counterOption('--until', values.until),
    node: values.node ?? null,
    print,
    claims: values['no-claims'] !== true,
    partial: values.partial ?? false,
    json: values.json ?? false,
  }
}

const run = (chosen: Arguments): number => {
  const trace = readTrace('replay', chosen.file, chosen.partial)
  const { node, until } = chosen
  if (node !== null && !trace.header.nodes.some((known) => known === node))
    throw new InputProblem(`${chosen.file}: has no node ${node}; its nodes are ${trace.header.nodes.join(', ')}`)
  const printer = new Printer(chosen)
  const result = replay(trace, {
    ...(until === undefined ? {} : { until }),
    claims: chosen.claims,
    onStep: (step) => printer.step(step),
  })
  printer.end(result)
  if (chosen.json) printer.write(JSON.stringify(summaryOf(result)))
  else for (const line of verdictOf(trace, result)) printer.write(line)
  printer.flush()
  if (result.ending.type === 'invalid') throw new InputProblem(`${chosen.file}:${reasonOf(result.ending)}`)
  return result.ending.type === 'complete' && result.recorded.length === 0 ? EXIT.ok : EXIT.falsified
}

const reasonOf = ({ line, reason }: Extract<Ending, { type: 'invalid' }>): string => `${line}: ${reason}`

const FLUSH_LINES = 1_000

/** Prints what was asked for, many lines at a time. */
class Printer {
  private readonly chosen: Arguments
  private lines: string[] = []
  private last: Replayed | null = null

  constructor(chosen: Arguments) {
    this.chosen = chosen
  }

  step(step: Replayed): void {
    const { node, print } = this.chosen
    if (node !== null && step.event.n !== node) return
    this.last = step
    if (print !== 'lines') return
    const { i, n } = step.event
    const text = describeStep(step)
    this.result({ type: 'step', i, n, line: step.line, text }, `${String(i).padStart(6)}  ${text}`)
  }

  end({ states }: Replay): void {
    const { print, node } = this.chosen
    if (print === 'state')
      for (const [n, state] of states)
        if (node === null || n === node) this.result({ type: 'state', n, state }, `${n} ${pretty(state)}`)
    if (this.last === null || (print !== 'diff' && print !== 'outputs')) return
    const { event, before, after, outputs } = this.last
    const { i, n } = event
    if (print === 'outputs') {
      const texts = outputs.map((output) => JSON.stringify(output))
      return this.result({ type: 'outputs', i, n, outputs }, [`step ${i} of ${n}`, ...texts].join('\n  '))
    }
    const changes = differences(before, after)
    this.result({ type: 'diff', i, n, changes }, [`${i}  ${describeStep(this.last)}`, ...changes].join('\n  '))
  }

  write(line: string): void {
    this.lines.push(line)
    if (this.lines.length >= FLUSH_LINES) this.flush()
  }

  flush(): void {
    if (this.lines.length > 0) process.stdout.write(this.lines.map((line) => `${line}\n`).join(''))
    this.lines = []
  }

  private result(json: object, text: string): void {
    this.write(this.chosen.json ? JSON.stringify(json) : text)
  }
}

const pretty = (state: RaftState): string => JSON.stringify(state, null, 2)

const summaryOf = ({ ending, steps, hashesCompared, states, recorded }: Replay): object => ({
  type: 'summary',
  // Complete, but the run that was recorded broke a claim: the exit code says the same.
  result: ending.type === 'complete' && recorded.length > 0 ? 'violated' : ending.type,
  ...(ending.type === 'complete' ? {} : { ending }),
  steps,
  hashesCompared,
  nodes: [...states.keys()],
  recorded,
})

const verdictOf = (trace: Trace, { ending, steps, hashesCompared, states, recorded }: Replay): readonly string[] => {
  const told = recorded.map((violation) => `✗ recorded after step ${violation.i}: ${violation.claim}`)
  const nodes = [...states].map(([node, state]) => nodeLine(node, state))
  switch (ending.type) {
    case 'complete':
      return [...nodes, ...told, `${steps} steps replayed, ${hashesCompared} hashes agree`]
    case 'invalid':
      return []
    case 'violated':
      return [
        ...nodes,
        `✗ ${ending.claim}`,
        `  step ${ending.i}, line ${ending.line}`,
        ...at(trace, ending.line),
        `  ${ending.detail}`,
      ]
    case 'diverged': {
      const where = ending.i === null ? 'at the end' : `at step ${ending.i}`
      const { before, after, recorded: expected, agreedAt, node } = ending
      return [
        ...nodes,
        `✗ diverged ${where}, line ${ending.line}, node ${node}`,
        ...(ending.i === null ? [] : at(trace, ending.line)),
        `  expected ${ending.expected}, got ${ending.got}`,
        agreedAt === null
          ? `  no hash of ${node} agreed before`
          : `  the last hash of ${node} to agree was at step ${agreedAt}`,
        ...(before === null || after === null ? [] : section('here the step changes', differences(before, after))),
        ...(expected === null || after === null
          ? []
          : section('recorded state → state here', differences(expected, after))),
      ]
    }
  }
}

const section = (title: string, lines: readonly string[]): readonly string[] => [
  `  ${title}:`,
  ...lines.map((line) => `    ${line}`),
]

/** What stands in a line: a step, or the restart of a server that forgot what it promised. */
const at = (trace: Trace, line: number): readonly string[] => {
  const event = trace.events.find((_, place) => lineOf(trace, place) === line)
  return event === undefined ? [] : [`  ${describeEvent(event)}`]
}

const nodeLine = (node: NodeId, { server, log }: RaftState): string =>
  `${node} ${server.role.type} t${server.currentTerm} last ${log.lastIndex}/${log.lastTerm} commit ${server.commitIndex} applied ${server.lastApplied} snapshot ${server.snapshot.lastIncludedIndex}`
