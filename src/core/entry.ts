import type { Configuration } from './membership/configuration.ts'
import type { Index, Term } from './ids.ts'

/** What commands, results and snapshots are made of: it survives JSON unchanged (json.ts says what does). */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | Readonly<{ [key: string]: JsonValue }>

/** One slot of the replicated log. Never changed once made; shared freely between logs, messages and outputs. */
export type Entry = CommandEntry | ConfigurationEntry | NoopEntry

interface Slot {
  readonly index: Index
  /** The term of the leader that made it. */
  readonly term: Term
  /** What it weighs against limits in bytes: see `jsonBytes`. */
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
