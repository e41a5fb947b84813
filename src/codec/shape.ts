import { isCounter } from '../core/ids.ts'

/*
 * Descriptions of JSON values. One description serves a trace, the wire and the log on disk; they differ only in what
 * becomes of fields that it does not name. A check copies nothing: what passes is used as it was parsed.
 *
 * Written here and not with valibot, since messages, log entries and trace lines are decoded one by one on hot paths:
 * see the figures in `rpc.ts`.
 */

/** What becomes of a field that the description does not name. */
export interface Reading {
  /**
   * `refuse`: a fault. A trace with a field that is not known would replay something other than what was recorded.
   * `count`: allowed, and counted in `unknown`. `delete`: removed from the value, which has to be the caller's own.
   */
  readonly policy: 'refuse' | 'count' | 'delete'
  unknown: number
}

/** Null for a value as described; otherwise where and what is wrong, to be read on from a name: ".term is not …". */
export type Check = (value: unknown, reading: Reading) => string | null

type Fields = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const checkOf =
  (holds: (value: unknown) => boolean, fault: string): Check =>
  (value) =>
    holds(value) ? null : value === undefined ? ' is missing' : fault

export const counter = checkOf(isCounter, ' is not a whole number, 0 or more')
export const integer = checkOf(Number.isSafeInteger, ' is not a whole number')
export const finite = checkOf(Number.isFinite, ' is not a number')
export const text = checkOf((value) => typeof value === 'string', ' is not a string')
export const flag = checkOf((value) => typeof value === 'boolean', ' is not true or false')
export const name = checkOf((value) => typeof value === 'string' && value !== '', ' is not a non-empty string')
/** What JSON.parse gives; only its absence can be wrong. */
export const json = checkOf((value) => value !== undefined, ' is missing')
export const textOrNumber = checkOf(
  (value) => typeof value === 'string' || Number.isFinite(value),
  ' is not a number or a string',
)
export const record = checkOf(isRecord, ' is not an object')

export const oneOf = (...values: readonly (string | number | boolean)[]): Check =>
  checkOf((value) => values.some((allowed) => allowed === value), ` is not ${values.join(', ')}`)

export const matching = (pattern: RegExp, fault: string): Check =>
  checkOf((value) => typeof value === 'string' && pattern.test(value), fault)

export const nullable =
  (check: Check): Check =>
  (value, reading) =>
    value === null ? null : check(value, reading)

export const optional =
  (check: Check): Check =>
  (value, reading) =>
    value === undefined ? null : check(value, reading)

export const list =
  (check: Check): Check =>
  (value, reading) => {
    if (!Array.isArray(value)) return value === undefined ? ' is missing' : ' is not an array'
    for (let at = 0; at < value.length; at++) {
      const fault = check(value[at], reading)
      if (fault !== null) return `[${at}]${fault}`
    }
    return null
  }

/** A check for every field of the type: the compiler asks for those that are missing. */
export type FieldChecks<T> = { readonly [K in keyof T]-?: Check }

/**
 * An object of these fields; the reading decides about others. What this program has written has its fields in the order
 * of the description, so one walk over the object finds all of them. Any other object is looked through name by name.
 */
export const fields = <T extends object>(checks: FieldChecks<T>): Check => {
  const order = Object.keys(checks)
  const checkList = Object.values<Check>(checks)
  const inAnyOrder = fieldsInAnyOrder(checks)
  return (value, reading) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    let at = 0
    for (const key in value) {
      const check = order[at] === key ? checkList[at] : undefined
      if (check === undefined) return inAnyOrder(value, reading)
      const fault = check(value[key], reading)
      if (fault !== null) return `.${key}${fault}`
      at++
    }
    return at === order.length ? null : inAnyOrder(value, reading)
  }
}

const fieldsInAnyOrder = <T extends object>(
  checks: FieldChecks<T>,
): ((value: Fields, reading: Reading) => string | null) => {
  const known = Object.entries<Check>(checks)
  const names = new Set(Object.keys(checks))
  return (value, reading) => {
    for (const [key, check] of known) {
      const fault = check(value[key], reading)
      if (fault !== null) return `.${key}${fault}`
    }
    for (const key in value) {
      if (names.has(key)) continue
      if (reading.policy === 'refuse') return `.${key} is not known`
      if (reading.policy === 'delete') Reflect.deleteProperty(value, key)
      reading.unknown++
    }
    return null
  }
}

/** An object whose fields all pass one check, under any names. */
export const table =
  (check: Check): Check =>
  (value, reading) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    for (const key of Object.keys(value)) {
      const fault = check(value[key], reading)
      if (fault !== null) return `.${key}${fault}`
    }
    return null
  }

/** An object whose field `tag` says which of the checks it has to pass. */
export const variants = (tag: string, checks: Readonly<Record<string, Check>>): Check => {
  const known = new Map(Object.entries(checks))
  return (value, reading) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    const kind = value[tag]
    const check = typeof kind === 'string' ? known.get(kind) : undefined
    if (check !== undefined) return check(value, reading)
    return typeof kind === 'string' ? `.${tag} ${JSON.stringify(kind)} is not known` : `.${tag} is missing`
  }
}

/** Both checks, the second on what passes the first: for a rule between fields. */
export const refined =
  (check: Check, rule: (value: Fields) => string | null): Check =>
  (value, reading) =>
    check(value, reading) ?? rule(value as Fields)

/** Null for a value as described that has no other fields; otherwise where and what is wrong. */
export const strictFault = (check: Check, value: unknown): string | null =>
  check(value, { policy: 'refuse', unknown: 0 })

/** Whether a value is as described; it may have other fields. */
export const fits = (check: Check, value: unknown): boolean => check(value, { policy: 'count', unknown: 0 }) === null

/**
 * A value as described, without the fields that the description does not name: another version may have written them.
 * The argument stays as it is; without such fields it is the result.
 */
export const lenient = (check: Check, value: unknown): { readonly value: unknown } | { readonly fault: string } => {
  const reading: Reading = { policy: 'count', unknown: 0 }
  const fault = check(value, reading)
  if (fault !== null) return { fault }
  if (reading.unknown === 0) return { value }
  const copy: unknown = JSON.parse(JSON.stringify(value))
  check(copy, { policy: 'delete', unknown: 0 })
  return { value: copy }
}
