import { isCounter } from '../../core/ids.ts'

/*
 * Strict descriptions of JSON values. A check looks and copies nothing: what passes is used as it was parsed. Fields
 * that nobody knows are refused, as ignoring them would replay something other than what was recorded.
 */

/** Null for a value as it should be; otherwise where and what is wrong, to be read on from a name: ".term is not …". */
export type Check = (value: unknown) => string | null

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
  (value) =>
    value === null ? null : check(value)

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? null : check(value)

export const list =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return value === undefined ? ' is missing' : ' is not an array'
    for (let at = 0; at < value.length; at++) {
      const fault = check(value[at])
      if (fault !== null) return `[${at}]${fault}`
    }
    return null
  }

/** A check for every field of the type: the compiler asks for those that are missing. */
export type FieldChecks<T> = { readonly [K in keyof T]-?: Check }

/** An object of exactly these fields. */
export const fields = <T extends object>(checks: FieldChecks<T>): Check => {
  const known = Object.entries<Check>(checks)
  const names = new Set(Object.keys(checks))
  return (value) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    for (const [key, check] of known) {
      const fault = check(value[key])
      if (fault !== null) return `.${key}${fault}`
    }
    for (const key in value) if (!names.has(key)) return `.${key} is not known`
    return null
  }
}

/** An object whose fields all pass one check, under any names. */
export const table =
  (check: Check): Check =>
  (value) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    for (const key of Object.keys(value)) {
      const fault = check(value[key])
      if (fault !== null) return `.${key}${fault}`
    }
    return null
  }

/** An object whose field `tag` says which of the checks it has to pass. */
export const variants = (tag: string, checks: Readonly<Record<string, Check>>): Check => {
  const known = new Map(Object.entries(checks))
  return (value) => {
    if (!isRecord(value)) return value === undefined ? ' is missing' : ' is not an object'
    const kind = value[tag]
    const check = typeof kind === 'string' ? known.get(kind) : undefined
    if (check !== undefined) return check(value)
    return typeof kind === 'string' ? `.${tag} ${JSON.stringify(kind)} is not known` : `.${tag} is missing`
  }
}
