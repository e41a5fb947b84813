/** What the process says when it ends; the numbers above 63 are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** A claim was falsified: a violation, a divergence, a history that is not linearizable. */
  falsified: 1,
  /** Neither shown nor refuted within the limits given. */
  unknown: 2,
  /** Nothing was put to the test. */
  nothingRan: 4,
  /** Unknown command, option or value. */
  usage: 64,
  /** Bad or unsupported input: a directory or file that cannot be used. */
  input: 65,
  /** A bug here. */
  internal: 70,
  /** The output cannot be written, on a full disk say. */
  output: 74,
  interrupted: 130,
} as const

/** The command line makes no sense; the message says why. */
export class UsageProblem extends Error {
  override readonly name = 'UsageProblem'
}

/** This machine does not suffice to tell; the message says what for. */
export class ResourceProblem extends Error {
  override readonly name = 'ResourceProblem'
}
