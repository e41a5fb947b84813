import { invariant } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import type { Index } from '../core/ids.ts'
import { objectsOf } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import type { Ghost } from '../trace/ghost/index.ts'

/** The state machine once more, fed with what was committed, one entry at a time, and never stopped or restored. */
export class Reference<S, C extends JsonValue, R extends JsonValue> {
  private readonly machine: StateMachine<S, C, R>
  private readonly ghost: Ghost
  /** By index; 0 is the beginning. States share what they have in common. */
  private readonly states: S[]

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

  private at(index: Index): S {
    for (let next = this.states.length; next <= index; next++) {
      const entry = this.ghost.committedAt(next as Index)
      const state = this.states[next - 1]
      invariant(entry !== null && state !== undefined, 'what a state is made of was committed', { index: next })
      this.states.push(entry.type === 'command' ? this.machine.apply(state, [entry.command as C])[0] : state)
    }
    const state = this.states[index]
    invariant(state !== undefined, 'a state for every index', { index })
    return state
  }

  private textOf(state: S): string {
    return JSON.stringify(objectsOf(this.machine, state))
  }
}
