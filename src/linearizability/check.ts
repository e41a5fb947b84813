import { UsageError } from '../core/assert.ts'
import { describeOperation, describeValue, type Operation } from './history.ts'
import type { Refutation } from './claims.ts'
import { judge } from './refute.ts'
import { type Limits, runSearch, type Search, startSearch } from './search.ts'

/**
 * Decides whether a history is linearizable (Herlihy & Wing 1990): whether its operations can be put in one order
 * that a sequential store could have gone through, and in which whoever returned before another was called comes
 * first. Keys are independent, so that each is judged alone (their locality theorem).
 */
export type Verdict = { readonly result: 'linearizable'; readonly steps: number } | Violation | Undecided

export interface Undecided {
  readonly result: 'unknown'
  /** What ended the search, how far it came, and what would help: for people. */
  readonly reason: string
  /** Whether a key took more than stepsMax, or shouldStop said so. */
  readonly cause: 'steps' | 'stopped'
  readonly steps: number
}

export interface Violation {
  readonly result: 'violation'
  readonly key: string
  /**
   * Those called before the first return that no order gets past, and left over by longestLinearization. Where the
   * search was cut short by a plain contradiction: those that contradict each other.
   */
  readonly operations: readonly Operation[]
  /** The order that got furthest before it was stuck, or cut short. */
  readonly longestLinearization: readonly Operation[]
  /** A few lines for people. */
  readonly explanation: string
  readonly steps: number
}

export interface CheckOptions {
  /** About how many list entries the search of one key may visit before it gives up. Default 20,000,000: a few seconds. */
  readonly stepsMax?: number
  /** Asked every few thousand entries with how many were visited; once it says yes, what is left stays unknown. */
  readonly shouldStop?: (steps: number) => boolean
}

export const STEPS_MAX_DEFAULT = 20_000_000

/**
 * Equal times are taken as concurrent, as clocks are coarse. A violation of one key outweighs giving up on another.
 * @throws UsageError when an operation returns before its call or has an output but no return, or stepsMax is not a whole number ≥ 1.
 */
export const checkLinearizability = (operations: readonly Operation[], options: CheckOptions = {}): Verdict => {
  const stepsMax = options.stepsMax ?? STEPS_MAX_DEFAULT
  if (!Number.isSafeInteger(stepsMax) || stepsMax < 1) {
    throw new UsageError('stepsMax is a whole number ≥ 1', { stepsMax })
  }
  let steps = 0
  let undecided: Undecided | null = null
  let done = 0
  const keys = partition(operations)
  for (const [key, ofKey] of keys) {
    const before = steps
    const limits = { stepsMax, shouldStop: (now: number) => options.shouldStop?.(before + now) ?? false }
    const outcome = checkKey(ofKey, limits)
    const { search } = outcome
    steps += search.steps
    switch (outcome.result) {
      case 'linearizable':
        done++
        break
      case 'violation':
        return violation(key, plainer(search, limits), steps)
      case 'refuted':
        return contradiction(key, outcome.refutation, search, steps)
      case 'unknown':
        undecided ??= {
          result: 'unknown',
          reason: reasonOf(key, search, `undecided after ${stepsMax} steps`),
          cause: 'steps',
          steps,
        }
        break
      case 'stopped': {
        const end = `stopped after ${steps} steps, with ${done} of ${keys.size} keys found linearizable`
        const reason = reasonOf(key, search, end)
        return { result: 'unknown', reason, cause: 'stopped', steps }
      }
    }
  }
  return undecided === null ? { result: 'linearizable', steps } : { ...undecided, steps }
}

type Outcome =
  | { readonly result: 'linearizable' | 'violation' | 'unknown' | 'stopped'; readonly search: Search }
  | { readonly result: 'refuted'; readonly refutation: Refutation; readonly search: Search }

/**
 * The search decides most keys in a few visits to each entry, and shows best where it is stuck. Where it does not, the
 * conditions of linearizability-refute.ts are asked before it goes on.
 */
const checkKey = (operations: readonly Operation[], limits: Limits): Outcome => {
  const search = startSearch(operations, true)
  const stepsFirst = Math.min(limits.stepsMax, FIRST_STEPS + FIRST_STEPS_EACH * operations.length)
  const first = runSearch(search, { ...limits, stepsMax: stepsFirst })
  if (first !== 'unknown') return { result: first, search }
  const judgement = judge(operations)
  switch (judgement.type) {
    case 'refuted':
      return { result: 'refuted', refutation: judgement, search }
    case 'linearizable':
      return { result: 'linearizable', search }
    case 'undecided':
      return { result: runSearch(search, limits), search }
  }
}

const FIRST_STEPS = 1_000
const FIRST_STEPS_EACH = 16

/** How far an unfinished search came, and what would help. */
const reasonOf = (key: string, { operations, furthest }: Search, end: string): string => {
  const reached = furthest?.stuckAt.candidate.operation
  const time = reached?.times?.return ?? reached?.return ?? null
  const upTo = time === null ? '' : ` up to time ${time}`
  return (
    `key ${describeValue(key)}: ${end}: the longest order found${upTo} holds ${furthest?.order.length ?? 0} ` +
    `of ${operations.length} operations, of which up to ${mostConcurrent(operations)} are concurrent; ` +
    'fewer at a time, or values that are all different, may decide it'
  )
}

/** How many operations are under way at once, at most; one of unknown outcome is under way to the end. */
const mostConcurrent = (operations: readonly Operation[]): number => {
  const calls = operations.map(({ call }) => call).sort((left, right) => left - right)
  const ends = operations.map(({ return: end }) => end ?? Infinity).sort((left, right) => left - right)
  let most = 0
  let ended = 0
  for (const [at, call] of calls.entries()) {
    while ((ends[ended] ?? Infinity) < call) ended++
    most = Math.max(most, at + 1 - ended)
  }
  return most
}

const partition = (operations: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> => {
  const keys = new Map<string, Operation[]>()
  for (const operation of operations) {
    // Written so that NaN is refused as well.
    if (!(operation.call <= (operation.return ?? Infinity))) {
      throw new UsageError('an operation returns after its call', { operation: describeOperation(operation) })
    }
    if (operation.return === null && operation.output !== null) {
      throw new UsageError('without a return there is no output', { operation: describeOperation(operation) })
    }
    const ofKey = keys.get(operation.input.key)
    if (ofKey === undefined) keys.set(operation.input.key, [operation])
    else ofKey.push(operation)
  }
  return keys
}

/**
 * Knowing of a violation, looks for it once more without looking ahead: it then shows at the answer that is wrong,
 * not at the operation before it that should have waited. The search given, when that takes too long.
 */
const plainer = (search: Search, limits: Limits): Search => {
  const again = startSearch(search.operations, false)
  return runSearch(again, limits) === 'violation' ? again : search
}

/** Worded for an operator; the fields of {@link Violation} carry the same as data. */
const violation = (key: string, search: Search, steps: number): Violation => {
  const { stuckAt, order, state } = search.furthest ?? { stuckAt: null, order: [], state: undefined }
  const stuck = stuckAt?.candidate.operation
  const deadline = stuck?.return ?? Infinity
  const placed = new Set(order)
  const operations = search.operations.filter(
    (operation) => operation.return !== null && operation.call <= deadline && !placed.has(operation),
  )
  const held = state === undefined ? 'is missing' : `holds ${describeValue(state)}`
  const last = order.at(-1)
  const explanation = [
    `key ${describeValue(key)}: no order of the operations explains every answer up to time ${stuck?.times?.return ?? deadline}`,
    `after the ${order.length} of the longest order the key ${held}` +
      (last === undefined ? '' : `; the last is ${describeOperation(last)}`),
    'these find no place after them:',
    ...shown(operations),
  ].join('\n')
  return { result: 'violation', key, operations, longestLinearization: order, explanation, steps }
}

/** Operations that contradict each other whatever the order of the rest. */
const contradiction = (
  key: string,
  { reason, operations }: Refutation,
  { furthest }: Search,
  steps: number,
): Violation => {
  const explanation = [
    `key ${describeValue(key)}: no order of the operations explains every answer, as these contradict each other (${reason}):`,
    ...shown(operations),
  ].join('\n')
  return { result: 'violation', key, operations, longestLinearization: furthest?.order ?? [], explanation, steps }
}

const SHOWN_MAX = 10

const shown = (operations: readonly Operation[]): readonly string[] => {
  const lines = operations.slice(0, SHOWN_MAX).map((operation) => `  ${describeOperation(operation)}`)
  return operations.length > SHOWN_MAX ? [...lines, `  and ${operations.length - SHOWN_MAX} more`] : lines
}
