import { parseArgs, type ParseArgsConfig } from 'node:util'
import { didYouMean } from './closest.ts'
import { UsageProblem } from './exit.ts'

/* How the verbs read their arguments. */

/** Like `parseArgs`, with its complaints as usage problems. */
export const parseOrRefuse = <T extends ParseArgsConfig>(verb: string, config: T): ReturnType<typeof parseArgs<T>> => {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageProblem(`${complaintOf(error, Object.keys(config.options ?? {}))}; see raft ${verb} --help`)
  }
}

/** What is wrong with the arguments, in our words. */
const complaintOf = (error: unknown, options: readonly string[]): string => {
  const { code, message } = error as NodeJS.ErrnoException
  const [, option = ''] = /'(?:-\w, )?(--?[\w-]+)/.exec(message) ?? []
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return `there is no option ${option}${didYouMean(
      option,
      options.map((name) => `--${name}`),
    )}`
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
    return message.replace(/^Unexpected argument '(.*?)'.*$/s, 'what is "$1"? It takes options only')
  if (message.includes('does not take an argument')) return `${option} takes no value`
  if (message.includes('ambiguous'))
    return `${option} needs a value; one that begins with a dash is written ${option}=-1`
  if (message.includes('argument missing')) return `${option} needs a value`
  return message
}

/** The one file that the verb is about. */
export const onlyFile = (verb: string, what: string, positionals: readonly string[]): string => {
  const [file] = positionals
  if (file === undefined || positionals.length > 1)
    throw new UsageProblem(`${verb} takes one ${what}; see raft ${verb} --help`)
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
