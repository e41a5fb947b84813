import type { Marks } from '../trace/checker/marks.ts'

/** How much goes wrong: see `profileOf`. */
export const PROFILES = ['calm', 'lossy', 'chaos', 'snapshots'] as const
export type Profile = (typeof PROFILES)[number]

/** Rises when the same seed comes to mean another run, whatever the core does. */
export const SIMULATOR_VERSION = 2

export const CLAIM_SETS = ['all', 'cheap'] as const

export const STEPS_DEFAULT = 20_000
export const NODES_DEFAULT = 5
export const NODES_MAX = 9

export interface SimulationOptions {
  /** A whole number, 0 or more. Everything else that is drawn follows from it. */
  readonly seed: number
  /** 1 to 9 servers. Default 5. */
  readonly nodes?: number
  /** Messages into reducers until the faults end, and those of the ending on top. Default 20,000. */
  readonly steps?: number
  /** Default `chaos`. */
  readonly profile?: Profile
  /** `cheap` leaves out what only a second look at every single step can tell. Default `all`. */
  readonly claims?: (typeof CLAIM_SETS)[number]
  /** A command that fails in the state machine (a result of type `failed`) is a finding. Default: it is counted. */
  readonly failuresAreFindings?: boolean
  /** Is given the run as a trace, line by line, without line feeds. */
  readonly onLine?: (line: string) => void
}

export interface SimulationReport {
  readonly seed: number
  readonly nodes: number
  readonly profile: Profile
  /** Messages that reducers took in. */
  readonly steps: number
  /** Virtual milliseconds. */
  readonly time: number
  /** Operations of clients that ended. */
  readonly operations: number
  /** Commands that failed in the state machine, counted on each server that applied them. */
  readonly failures: number
  /** How often what a run is about really happened. */
  readonly marks: Marks
  /** Equal runs have equal ones: a hash of every server's last state, and of how much happened. */
  readonly digest: string
  /** The first claim that did not hold; null for a clean run. */
  readonly finding: Finding | null
}

export interface Finding {
  /** As in the catalogue: ES, VO, LM … */
  readonly claim: string
  /** The claim as a sentence. */
  readonly sentence: string
  /** After which step, counted from 0. */
  readonly step: number
  /** Where it was seen; null for a claim about several servers or about clients. */
  readonly node: string | null
  /** The step in one readable line; empty where no single step is to blame. */
  readonly event: string
  readonly detail: string
}
