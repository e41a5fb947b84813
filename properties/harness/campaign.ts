import fc from 'fast-check'
import { expect } from 'vitest'
import { plans, schedules, type Bias } from './arbitrary.ts'
import { Cluster } from './cluster.ts'
import { ClaimViolation, Ghost, Tally, type CheckName, type Mark } from '../../src/trace/checker/index.ts'
import { minimise } from './minimise.ts'
import type { ClusterPlan, Schedule } from './schedule.ts'

const multiplier = Number(process.env['RAFT_PROPERTY_RUNS'] ?? '1')

/**
 * How fast-check is run here. In `npm test` the seed is fixed, so that the same commit always gives the same answer;
 * with RAFT_PROPERTY_RUNS=n there are n times as many runs, from a new seed each time (or RAFT_PROPERTY_SEED).
 * A failure prints seed, path and the shrunk counterexample.
 */
export const runs = (numRuns: number): { numRuns: number; seed: number } => ({
  numRuns: Math.max(1, Math.round(numRuns * multiplier)),
  seed: Number(process.env['RAFT_PROPERTY_SEED'] ?? (multiplier > 1 ? Date.now() % 2 ** 31 : 20_140_619)),
})

export interface Campaign extends Bias {
  readonly numRuns: number
  readonly checks: readonly CheckName[]
  /** What must have happened, at least so often in each thousand events, for the runs to mean anything. */
  readonly atLeast: Coverage
  /** What else is to hold after a schedule. */
  readonly afterwards?: (cluster: Cluster, plan: ClusterPlan, schedule: Schedule) => void
}

/** How often what the runs are about really happened; commits and restarts are counted beside the marks. */
export type Coverage = Partial<Record<Mark | 'commits' | 'restarts', number>>

/** Plays many schedules on many clusters and makes the checks after every step. */
export const holdsOverSchedules = ({ numRuns, checks, atLeast, afterwards, ...bias }: Campaign): void => {
  const tally = new Tally()
  const sums = { commits: 0, restarts: 0 }
  const settings = runs(numRuns)
  const play = (plan: ClusterPlan, schedule: Schedule, seen: Tally): Cluster => {
    const cluster = new Cluster(plan, new Ghost({ tally: seen, checks }))
    cluster.run(schedule)
    afterwards?.(cluster, plan, schedule)
    return cluster
  }
  const property = fc.property(plans(bias), schedules(bias), (plan, schedule) => {
    const { ghost, restarts } = play(plan, schedule, tally)
    sums.commits += ghost.commitMax
    sums.restarts += restarts
  })
  const outcome = fc.check(property, { ...settings, endOnFailure: true })
  if (outcome.counterexample !== null) throw failure(outcome, play)
  const seen: Coverage = { ...tally.marks, ...sums }
  for (const [name, least] of Object.entries(atLeast) as [keyof Coverage, number][])
    expect(seen[name], `${name} over ${settings.numRuns} runs`).toBeGreaterThanOrEqual(least * multiplier)
}

type Play = (plan: ClusterPlan, schedule: Schedule, seen: Tally) => unknown

/** What kind of failure: while a schedule shrinks it must not become another one. */
const kindOf = (error: unknown): string =>
  error instanceof ClaimViolation ? error.check : (/^(AssertionError|[^({\n]*)/.exec(String(error))?.[1] ?? '')

/** The error of the smallest schedule that still fails, with all that is needed to play it again. */
const failure = (outcome: fc.RunDetails<[ClusterPlan, Schedule]>, play: Play): Error => {
  const [plan, found] = outcome.counterexample ?? []
  if (plan === undefined || found === undefined) return new Error('no counterexample')
  const errorOf = (candidate: Schedule): unknown => {
    try {
      play(plan, candidate, new Tally())
      return null
    } catch (thrown) {
      return thrown
    }
  }
  const kind = kindOf(errorOf(found))
  const smallest = minimise(found, (candidate) => kindOf(errorOf(candidate)) === kind)
  const error = errorOf(smallest)
  const events = smallest.map((event) => `  ${JSON.stringify(event)},`).join('\n')
  const where = `seed ${outcome.seed}, path ${outcome.counterexamplePath ?? ''}, run ${outcome.numRuns}`
  const check = error instanceof ClaimViolation ? `[${error.check}] ` : ''
  const what = error instanceof Error ? `${error.name}: ${check}${error.message}` : String(error)
  const message = `${what}\n${where}\nplan ${JSON.stringify(plan)}\n${smallest.length} events\n${events}`
  return new Error(message, { cause: error })
}
