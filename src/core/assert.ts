/**
 * Three kinds of error, kept apart (a peer's bad message is the fourth kind: data, never an exception).
 * A broken invariant stops the node; the caller's misuse is reported before anything has changed.
 */
export type Context = Readonly<Record<string, unknown>>

/** The caller broke the contract of a function. Nothing has changed; correct the call. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly context: Context
  constructor(claim: string, context: Context = {}) {
    super(describe(claim, context))
    this.context = context
  }
}

/** A property that Raft guarantees does not hold: a bug here or corrupt input. The node must stop. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  readonly claim: string
  readonly context: Context
  constructor(claim: string, context: Context = {}) {
    super(describe(claim, context))
    this.claim = claim
    this.context = context
  }
}

/** Asserts a claim, stated as a sentence that is true in every correct run. @throws InvariantViolation */
export function invariant(holds: boolean, claim: string, context: Context = {}): asserts holds {
  if (!holds) throw new InvariantViolation(claim, context)
}

/** Ends an exhaustive switch: a new variant that nobody handles does not compile. @throws InvariantViolation */
export function unreachable(value: never): never {
  throw new InvariantViolation('every variant is handled', { value })
}

const describe = (claim: string, context: Context): string => {
  const details = Object.entries(context).map(([name, value]) => `${name}=${textOf(value)}`)
  return details.length === 0 ? claim : `${claim} (${details.join(', ')})`
}

/** The type alone of what JSON has no text for, such as a BigInt or a cycle: what is wrong is said all the same. */
const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch {
    return `<${typeof value}>`
  }
}
