import { PROFILES, type Profile } from '../../sim/simulation.ts'

/** The `index`-th of `count` parts, counted from 1. */
export interface Shard {
  readonly index: number
  readonly count: number
}

/** Which runs a campaign is made of. Shards of one campaign have all in common but the shard's index. */
export interface Plan {
  /** In the order of {@link PROFILES}. */
  readonly profiles: readonly Profile[]
  readonly nodes: number
  readonly steps: number
  readonly claims: 'all' | 'cheap'
  /** The module of the state machine under test; null: the key-value machine. */
  readonly service: string | null
  /** The first seed. */
  readonly seed: number
  /** How many of them; null goes on for as long as there is time. */
  readonly seeds: number | null
  readonly shard: Shard
}

export interface PlannedRun {
  readonly seed: number
  readonly profile: Profile
}

/** The last seed that the simulator takes. */
export const SEED_MAX = 2 ** 32 - 1

/** Seed by seed, each with every profile in turn; a shard takes every n-th of these. */
export function* runsOf({ profiles, seed, seeds, shard }: Plan): Generator<PlannedRun> {
  const end = (seeds ?? SEED_MAX - seed + 1) * profiles.length
  for (let place = shard.index - 1; place < end; place += shard.count) {
    const profile = profiles[place % profiles.length]
    if (profile !== undefined) yield { seed: seed + Math.floor(place / profiles.length), profile }
  }
}

/** How many runs a shard is to make; null: nobody knows. */
export const runCount = ({ profiles, seeds, shard }: Plan): number | null =>
  seeds === null ? null : Math.max(0, Math.ceil((seeds * profiles.length - shard.index + 1) / shard.count))

/** Where a run comes among those of all shards, counted from 0; null if it is none of this plan's. */
export const placeOf = (plan: Plan, { seed, profile }: PlannedRun): number | null => {
  const { profiles, shard, seeds } = plan
  const nth = profiles.indexOf(profile)
  const place = (seed - plan.seed) * profiles.length + nth
  const isPlanned = nth >= 0 && seed >= plan.seed && (seeds === null || seed < plan.seed + seeds)
  return isPlanned && place % shard.count === shard.index - 1 ? place : null
}

/** All that decides about a run. */
export interface RunOptions extends PlannedRun, Pick<Plan, 'nodes' | 'steps' | 'claims' | 'service'> {}

export const optionsOf = ({ nodes, steps, claims, service }: Plan, { seed, profile }: PlannedRun): RunOptions => ({
  seed,
  nodes,
  steps,
  profile,
  claims,
  service,
})

/** More machines than a campaign is spread over; whoever merges lists those that are missing. */
export const SHARDS_MAX = 10_000

export const hex = (seed: number): string => `0x${seed.toString(16)}`

/** The command that makes one run again. */
export const rerunOf = ({ profile, ...options }: RunOptions): string =>
  commandOf({ ...options, seeds: 1, profiles: [profile], shard: { index: 1, count: 1 } })

/** The command that makes all these runs again. */
export const commandOf = ({ seed, seeds, nodes, steps, profiles, claims, service, shard }: Plan): string =>
  [
    `npx raft sim --seed ${hex(seed)}`,
    ...(seeds === 1 || seeds === null ? [] : [`--seeds ${seeds}`]),
    `--nodes ${nodes} --steps ${steps}`,
    `--profile ${profiles.length === PROFILES.length ? 'all' : profiles.join()}`,
    ...(claims === 'all' ? [] : [`--claims ${claims}`]),
    ...(service === null ? [] : [`--service ${service}`]),
    ...(shard.count === 1 ? [] : [`--shard ${shard.index}/${shard.count}`]),
  ].join(' ')
