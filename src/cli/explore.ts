import { parseArgs, styleText } from 'node:util'
import { UsageError } from '../core/assert.ts'
import { DEFAULT_BOUNDS, type Bounds } from '../sim/explore/action.ts'
import { explore, type Exploration, type ExploreProgress } from '../sim/explore/explore.ts'
import { EXIT, UsageProblem } from './exit.ts'

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
  --states-max N     stop after so many distinct worlds (default: 5000000)
  --json             the result as one line of JSON

Exit codes: 0 no claim is violated, 1 one is, 2 the walk was too large to finish, 64 usage.
`

export const exploreCommand = {
  summary: 'visit everything that a small cluster can do',
  help: HELP,
  run: (args: readonly string[]): Promise<number> => Promise.resolve(runExplore(args)),
}

const NUMBERS = [
  'nodes',
  'depth',
  'states-max',
  'terms',
  'log',
  'drops',
  'duplicates',
  'crashes',
  'heartbeats',
  'snapshots',
] as const

const runExplore = (args: readonly string[]): number => {
  const { numbers, lateDisks, isJson } = parse(args)
  const start = process.hrtime.bigint()
  const seconds = (): number => Number(process.hrtime.bigint() - start) / 1e9
  const bounds: Bounds = {
    terms: numbers.terms ?? DEFAULT_BOUNDS.terms,
    log: numbers.log ?? DEFAULT_BOUNDS.log,
    drops: numbers.drops ?? DEFAULT_BOUNDS.drops,
    duplicates: numbers.duplicates ?? DEFAULT_BOUNDS.duplicates,
    crashes: numbers.crashes ?? DEFAULT_BOUNDS.crashes,
    heartbeats: numbers.heartbeats ?? DEFAULT_BOUNDS.heartbeats,
    snapshots: numbers.snapshots ?? DEFAULT_BOUNDS.snapshots,
    lateDisks,
  }
  const result = walk({
    servers: numbers.nodes ?? 3,
    depth: numbers.depth ?? 8,
    worldsMax: numbers['states-max'] ?? 5_000_000,
    bounds,
    onDepth: ({ depth, worlds, frontier }: ExploreProgress) =>
      void process.stderr.write(
        `depth ${depth}: ${worlds} worlds, ${frontier} of them new, ${seconds().toFixed(1)} s\n`,
      ),
  })
  const perSecond = Math.round(result.worlds / seconds())
  if (isJson) process.stdout.write(`${JSON.stringify({ type: 'summary', ...result, perSecond })}\n`)
  else process.stdout.write(report(result, perSecond))
  if (result.violation !== null) return EXIT.falsified
  return result.isFull ? EXIT.unknown : EXIT.ok
}

const walk = (options: Parameters<typeof explore>[0]): Exploration => {
  try {
    return explore(options)
  } catch (error) {
    if (error instanceof UsageError) throw new UsageProblem(error.message)
    throw error
  }
}

const report = ({ worlds, depth, isComplete, isFull, violation }: Exploration, perSecond: number): string => {
  const extent = isComplete ? 'everything within the bounds' : isFull ? 'stopped at --states-max' : 'to the depth given'
  const figures = `${worlds} distinct worlds, ${depth} actions deep, ${perSecond} worlds/s (${extent})`
  if (violation === null) return `${styleText('green', '✓')} no claim is violated: ${figures}\n`
  const steps = violation.lines.map((line, at) => `  ${String(at + 1).padStart(2)}. ${line}`)
  return [`${styleText('red', '✗')} ${violation.claim}`, ...steps, figures, ''].join('\n')
}

const parse = (args: readonly string[]) => {
  const { values } = parseOrRefuse(args)
  const numbers: Partial<Record<(typeof NUMBERS)[number], number>> = {}
  for (const name of NUMBERS) {
    const value = values[name]
    if (value !== undefined) numbers[name] = counter(name, value)
  }
  return { numbers, lateDisks: values['late-disks'] === true, isJson: values.json === true }
}

const parseOrRefuse = (args: readonly string[]) => {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        nodes: text,
        depth: text,
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
      },
    })
  } catch (error) {
    throw new UsageProblem(`${error instanceof Error ? error.message : String(error)}; see raft explore --help`)
  }
}

const counter = (name: string, value: string): number => {
  if (!/^\d{1,9}$/.test(value)) throw new UsageProblem(`--${name} takes a whole number, not ${JSON.stringify(value)}`)
  return Number(value)
}
