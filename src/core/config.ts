import { UsageError } from './assert.ts'

/**
 * Every option of a server, fixed for its lifetime. Ticks are the shell's: consensus knows no other time.
 * Defaults suit a tick of 10–100 ms.
 */
export interface Options {
  /**
   * Ticks without word from a leader before an election; each is drawn from [this, 2 × this). Above heartbeatTicks.
   * With checkQuorum, also the silence towards candidates that leases rest on. A restart keeps the silence of the
   * options it restarts with: before this is lowered, or checkQuorum turned off, a server stays down for as long as it
   * was, or leases are not used meanwhile.
   */
  readonly electionTimeoutTicks: number
  /** Ticks between a leader's heartbeats. 1 or more. */
  readonly heartbeatTicks: number
  /** Ask before campaigning whether one could win, so that a rejoining server disturbs nobody (thesis 9.6). */
  readonly preVote: boolean
  /** A leader without a quorum steps down; a server that hears its leader ignores candidates (thesis 6.2, 4.2.3). */
  readonly checkQuorum: boolean
  /** Start every term with a blank entry, which commits what earlier terms left (section 8). Off: exact indices. */
  readonly noopOnElection: boolean
  /**
   * Ticks that the leader's clock may fall behind a follower's within one election timeout (thesis 6.4.1). A lease ends
   * this many ticks and one before electionTimeoutTicks, the one for clocks of different phase; none is left if that
   * is nothing.
   */
  readonly leaseDriftTicks: number
  /** Entries in one AppendEntries, at most. */
  readonly messageEntriesMax: number
  /** Bytes of entries in one AppendEntries, at most; a single larger entry still travels alone. */
  readonly messageBytesMax: number
  /** Unacknowledged AppendEntries with entries per follower, at most; so are snapshot objects. */
  readonly inflightMessagesMax: number
  /** Bytes in them, at most. */
  readonly inflightBytesMax: number
  /** Entries appended but not committed, and proposals that wait in a replica, at most; more are refused as `busy`. */
  readonly uncommittedEntriesMax: number
  /** Entries in one `apply` output, at most; a replica applies that many in one step. */
  readonly applyEntriesMax: number
  /** Reads that wait for a round of heartbeats, at most; further ones are refused as `busy`. */
  readonly pendingReadsMax: number
  /** Ask for a snapshot when this many entries were applied since the last one. 0: never ask. */
  readonly snapshotEntries: number
  /** Ask for a snapshot when the entries applied since the last one have this many bytes. 0: never for this reason. */
  readonly snapshotBytes: number
  /** Entries kept behind a snapshot, so that a follower a little behind needs no transfer. */
  readonly trailingEntries: number
  /**
   * Another snapshot object is sent to a follower while those under way hold less than this many bytes; the follower
   * keeps as much that comes before its turn. The same on all servers, or some of it is sent twice.
   */
  readonly snapshotWindowBytes: number
  /** Ticks in which no snapshot object is acknowledged before the oldest one under way is sent again. */
  readonly snapshotObjectTimeoutTicks: number
  /**
   * Times in a row that happens before a transfer is given up. The next one starts after snapshotObjectTimeoutTicks,
   * after twice as many when that one fails too, and so on up to 16 times. The own shell may take as long in all to
   * read an object.
   */
  readonly snapshotRetriesMax: number
  /**
   * Ticks a receiver may take to put a complete snapshot in force; apart from the transfer's own timeout. Then the
   * leader gives the transfer up; the receiver goes on, and its success counts whenever it comes.
   */
  readonly snapshotInstallTimeoutTicks: number
}

export const DEFAULT_OPTIONS: Options = {
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  noopOnElection: true,
  leaseDriftTicks: 1,
  messageEntriesMax: 4096,
  messageBytesMax: 1 << 20,
  inflightMessagesMax: 64,
  inflightBytesMax: 8 << 20,
  uncommittedEntriesMax: 1 << 20,
  applyEntriesMax: 4096,
  pendingReadsMax: 1 << 16,
  snapshotEntries: 10_000,
  snapshotBytes: 64 << 20,
  trailingEntries: 1_000,
  snapshotWindowBytes: 1 << 20,
  snapshotObjectTimeoutTicks: 20,
  snapshotRetriesMax: 5,
  snapshotInstallTimeoutTicks: 6_000,
}

type NumericOption = { [K in keyof Options]: Options[K] extends number ? K : never }[keyof Options]

/** Least value of each number; all are whole and below 2^31. */
const LEAST: Readonly<Record<NumericOption, number>> = {
  electionTimeoutTicks: 2,
  heartbeatTicks: 1,
  leaseDriftTicks: 0,
  messageEntriesMax: 1,
  messageBytesMax: 1,
  inflightMessagesMax: 1,
  inflightBytesMax: 1,
  uncommittedEntriesMax: 1,
  applyEntriesMax: 1,
  pendingReadsMax: 1,
  snapshotEntries: 0,
  snapshotBytes: 0,
  trailingEntries: 0,
  snapshotWindowBytes: 1,
  snapshotObjectTimeoutTicks: 1,
  snapshotRetriesMax: 0,
  snapshotInstallTimeoutTicks: 1,
}

/**
 * Completes and checks options.
 * @throws UsageError naming the option, when a number is out of bounds or the timeouts contradict each other.
 */
export const optionsOf = (chosen: Partial<Options> = {}): Options => {
  const options: Options = { ...DEFAULT_OPTIONS, ...chosen }
  for (const name of Object.keys(LEAST) as NumericOption[]) {
    const value = options[name]
    if (!Number.isInteger(value) || value < LEAST[name] || value >= 2 ** 31)
      throw new UsageError(`${name} is a whole number, ${LEAST[name]} or more`, { [name]: value })
  }
  for (const name of Object.keys(chosen))
    if (!(name in DEFAULT_OPTIONS)) throw new UsageError('this option does not exist', { name })
  if (options.heartbeatTicks >= options.electionTimeoutTicks)
    throw new UsageError('heartbeats come more often than elections', {
      heartbeatTicks: options.heartbeatTicks,
      electionTimeoutTicks: options.electionTimeoutTicks,
    })
  if (options.leaseDriftTicks >= options.electionTimeoutTicks)
    throw new UsageError('a lease outlives its clock drift', { leaseDriftTicks: options.leaseDriftTicks })
  return options
}
