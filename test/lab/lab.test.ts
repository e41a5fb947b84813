import { describe, expect, it } from 'vitest'
import type { Options } from '../../src/core/config.ts'
import { runScenario, type Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'
import { LabFailure } from './virtual-time.ts'

/*
 * The 28 tests of MIT 6.5840's Lab 3, each over several seeds, in virtual time. A campaign: LAB_SEEDS=1000, and
 * LAB_FIRST_SEED to go on where an earlier one ended.
 */
const FIRST = Number(process.env['LAB_FIRST_SEED'] ?? 1)
const SEEDS = Number(process.env['LAB_SEEDS'] ?? 5)

const FLAVOURS: readonly (readonly [string, Partial<Options>])[] = [
  ['with PreVote and the quorum check', {}],
  ['by the rules of figure 2 alone', { preVote: false, checkQuorum: false }],
]

describe('MIT 6.5840, Lab 3', () => {
  it('has 28 tests', () => {
    const parts = ['3A', '3B', '3C', '3D'].map((part) => SCENARIOS.filter((scenario) => scenario.part === part).length)
    expect(parts).toEqual([3, 10, 8, 7])
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(28)
  })
})

describe.each(FLAVOURS)('MIT 6.5840, Lab 3, %s', (_, options) => {
  it.each(SCENARIOS)('$part $name', { timeout: 86_400_000 }, (scenario) => {
    const failures: string[] = []
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
      try {
        runScenario(scenario, { seed, options })
      } catch (error) {
        failures.push(`seed ${seed}: ${String(error)}`)
      }
    expect(failures).toEqual([])
  })
})

/*
 * Worse than the lab: every test on a network that loses requests and replies, and answers late from the beginning. Not
 * all of it can be done in time then, as elections need answers sooner than the election timeout; all of it is safe.
 */
describe('MIT 6.5840, Lab 3, with losses and late replies throughout', () => {
  const UNSAFE =
    /commit index=|two leaders|out of order|applies|goes back|is lost|do not match|wrong value|no majority|decreased|a snapshot/

  const worsened = (scenario: Scenario): Scenario => ({
    ...scenario,
    isReliable: false,
    script: function* (lab) {
      lab.network.reordersReplies = true
      yield* scenario.script(lab)
    },
  })

  it.each(SCENARIOS)('$part $name is safe', { timeout: 86_400_000 }, (scenario) => {
    const failures: string[] = []
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
      try {
        runScenario(worsened(scenario), { seed })
      } catch (error) {
        if (!(error instanceof LabFailure) || UNSAFE.test(error.message))
          failures.push(`seed ${seed}: ${String(error)}`)
      }
    expect(failures).toEqual([])
  })
})
