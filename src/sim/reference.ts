import { invariant } from '../core/assert.ts'
import type { Entry, JsonValue } from '../core/entry.ts'
import { successor, type Index } from '../core/ids.ts'
import { objectsOf } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import type { Ghost } from '../trace/ghost/index.ts'

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

  /** Whether a batch that was applied gave what its entries give one by one. */
  agreesOn(entries: readonly Entry[], results: readonly R[]): boolean {
    const last = entries.at(-1)
    if (last === undefined || results.length === 0) return results.length === 0
    this.at(last.index)
    const commands = entries.filter(({ type }) => type === 'command')
    return commands.every(({ index }, at) => areEqual(this.results[index], results[at]))
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
