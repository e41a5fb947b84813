import { InvariantViolation, type Context } from '../../core/assert.ts'

/** The claims about a whole history, by short names, with what each says. */
export const CLAIMS = {
  ES: 'Election Safety: a term has at most one leader, ever',
  VO: 'a server votes once in a term, across restarts, and for no log that is behind its own',
  LAO: 'Leader Append-Only: a leader never rewrites its own log',
  LM: 'Log Matching: equal index and term mean equal entries, and equal logs before them',
  LC: 'Leader Completeness: every committed entry is in the log of every leader of a later term',
  SMS: 'State Machine Safety: no index is ever committed or applied as two entries',
  CNT: 'what is committed is never truncated',
  MON: 'terms, commitIndex, lastApplied and the snapshot never go back',
  AIO: 'a state machine is given every entry once and in order, or a snapshot from beyond',
  QD: 'what is committed is durable on a quorum',
  PBS: 'what a message promises is durable before the message leaves',
  MT: 'a follower has on its disk what its leader thinks it has',
  SF: 'a snapshot is what the committed entries up to its index make',
  READ: 'a read sees everything that was committed before it was asked',
  CFG: 'the configuration in force is the latest one in the log, or that of the snapshot',
  COST: 'messages keep to their limits',
  STR: 'entries follow each other without holes, their terms never falling',
  PURE: 'a step changes nothing it was given, and gives the same result twice',
  STEP: 'a single step keeps the invariants of its server',
  LIN: 'what clients were told is linearizable, every command applied once',
  LIVE: 'after the last fault a connected majority elects a leader, agrees, and answers',
} as const

export type CheckName = keyof typeof CLAIMS

/** A claim about a whole history does not hold. */
export class ClaimViolation extends InvariantViolation {
  readonly check: CheckName
  constructor(check: CheckName, claim: string, context: Context = {}) {
    super(claim, context)
    this.check = check
  }
}

/** The short name of whatever claim an error is about: those of single steps carry none. */
export const checkOf = (error: InvariantViolation): CheckName =>
  error instanceof ClaimViolation ? error.check : 'STEP'

/** Decides which claims count. By default all; a test of one claim asks for that one. */
export class Judge {
  private readonly checks: ReadonlySet<CheckName> | null

  constructor(checks: Iterable<CheckName> | null = null) {
    this.checks = checks === null ? null : new Set(checks)
  }

  /** @throws ClaimViolation if the claim counts. */
  refute(check: CheckName, claim: string, context: Context): void {
    if (this.checks === null || this.checks.has(check)) throw new ClaimViolation(check, claim, context)
  }
}
