import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { JsonValue } from '../core/entry.ts'
import { kvService } from '../sim/kv-service.ts'
import type { Service } from '../sim/service.ts'
import { reasonOf } from './reason.ts'

/** What is known of a service whose types are its author's. */
export type AnyService = Service<unknown, JsonValue, JsonValue>

/** A module that holds no service. */
export class NoService extends Error {}

const MACHINE = ['apply', 'readObject', 'writeObject'] as const

/** Loads what makes the service of each run. @throws NoService that says what is wrong with the file */
export const loadService = async (file: string | null): Promise<() => AnyService> => {
  if (file === null) return kvService as unknown as () => AnyService
  const make = await defaultOf(file)
  const service: unknown = make()
  const problem = faultOf(service)
  if (problem !== null) throw new NoService(`${file}: ${problem}`)
  return make as () => AnyService
}

const defaultOf = async (file: string): Promise<() => unknown> => {
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as typeof loaded
  } catch (error) {
    throw new NoService(`${file}: ${reasonOf(error)}`)
  }
  if (typeof loaded.default !== 'function')
    throw new NoService(`${file}: has no default export that makes a service: export default () => ({ machine, next })`)
  return loaded.default as () => unknown
}

const faultOf = (service: unknown): string | null => {
  if (!isRecord(service)) return 'its default export makes no service: it returns { machine, next }'
  const { machine, next } = service
  if (typeof next !== 'function') return 'the service has no function next(dice), which says what a client asks'
  if (!isRecord(machine) || !('initial' in machine)) return 'the service has no state machine with an initial state'
  const missing = MACHINE.find((name) => typeof machine[name] !== 'function')
  return missing === undefined ? null : `the state machine has no function ${missing}`
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
