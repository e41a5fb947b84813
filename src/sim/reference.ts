import { invariant } from '../core/assert.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import { successor, type Index } from '../core/ids.ts'
import { placeOf } from '../core/json.ts'
import { objectsOf } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import type { Ghost } from '../trace/checker/index.ts'

/** What a command gave on a server, and what it gives when it is applied by itself. */
export interface Difference {
  readonly index: number
  readonly command: JsonValue
  readonly expected: unknown
  readonly got: unknown
  /** Where the two differ first, as in a program; empty where they differ as a whole. */
  readonly path: string
}

/** The state machine once more, fed with what was committed, one entry at a time, and never stopped or restored. */
export class Reference<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly ghost: Ghost
  /** By index; 0 is the beginning. States share what they have in common. */
  private readonly states: S[]
  /** By index: what the command of an entry gave; null where there was none. */
  private readonly results: (R | null)[] = [null]

  constructor(machine: StateMachine<S, C, R>, ghost: Ghost) {
    this.machine = machine
    this.ghost = ghost
    this.states = [machine.initial]
  }

  /** Whether a state is what the committed entries up to an index make. Those are known by then. */
  agrees(index: Index, state: S): boolean {
    const expected = this.at(index)
    return expected === state || this.textOf(expected) === this.textOf(state)
  }

  /** The first command of a batch that gave something else than it gives by itself; null for none. */
  differenceOn(entries: readonly Entry[], results: readonly R[]): Difference | null {
    const commands = entries.filter((entry) => entry.type === 'command')
    const last = entries.at(-1)
    if (last !== undefined) this.at(last.index)
    for (const [at, { index, command }] of commands.entries()) {
      const expected = this.results[index]
      const got = results[at]
      if (!areEqual(expected, got)) return { index, command, expected, got, path: pathOfDifference(expected, got) }
    }
    return null
  }

  /** Whether the commands from an index on gave these results. */
  gave(firstIndex: Index, results: readonly R[]): boolean {
    this.at(successor(firstIndex, results.length - 1))
    return results.every((result, at) => areEqual(this.results[firstIndex + at], result))
  }

  /** The state that the committed entries up to an index make. */
  at(index: Index): S {
    for (let next = this.states.length; next <= index; next++) {
      const entry = this.ghost.committedAt(next as Index)
      const state = this.states[next - 1]
      invariant(entry !== null && state !== undefined, 'what a state is made of was committed', { index: next })
      const [reached, [result = null]] =
        entry.type === 'command' ? this.machine.apply(state, [entry.command as C]) : [state, []]
      this.states.push(reached)
      this.results.push(result)
    }
    const state = this.states[index]
    invariant(state !== undefined, 'a state for every index', { index })
    return state
  }

  private textOf(state: S): string {
    return JSON.stringify(objectsOf(this.machine, state))
  }
}

const areEqual = (one: unknown, other: unknown): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other)

/** Where two JSON values differ first. */
export const pathOfDifference = (one: unknown, other: unknown): string => {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return ''
  const [left, right] = [one as Fields, other as Fields]
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
    if (!areEqual(left[key], right[key])) return `${placeOf(one, key)}${pathOfDifference(left[key], right[key])}`
  return ''
}

type Fields = Readonly<Record<string, unknown>>
