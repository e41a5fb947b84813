import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { NODES_DEFAULT, NODES_MAX, PROFILES, STEPS_DEFAULT, type Profile } from '../../sim/simulation.ts'
import { UsageProblem } from '../exit.ts'
import { counterOption, durationOption, parseOrRefuse } from '../options.ts'
import { hex, SEED_MAX, SHARDS_MAX, type Plan, type Shard } from './plan.ts'

export interface Arguments {
  readonly plan: Plan
  /** The seed was drawn here, and nobody knows it yet. */
  readonly isDrawn: boolean
  /** No run is begun later than this after the first. */
  readonly timeMs: number | null
  readonly jobs: number
  /** The finding that ends the campaign; 0: none does. */
  readonly bail: number
  /** Where the traces of findings go. */
  readonly out: string
  /** Where the trace of the only run goes. */
  readonly traceFile: string | null
  readonly requireMarks: boolean
  readonly json: boolean
  readonly shrink: boolean
}

export const BAIL_DEFAULT = 1
export const OUT_DEFAULT = '.raft'
const JOBS_MAX = 1_024

/** @throws UsageProblem */
export const parseSim = (args: readonly string[]): Arguments => {
  const values = valuesOf(args)
  const timeMs = durationOption('--time', values.time)
  const plan: Plan = {
    profiles: profilesOption(values.profile),
    nodes: bounded('--nodes', values.nodes, 1, NODES_MAX) ?? NODES_DEFAULT,
    steps: counterOption('--steps', values.steps, 1) ?? STEPS_DEFAULT,
    claims: claimsOption(values.claims),
    service: values.service ?? null,
    seed: seedOption(values.seed),
    seeds: counterOption('--seeds', values.seeds, 1) ?? (timeMs === null ? 1 : null),
    shard: shardOption(values.shard),
  }
  if (plan.seed + (plan.seeds ?? 1) - 1 > SEED_MAX)
    throw new UsageProblem(`--seed and --seeds go beyond the last seed, ${hex(SEED_MAX)}`)
  const traceFile = values.trace ?? null
  if (traceFile !== null && (plan.seeds !== 1 || plan.profiles.length !== 1))
    throw new UsageProblem('--trace takes the trace of a single run: one seed, one profile, no --time')
  return {
    plan,
    isDrawn: values.seed === 'random',
    timeMs,
    jobs: bounded('--jobs', values.jobs, 1, JOBS_MAX) ?? availableParallelism(),
    bail: counterOption('--bail', values.bail) ?? BAIL_DEFAULT,
    out: values.out ?? OUT_DEFAULT,
    traceFile,
    requireMarks: values['require-marks'] ?? false,
    json: values.json ?? false,
    shrink: values['no-shrink'] !== true,
  }
}

const valuesOf = (args: readonly string[]) => {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    seed: text,
    seeds: text,
    time: text,
    nodes: text,
    steps: text,
    profile: text,
    claims: text,
    service: text,
    shard: text,
    jobs: text,
    bail: text,
    out: text,
    trace: text,
    'require-marks': flag,
    json: flag,
    'no-shrink': flag,
  }
  return parseOrRefuse('sim', { args: [...args], options }).values
}

const bounded = (name: string, value: string | undefined, least: number, most: number): number | undefined => {
  const number = counterOption(name, value, least)
  if (number !== undefined && number > most) throw new UsageProblem(`${name} takes ${most} at most, not ${number}`)
  return number
}

const seedOption = (value = '1'): number => {
  if (value === 'random') return randomInt(SEED_MAX)
  const seed = /^(0x[\da-f]+|\d+)$/i.test(value) ? Number(value) : NaN
  if (!Number.isSafeInteger(seed))
    throw new UsageProblem(`--seed takes a whole number, decimal or 0x…, or random, not ${JSON.stringify(value)}`)
  return seed
}

const profilesOption = (value = 'chaos'): readonly Profile[] => {
  const chosen = value === 'all' ? PROFILES : PROFILES.filter((profile) => profile === value)
  if (chosen.length > 0) return chosen
  throw new UsageProblem(`--profile takes ${PROFILES.join(', ')} or all, not ${JSON.stringify(value)}`)
}

const claimsOption = (value = 'all'): 'all' | 'cheap' => {
  if (value === 'all' || value === 'cheap') return value
  throw new UsageProblem(`--claims takes all or cheap, not ${JSON.stringify(value)}`)
}

const shardOption = (value = '1/1'): Shard => {
  const [, index, count] = /^(\d{1,9})\/(\d{1,9})$/.exec(value) ?? []
  const shard = { index: Number(index), count: Number(count) }
  if (shard.index >= 1 && shard.index <= shard.count && shard.count <= SHARDS_MAX) return shard
  throw new UsageProblem(`--shard takes i/n with i from 1 to n, and n to ${SHARDS_MAX}, not ${JSON.stringify(value)}`)
}
