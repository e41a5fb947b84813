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
  --campaigns N      elections begun, with --pre-vote (default: ${DEFAULT_BOUNDS.campaigns})
  --log N            highest index proposed for (default: ${DEFAULT_BOUNDS.log})
  --drops N          messages lost (default: ${DEFAULT_BOUNDS.drops}; one that is never delivered is as good as lost)
  --duplicates N     messages delivered once more (default: ${DEFAULT_BOUNDS.duplicates})
  --crashes N        crashes, with restart (default: ${DEFAULT_BOUNDS.crashes})
  --heartbeats N     rounds of heartbeats (default: ${DEFAULT_BOUNDS.heartbeats})
  --snapshots N      snapshots taken (default: ${DEFAULT_BOUNDS.snapshots})
  --ticks N          ticks of every server, in place of heartbeats: clocks differ by their phase (default: 0)
  --reads N          reads asked of leaders (default: 0)
  --late-disks       saves finish in their own time, and crashes lose the unfinished

Raft's options, all off by default; timeouts are the shortest there are:
  --pre-vote         ask before campaigning (thesis 9.6)
  --check-quorum     a leader without a quorum steps down, and a server that hears its leader ignores candidates
  --noop             a leader begins its term with a blank entry
  --leases           reads trust the leader's lease; with --check-quorum, --ticks and --reads
  --election-ticks N ticks of an election timeout (default: 3 with --ticks, or 10)

The walk:
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
    campaigns: text,
    ticks: text,
    reads: text,
    'pre-vote': flag,
    'check-quorum': flag,
    noop: flag,
    leases: flag,
    'election-ticks': text,
    'late-disks': flag,
    json: flag,
  }
  const { values } = parseOrRefuse('explore', { args: [...args], options })
  const bound = (name: CountedBound): number => counterOption(`--${name}`, values[name]) ?? DEFAULT_BOUNDS[name]
  const ticks = bound('ticks')
  const order = {
    servers: counterOption('--nodes', values.nodes) ?? 3,
    depth: counterOption('--depth', values.depth) ?? 8,
    worldsMax: counterOption('--states-max', values['states-max'], 1) ?? WORLDS_MAX_DEFAULT,
    bounds: {
      terms: bound('terms'),
      campaigns: bound('campaigns'),
      log: bound('log'),
      drops: bound('drops'),
      duplicates: bound('duplicates'),
      crashes: bound('crashes'),
      heartbeats: counterOption('--heartbeats', values.heartbeats) ?? (ticks > 0 ? 0 : DEFAULT_BOUNDS.heartbeats),
      snapshots: bound('snapshots'),
      ticks,
      reads: bound('reads'),
      leases: values.leases === true,
      lateDisks: values['late-disks'] === true,
    },
    raft: {
      preVote: values['pre-vote'] === true,
      checkQuorum: values['check-quorum'] === true,
      noopOnElection: values.noop === true,
      electionTimeoutTicks: counterOption('--election-ticks', values['election-ticks']) ?? (ticks > 0 ? 3 : 10),
    },
  }
  return { order, limitMs: durationOption('--time', values.time), isJson: values.json === true }
}

type CountedBound = Exclude<keyof Bounds, 'lateDisks' | 'leases'>
