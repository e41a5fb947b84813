import { describe, expect, it } from 'vitest'
import { immerMachine } from '../../src/machine/immer-machine.ts'
import type { Dice } from '../../src/sim/dice.ts'
import { pathOfDifference } from '../../src/sim/reference.ts'
import { simulate } from '../../src/sim/simulate.ts'

describe('where two values differ', () => {
  it.each([
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, '["a"][1]["b"]'],
    [{ a: 1 }, { a: 1, c: 2 }, '["c"]'],
    [[1, 2], [1], '[1]'],
    [1, 2, ''],
    [{ a: 1 }, { a: 1 }, ''],
  ])('%j and %j', (one, other, path) => {
    expect(pathOfDifference(one, other)).toBe(path)
  })
})

describe('a machine whose answers depend on more than its state', () => {
  it('is found, with the command, both answers and where they differ', () => {
    // Servers and reference ask one after the other: the count differs between them.
    let asked = 0
    const service = () => ({
      machine: immerMachine<{ total: number }, { add: number }, { sum: number; odd: boolean }>({
        initial: { total: 0 },
        apply: (draft, { add }) => {
          draft.total += add
          return { sum: draft.total, odd: ++asked % 2 === 1 }
        },
      }),
      next: (dice: Dice) => ({ type: 'command', command: { add: dice.integer(1, 10) } }) as const,
    })
    const { finding } = simulate(service, { seed: 1, steps: 1_000, nodes: 3, profile: 'calm' })
    expect(finding?.sentence).toBe('equal commands give equal results on all servers')
    for (const part of ['command=', 'expected=', 'got=', 'path=']) expect(finding?.detail).toContain(part)
    expect(finding?.detail).toContain('odd')
  })
})

describe('commands that fail in the machine', () => {
  const service = () => ({
    machine: immerMachine<{ total: number }, { add: number }, number>({
      initial: { total: 0 },
      apply: (draft, { add }) => {
        if (add === 7) throw new Error('no sevens')
        return (draft.total += add)
      },
    }),
    next: (dice: Dice) => ({ type: 'command', command: { add: dice.integer(1, 10) } }) as const,
  })
  const options = { seed: 1, steps: 1_000, nodes: 3, profile: 'calm' } as const

  it('are counted', () => {
    const { finding, failures } = simulate(service, options)
    expect([finding, failures > 0]).toEqual([null, true])
  })

  it('are findings where that is wanted', () => {
    const { finding } = simulate(service, { ...options, failuresAreFindings: true })
    expect(finding?.sentence).toBe('no command fails in the state machine')
  })
})
