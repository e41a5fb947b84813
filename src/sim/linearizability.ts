import { UsageError } from '../core/assert.ts'
import { describeOperation, describeValue, type Operation } from './history.ts'
import { type Limits, runSearch, type Search, startSearch } from './linearizability-search.ts'

/**
 * Decides whether a history is linearizable (Herlihy & Wing 1990): whether its operations can be put in one order
 * that a sequential store could have gone through, and in which whoever returned before another was called comes
 * first. Keys are independent, so that each is judged alone (their locality theorem).
 */
export type Verdict =
  | { readonly result: 'linearizable'; readonly steps: number }
  | Violation
  | { readonly result: 'unknown'; readonly reason: string; readonly steps: number }

export interface Violation {
  readonly result: 'violation'
  readonly key: string
  /** Those called before the first return that no order gets past, and left over by longestLinearization. */
  readonly operations: readonly Operation[]
  /** The order that got furthest before it was stuck. */
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
  let reason: string | null = null
  for (const [key, ofKey] of partition(operations)) {
    const search = startSearch(ofKey, true)
    const before = steps
    const limits = { stepsMax, shouldStop: (done: number) => options.shouldStop?.(before + done) ?? false }
    const result = runSearch(search, limits)
    steps += search.steps
    if (result === 'violation') return violation(key, plainer(search, limits), steps)
    if (result === 'unknown') reason ??= `key ${describeValue(key)}: undecided after ${stepsMax} steps`
    if (result === 'stopped') return { result: 'unknown', reason: `stopped after ${steps} steps`, steps }
  }
  return reason === null ? { result: 'linearizable', steps } : { result: 'unknown', reason, steps }
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
  const shown = operations.slice(0, SHOWN_MAX).map((operation) => `  ${describeOperation(operation)}`)
  const more = operations.length > SHOWN_MAX ? [`  and ${operations.length - SHOWN_MAX} more`] : []
  const last = order.at(-1)
  const explanation = [
    `key ${describeValue(key)}: no order of the operations explains every answer up to time ${stuck?.times?.return ?? deadline}`,
    `after the ${order.length} of the longest order the key ${held}` +
      (last === undefined ? '' : `; the last is ${describeOperation(last)}`),
    'these find no place after them:',
    ...shown,
    ...more,
  ].join('\n')
  return { result: 'violation', key, operations, longestLinearization: order, explanation, steps }
}

const SHOWN_MAX = 10
