import type { JsonValue } from '../../src/core/entry.ts'
import { immerMachine, type ImmerResult, type ImmerState } from '../../src/machine/immer-machine.ts'
import type { StateMachine } from '../../src/machine/machine.ts'
import type { Dice } from '../../src/sim/dice.ts'
import type { Request, Service } from '../../src/sim/service.ts'

/** A user's own state: what was added up, and how often. */
export interface Sum {
  total: number
  count: number
}

export type Add = Readonly<{ add: number }>
export type SumState = ImmerState<Sum>
export type SumResult = ImmerResult<number>
export type SumMachine = StateMachine<SumState, Add, SumResult>
export type SumService = Service<SumState, Add, SumResult>

export const sumMachine = (apply?: (draft: Sum, command: Add) => number): SumMachine =>
  immerMachine<Sum, Add, number>({
    initial: { total: 0, count: 0 },
    objectBytesMax: 40,
    apply:
      apply ??
      ((draft, { add }) => {
        draft.total += add
        draft.count++
        return draft.total
      }),
  })

const next = (dice: Dice): Request<SumState, Add> =>
  dice.chance(0.3)
    ? { type: 'query', query: 'total', ask: (state): JsonValue => state.value.total }
    : { type: 'command', command: { add: dice.integer(1, 100) } }

/** A service of such a machine, or of one that differs from it in something. */
export const sumService =
  (changes: Partial<SumMachine> = {}, judge?: NonNullable<SumService['judge']>): (() => SumService) =>
  () => ({ machine: { ...sumMachine(), ...changes }, next, ...(judge === undefined ? {} : { judge }) })

/** The same state, part of it lost. */
export const without = (state: SumState, field: keyof Sum): SumState => ({
  ...state,
  value: { ...state.value, [field]: 0 },
})
