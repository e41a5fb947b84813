import { UsageError } from './assert.ts'
import type { Configuration } from './configuration.ts'
import type { Index, Term } from './ids.ts'

/** What commands, results and snapshots are made of: it survives JSON unchanged. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | Readonly<{ [key: string]: JsonValue }>

/** One slot of the replicated log. Never changed once made; shared freely between logs, messages and outputs. */
export type Entry = CommandEntry | ConfigurationEntry | NoopEntry

interface Slot {
  readonly index: Index
  /** The term of the leader that made it. */
  readonly term: Term
  /** What it weighs against limits in bytes: see {@link jsonBytes}. */
  readonly bytes: number
}

/** A client's command, opaque to consensus. */
export interface CommandEntry extends Slot {
  readonly type: 'command'
  readonly command: JsonValue
}

/** A change of membership; in force as soon as it is in the log (section 6). */
export interface ConfigurationEntry extends Slot {
  readonly type: 'configuration'
  readonly configuration: Configuration
}

/** The blank entry a new leader starts its term with (section 8, thesis 6.4). */
export interface NoopEntry extends Slot {
  readonly type: 'noop'
}

/**
 * The approximate size of a value as JSON, in bytes. Exact for ASCII text without escapes; it walks the value
 * instead of building text, so that a string costs O(1). The proposer computes it once per entry.
 * @throws UsageError for what JSON cannot hold: undefined, functions, symbols, big integers.
 */
export const jsonBytes = (value: JsonValue): number => {
  if (typeof value === 'string') return value.length + 2
  if (typeof value === 'number') return 8
  if (typeof value === 'boolean') return 5
  if (typeof value === 'object') return value === null ? 4 : compoundBytes(value)
  throw new UsageError('a command is made of JSON values', { type: typeof value })
}

const compoundBytes = (value: Exclude<JsonValue, string | number | boolean | null>): number => {
  let bytes = 2
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) bytes += jsonBytes(item) + 1
    return bytes
  }
  for (const [key, item] of Object.entries(value)) bytes += key.length + 4 + jsonBytes(item)
  return bytes
}
