import type { JsonValue } from '../core/entry.ts'
import type { Operation } from './history.ts'
import { compareDecimals, decimalOf } from '../codec/numerals.ts'

/** A time in a history: a number, or the decimal of one that a double would round. */
export type Time = number | string

/** A value as a time; null for one that is none. */
export const asTime = (value: JsonValue): Time | null => (typeof value === 'number' ? value : decimalOf(value))

/** Negative, 0 or positive: which of two times comes first. */
export const compareTimes = (left: Time, right: Time): number =>
  typeof left === 'number' && typeof right === 'number' ? left - right : compareDecimals(String(left), String(right))

export type Timed = Pick<Operation, 'client' | 'input' | 'output'> & {
  readonly call: Time
  readonly return: Time | null
}

/** The operations with their times; or, where a double would not do, with the ranks of these, and the times for people. */
export const inNumbers = (timed: readonly Timed[]): readonly Operation[] => {
  const times = timed.flatMap((operation) => [operation.call, operation.return].filter((time) => time !== null))
  if (times.every((time) => typeof time === 'number')) return timed.filter(isInNumbers)
  const ranks = new Map<string, number>()
  let before: Time | null = null
  let rank = -1
  for (const time of times.sort(compareTimes)) {
    if (before === null || compareTimes(before, time) !== 0) rank++
    ranks.set(String(time), rank)
    before = time
  }
  const rankOf = (time: Time): number => ranks.get(String(time)) ?? 0
  return timed.map((operation) => ({
    ...operation,
    call: rankOf(operation.call),
    return: operation.return === null ? null : rankOf(operation.return),
    times: { call: String(operation.call), return: operation.return === null ? null : String(operation.return) },
  }))
}

const isInNumbers = (operation: Timed): operation is Timed & Operation =>
  typeof operation.call === 'number' && typeof operation.return !== 'string'
