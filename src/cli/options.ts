import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageProblem } from './exit.ts'

/* How the verbs read their arguments. */

/** Like `parseArgs`, with its complaints as usage problems. */
export const parseOrRefuse = <T extends ParseArgsConfig>(verb: string, config: T): ReturnType<typeof parseArgs<T>> => {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageProblem(`${error instanceof Error ? error.message : String(error)}; see raft ${verb} --help`)
  }
}

/** The one file that the verb is about. */
export const onlyFile = (verb: string, what: string, positionals: readonly string[]): string => {
  const [file] = positionals
  if (file === undefined || positionals.length > 1)
    throw new UsageProblem(`raft ${verb} takes one ${what}; see raft ${verb} --help`)
  return file
}

/** A whole number, `least` or more. */
export const counterOption = (name: string, value: string | undefined, least = 0): number | undefined => {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < least)
    throw new UsageProblem(`${name} takes a whole number, ${least} or more, not ${JSON.stringify(value)}`)
  return number
}

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const

/** A time, in milliseconds; null when it is not given. */
export const durationOption = (name: string, value: string | undefined): number | null => {
  if (value === undefined) return null
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smh])$/.exec(value) ?? []
  if (amount === undefined || (unit !== 's' && unit !== 'm' && unit !== 'h'))
    throw new UsageProblem(`${name} takes a time such as 60s, 5m or 1.5h, not ${JSON.stringify(value)}`)
  return Number(amount) * UNITS_MS[unit]
}
