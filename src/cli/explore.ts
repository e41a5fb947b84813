import { styleText } from 'node:util'
import { DEFAULT_BOUNDS, type Bounds } from '../sim/explore/action.ts'
import { WORLDS_MAX_DEFAULT, type Exploration } from '../sim/explore/explore.ts'
import { EXIT } from './exit.ts'
import type { ExploreOrder } from './explore-work.ts'
import { counterOption, durationOption, parseOrRefuse } from './options.ts'
import { inThread } from './thread.ts'

const HELP = `Usage: raft explore [options]

Visits every world that a small cluster can come to, breadth first, over the reducer itself: every order of time-outs,
commands, deliveries, duplicates, crashes and saves. Worlds that differ only by the servers' names count once.
A violated claim is printed with a shortest way to it.

Bounds:
  --nodes N          servers, 1 to 5 (default: 3)
  --depth N          actions in a row (default: 8)
  --terms N          highest term campaigned for (default: ${DEFAULT_BOUNDS.terms})
  --log N            highest index proposed for (default: ${DEFAULT_BOUNDS.log})
  --drops N          messages lost (default: ${DEFAULT_BOUNDS.drops}; one that is never delivered is as good as lost)
  --duplicates N     messages delivered once more (default: ${DEFAULT_BOUNDS.duplicates})
  --crashes N        crashes, with restart (default: ${DEFAULT_BOUNDS.crashes})
  --heartbeats N     rounds of heartbeats (default: ${DEFAULT_BOUNDS.heartbeats})
  --snapshots N      snapshots taken (default: ${DEFAULT_BOUNDS.snapshots})
  --late-disks       saves finish in their own time, and crashes lose the unfinished
  --states-max N     stop after so many distinct worlds (default: ${WORLDS_MAX_DEFAULT}; each takes about 2 KB)
  --time 60s         stop after this time; s, m or h (default: none)
  --json             the result as one line of JSON

Exit codes: 0 no claim is violated, 1 one is, 2 the walk was too large or too long to finish, 64 usage, 130 interrupted,
with the result until then.
`

export const exploreCommand = {
  summary: 'visit everything that a small cluster can do',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => runExplore(parse(args)),
}

const runExplore = async ({ order, limitMs, isJson }: Arguments): Promise<number> => {
  const start = performance.now()
  const { result, isInterrupted } = await inThread<Exploration>(new URL('./explore-work.js', import.meta.url), order, {
    name: 'raft explore',
    limitMs,
  })
  const perSecond = Math.round(result.worlds / ((performance.now() - start) / 1_000))
  if (isJson) process.stdout.write(`${JSON.stringify({ type: 'summary', ...result, perSecond })}\n`)
  else process.stdout.write(report(result, perSecond))
  if (result.violation !== null) return EXIT.falsified
  if (result.isStopped && isInterrupted) return EXIT.interrupted
  return result.isFull || result.isStopped ? EXIT.unknown : EXIT.ok
}

const report = (exploration: Exploration, perSecond: number): string => {
  const { worlds, depth, violation } = exploration
  const extent = extentOf(exploration)
  const figures = `${worlds} distinct worlds, ${depth} actions deep, ${perSecond} worlds/s (${extent})`
  if (violation === null) return `${styleText('green', '✓')} no claim is violated: ${figures}\n`
  const steps = violation.lines.map((line, at) => `  ${String(at + 1).padStart(2)}. ${line}`)
  return [`${styleText('red', '✗')} ${violation.claim}`, ...steps, figures, ''].join('\n')
}

const extentOf = ({ isComplete, isFull, isStopped, depth }: Exploration): string => {
  if (isComplete) return 'everything within the bounds'
  if (isFull) return 'stopped at --states-max'
  return isStopped ? `stopped within depth ${depth}` : 'to the depth given'
}

interface Arguments {
  readonly order: ExploreOrder
  readonly limitMs: number | null
  readonly isJson: boolean
}

const parse = (args: readonly string[]): Arguments => {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    nodes: text,
    depth: text,
    time: text,
    'states-max': text,
    terms: text,
    log: text,
    drops: text,
    duplicates: text,
    crashes: text,
    heartbeats: text,
    snapshots: text,
    'late-disks': flag,
    json: flag,
  }
  const { values } = parseOrRefuse('explore', { args: [...args], options })
  const bound = (name: CountedBound): number => counterOption(`--${name}`, values[name]) ?? DEFAULT_BOUNDS[name]
  const order = {
    servers: counterOption('--nodes', values.nodes) ?? 3,
    depth: counterOption('--depth', values.depth) ?? 8,
    worldsMax: counterOption('--states-max', values['states-max'], 1) ?? WORLDS_MAX_DEFAULT,
    bounds: {
      terms: bound('terms'),
      log: bound('log'),
      drops: bound('drops'),
      duplicates: bound('duplicates'),
      crashes: bound('crashes'),
      heartbeats: bound('heartbeats'),
      snapshots: bound('snapshots'),
      lateDisks: values['late-disks'] === true,
    },
  }
  return { order, limitMs: durationOption('--time', values.time), isJson: values.json === true }
}

type CountedBound = Exclude<keyof Bounds, 'lateDisks'>
