import type { Entry, JsonValue } from '../../core/entry.ts'
import { kvEntries, kvMachine, type KvCommand, type KvState } from '../../machine/kv/kv.ts'
import { withSessions, type SessionCommand, type SessionsState } from '../../machine/sessions.ts'
import { brief } from './text.ts'

const KEPT_EVERY = 128
const KEYS_SHOWN = 12

/** The machine's state after an index, as far as it is one that the page knows how to compute. */
export interface ValueView {
  readonly keys: number
  readonly entries: readonly (readonly [string, string])[]
}

/**
 * The key-value machine over the committed commands of a trace, with or without sessions. Traces hold no state of
 * machines: it is computed here from what was applied.
 */
export class MachineValue {
  private readonly commands: (JsonValue | null | undefined)[] = []
  private readonly plain = kvMachine()
  private readonly sessions = withSessions<KvState, KvCommand, JsonValue>(kvMachine() as never)
  private readonly kept: { readonly index: number; readonly state: SessionsState<KvState> }[] = []

  /** An entry was handed to a state machine. */
  add(entry: Entry): void {
    this.commands[entry.index] ??= entry.type === 'command' ? entry.command : null
  }

  /** Null where commands are not those of the key-value machine, or some were not recorded. */
  after(index: number): ValueView | null {
    let from = this.kept.findLast((kept) => kept.index <= index) ?? { index: 0, state: this.sessions.initial }
    while (from.index < index) {
      const to = Math.min(index, from.index + KEPT_EVERY)
      const state = this.fold(from.state, from.index + 1, to)
      if (state === null) return null
      from = { index: to, state }
      if (to % KEPT_EVERY === 0 && (this.kept.at(-1)?.index ?? 0) < to) this.kept.push(from)
    }
    const kv = from.state.machine
    const entries = [...kvEntries(kv, undefined, KEYS_SHOWN)].map(
      ([key, value]) => [brief(key, 24), brief(value, 40)] as const,
    )
    return { keys: kv.size, entries }
  }

  private fold(state: SessionsState<KvState>, from: number, to: number): SessionsState<KvState> | null {
    let folded = state
    for (let index = from; index <= to; index++) {
      const command = this.commands[index]
      if (command === undefined) return null
      if (command === null) continue
      if (isSession(command)) folded = this.sessions.apply(folded, [command])[0]
      else if (isKv(command)) folded = { ...folded, machine: this.plain.apply(folded.machine, [command])[0] }
      else return null
    }
    return folded
  }
}

const isSession = (command: JsonValue): command is SessionCommand<KvCommand> & JsonValue =>
  isObject(command) &&
  (command['type'] === 'apply' || command['type'] === 'register') &&
  typeof command['client'] === 'string'

const isKv = (command: JsonValue): command is KvCommand & JsonValue =>
  isObject(command) && typeof command['op'] === 'string' && typeof command['key'] === 'string'

const isObject = (value: JsonValue): value is Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
