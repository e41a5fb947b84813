import type { Options } from '../core/config.ts'
import { MARK_NAMES, type Mark } from '../trace/ghost/index.ts'
import { Dice, type Range } from './dice.ts'
import type { NetworkOptions } from './network.ts'
import type { Profile } from './simulation.ts'

/** Virtual milliseconds between the ticks of a clock that is right. */
export const TICK_MS = 50
export const ELECTION_TIMEOUT_TICKS = 10
/** After which time, at the earliest, a server without a leader campaigns. */
export const ELECTION_TIMEOUT_MS = TICK_MS * ELECTION_TIMEOUT_TICKS

export const FAULTS = [
  'split',
  'isolate leader',
  'one way',
  'cut links',
  'clog',
  'crash',
  'crash between outputs',
  'power cut',
  'pause',
  'slow disk',
  'full disk',
  'failing disk',
] as const
export type Fault = (typeof FAULTS)[number]

/** What one run is like: drawn for each seed anew, so that rare mixtures come up too (swarm testing). */
export interface Mix {
  readonly options: Partial<Options>
  readonly network: Partial<NetworkOptions>
  readonly diskDelay: Range
  /** Between the ticks of one server: each draws its own. */
  readonly tick: Range
  readonly faults: readonly Fault[]
  /** Between two faults, and how long one lasts. */
  readonly pause: Range
  readonly duration: Range
  readonly clients: number
  /** Between an answer and the next request of a client. */
  readonly think: Range
  readonly reads: 'quorum' | 'lease'
}

/** Which faults a profile knows; each seed leaves some out. */
const KNOWN: Readonly<Record<Profile, readonly Fault[]>> = {
  calm: [],
  lossy: ['clog', 'one way', 'cut links', 'slow disk'],
  chaos: FAULTS,
  snapshots: [
    'isolate leader',
    'split',
    'cut links',
    'clog',
    'crash',
    'crash between outputs',
    'power cut',
    'full disk',
  ],
}

/**
 * The mix of a seed. `calm`: a good network, no faults. `lossy`: messages are lost, doubled, late and held back.
 * `chaos`: everything at once. `snapshots`: tiny snapshots all the time, and faults that make them travel.
 */
export const mixOf = (profile: Profile, seed: number): Mix => {
  const dice = new Dice('mix', seed)
  const known = KNOWN[profile]
  const chosen = known.filter(() => dice.chance(0.6))
  const faults = chosen.length > 0 ? chosen : dice.shuffle(known).slice(0, 1)
  // Leases trust that every tick is delivered and that clocks run alike, and rest on the leader's check of its quorum.
  const isExact = profile === 'calm' || profile === 'lossy'
  const options = optionsOf(profile, dice)
  return {
    options,
    network: networkOf(profile, dice),
    diskDelay: { least: 0, most: among(dice, 2, 10, 60) },
    tick: isExact ? { least: TICK_MS, most: TICK_MS } : { least: 40, most: among(dice, 50, 60, 75) },
    faults,
    pause: { least: 100, most: among(dice, 800, 2_000, 6_000) },
    duration: { least: 50, most: among(dice, 500, 2_000, 5_000) },
    clients: dice.integer(2, 9),
    think: { least: 0, most: among(dice, 20, 150, 600) },
    reads: isExact && options.checkQuorum === true && dice.chance(0.5) ? 'lease' : 'quorum',
  }
}

const among = (dice: Dice, ...values: readonly [number, ...number[]]): number => dice.pick(values) ?? values[0]

const optionsOf = (profile: Profile, dice: Dice): Partial<Options> => {
  const isSmall = profile === 'snapshots'
  return {
    electionTimeoutTicks: ELECTION_TIMEOUT_TICKS,
    heartbeatTicks: among(dice, 1, 2, 3),
    preVote: dice.chance(0.7),
    checkQuorum: dice.chance(0.7),
    noopOnElection: dice.chance(0.9),
    messageEntriesMax: among(dice, 1, 3, 64),
    inflightMessagesMax: among(dice, 1, 2, 64),
    uncommittedEntriesMax: among(dice, 8, 1_000),
    applyEntriesMax: among(dice, 1, 3, 64),
    snapshotEntries: isSmall ? among(dice, 4, 8, 16) : among(dice, 30, 100, 300),
    trailingEntries: isSmall ? among(dice, 0, 1, 3) : among(dice, 0, 5, 50),
    snapshotWindowBytes: among(dice, 100, 1_000, 100_000),
    snapshotObjectTimeoutTicks: among(dice, 4, 10),
    snapshotRetriesMax: among(dice, 0, 1, 3),
    snapshotInstallTimeoutTicks: 40,
  }
}

const networkOf = (profile: Profile, dice: Dice): Partial<NetworkOptions> => {
  if (profile === 'calm')
    return {
      delay: { least: 1, most: 8 },
      slow: { least: 10, most: 60 },
      slowRate: 0.01,
      lossRate: 0,
      duplicateRate: 0,
    }
  const isLossy = profile === 'lossy'
  const rate = (...percent: readonly [number, ...number[]]): number => among(dice, ...percent) / 100
  return {
    delay: { least: 1, most: among(dice, 5, 30, 100) },
    slow: { least: 50, most: among(dice, 200, 1_500) },
    slowRate: rate(0, 2, isLossy ? 20 : 5),
    lossRate: isLossy ? rate(1, 5, 20) : rate(0, 0, 1, 5),
    duplicateRate: isLossy ? rate(1, 5, 20) : rate(0, 1, 5),
  }
}

/** What even one server alone comes to. */
const ALONE: readonly Mark[] = ['leader elected', 'read served', 'snapshot taken', 'log compacted']

/** What a calm run sees of trouble: messages that overtake each other. */
const CALM: readonly Mark[] = [...ALONE, 'append refused', 'entries resent', 'message overtaken']

/** What nobody sees where no server goes down before the end. */
const OF_CRASHES: readonly Mark[] = [
  'crashed',
  'crashed between outputs',
  'unsaved suffix lost',
  'torn write discarded',
  'disk full',
  'write failed',
  'server paused',
  'transfer resumed',
]

const EXPECTED: Readonly<Record<Profile, readonly Mark[]>> = {
  calm: CALM,
  lossy: MARK_NAMES.filter((mark) => !OF_CRASHES.includes(mark)),
  chaos: MARK_NAMES,
  snapshots: MARK_NAMES.filter((mark) => !['one-way link', 'write failed', 'server paused'].includes(mark)),
}

/** What a campaign of some hundred seeds reaches. Fewer than three servers have nobody to disagree with. */
export const expectedMarks = (profile: Profile, nodes: number): readonly Mark[] =>
  nodes < 3 ? ALONE : EXPECTED[profile]
