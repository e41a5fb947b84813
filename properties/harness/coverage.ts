import type { Term } from '../../src/core/ids.ts'

/** How often what a property is about really happened: a run in which it never did proves nothing. */
export interface Coverage {
  elections: number
  leaders: number
  commits: number
  truncations: number
  restarts: number
  installs: number
  snapshots: number
  reads: number
  resumes: number
  grants: number
  compactions: number
}

export const noCoverage = (): Coverage => ({
  elections: 0,
  leaders: 0,
  commits: 0,
  truncations: 0,
  restarts: 0,
  installs: 0,
  snapshots: 0,
  reads: 0,
  resumes: 0,
  grants: 0,
  compactions: 0,
})

/** An entry that some leader has called committed. */
export interface Committed {
  readonly term: Term
  readonly text: string
  /** The term of the leader that committed it; later leaders have it. */
  readonly by: Term
}
