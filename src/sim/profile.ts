import type { Options } from '../core/config.ts'
import { MARK_NAMES, type Mark } from '../trace/checker/index.ts'
import { Dice, type Range } from './dice.ts'
import type { NetworkOptions } from './cluster/network.ts'
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
  'campaign',
  'rivals',
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
  /** The share of reads that trust the leader's lease. */
  readonly leaseRate: number
  /** Saves that come during a write share the next one, as in the shell. */
  readonly sharesWrites: boolean
  /** How long the state machine takes for what it is asked; null: no time at all. */
  readonly machineDelay: Range | null
  readonly installDelay: Range
  /** RPCs go through their bytes. */
  readonly throughBytes: boolean
  /** Disks keep their log in frames of bytes, and a restart reads those. */
  readonly diskBytes: boolean
  /** Who belongs to the cluster, and how, from the start on. */
  readonly birth: 'voters' | 'learners' | 'joint'
  /** Servers snapshot and compact at different lengths: what one still has in its log, another has only as a snapshot. */
  readonly compactionsDiffer: boolean
  /** Servers cut their snapshots into objects of different sizes. */
  readonly cutsDiffer: boolean
  /** The share of received objects that a machine rejects, until the faults end. */
  readonly rejectRate: number
  /** How often a client sends an old command once more. */
  readonly repeatRate: number
}

/** Which faults a profile knows; each seed leaves some out. */
const KNOWN: Readonly<Record<Profile, readonly Fault[]>> = {
  calm: [],
  lossy: ['clog', 'one way', 'cut links', 'slow disk', 'campaign', 'rivals'],
  chaos: FAULTS,
  snapshots: [
    'isolate leader',
    'split',
    'cut links',
    'clog',
    'rivals',
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
  const options = optionsOf(profile, dice)
  // Leases rest on the leader's check of its quorum, and on clocks that drift no more than it allows for.
  const hasLeases = options.checkQuorum === true && dice.chance(0.5)
  return {
    options,
    network: networkOf(profile, dice),
    diskDelay: { least: 0, most: among(dice, 2, 10, 60) },
    tick: hasLeases ? ticksWithin(options.leaseDriftTicks ?? 0) : { least: 40, most: among(dice, 50, 60, 75) },
    faults,
    pause: { least: 100, most: among(dice, 800, 2_000, 6_000) },
    duration: { least: 50, most: among(dice, 500, 2_000, 5_000) },
    clients: dice.integer(2, 9),
    think: { least: 0, most: among(dice, 20, 150, 600) },
    leaseRate: hasLeases ? 0.7 : 0,
    sharesWrites: dice.chance(0.5),
    machineDelay: dice.chance(0.5) ? { least: 0, most: among(dice, 2, 10, 40) } : null,
    installDelay: { least: 0, most: among(dice, 40, 400, 1_500) },
    throughBytes: dice.chance(0.125),
    birth: dice.chance(0.75) ? 'voters' : dice.chance(0.5) ? 'learners' : 'joint',
    cutsDiffer: dice.chance(0.5),
    rejectRate: profile === 'calm' || dice.chance(0.5) ? 0 : 0.02,
    repeatRate: dice.chance(0.5) ? 0 : 0.1,
    diskBytes: dice.chance(0.25),
    compactionsDiffer: dice.chance(0.5),
  }
}

/**
 * Milliseconds between ticks such that no clock falls behind another by more than the drift that leases allow for: all but
 * one of an election timeout's ticks, and as many less the drift on the slowest clock (see hasLease in read-index.ts).
 */
const ticksWithin = (driftTicks: number): Range => {
  const least = TICK_MS - 2
  const silence = ELECTION_TIMEOUT_TICKS - 1
  return { least, most: Math.floor((least * silence) / (silence - driftTicks)) }
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
    leaseDriftTicks: among(dice, 0, 1, 2),
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
      delay: { least: 1, most: among(dice, 8, 60, 110) },
      slow: { least: 10, most: among(dice, 60, 300) },
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
const CALM: readonly Mark[] = [
  ...ALONE,
  'append refused',
  'entries resent',
  'message overtaken',
  'late answer to a round',
  'lease read under drift',
  'cas succeeded',
  'bridge at heal',
]

/** What no campaign has to come to: that a check gave up. */
const UNWANTED: readonly Mark[] = ['history undecided']
const WANTED = MARK_NAMES.filter((mark) => !UNWANTED.includes(mark))

/** What does not happen where no server goes down before the end. */
const OF_CRASHES: readonly Mark[] = [
  'unsynced write dropped',
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
  lossy: WANTED.filter((mark) => !OF_CRASHES.includes(mark)),
  chaos: WANTED,
  snapshots: WANTED.filter((mark) => !['one-way link', 'write failed', 'server paused'].includes(mark)),
}

/** What takes two linked servers, and a majority without both. */
const OF_FIVE: readonly Mark[] = ['two truncations under way', 'bridge at heal']

/** What a campaign of some hundred seeds reaches. Fewer than three servers have nobody to disagree with. */
export const expectedMarks = (profile: Profile, nodes: number): readonly Mark[] => {
  if (nodes < 3) return ALONE
  return nodes < 5 ? EXPECTED[profile].filter((mark) => !OF_FIVE.includes(mark)) : EXPECTED[profile]
}
