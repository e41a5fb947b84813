import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { step } from '../src/core/step.ts'
import { plans, schedules } from './harness/arbitrary.ts'
import { runs } from './harness/campaign.ts'
import { Cluster, type StepWatcher } from './harness/cluster.ts'
import { Ghost } from '../src/trace/checker/index.ts'

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** Plays schedules with a watcher of every step. The harness itself freezes every argument and every result. */
const everyStep = (numRuns: number, watch: StepWatcher): number => {
  let steps = 0
  fc.assert(
    fc.property(plans(), schedules({ length: 12 }), (plan, schedule) => {
      const cluster = new Cluster(plan, new Ghost(), watch)
      cluster.run(schedule)
      steps += cluster.steps
    }),
    runs(numRuns),
  )
  return steps
}

it('a step changes none of its arguments and gives the same result twice', () => {
  const steps = everyStep(60, (before, message, after, outputs) => {
    if (!isDeepStrictEqual(step(before, message), [after, outputs])) throw new Error('a second call differs')
  })
  expect(steps).toBeGreaterThan(10_000)
})

it('states, messages and outputs survive JSON, and the state goes on from there as if nothing had happened', () => {
  const steps = everyStep(40, (before, message, after, outputs) => {
    const again = step(throughJson(before), throughJson(message))
    if (!isDeepStrictEqual(again, [after, outputs])) throw new Error('a state read back behaves differently')
    if (!isDeepStrictEqual(throughJson([after, outputs]), [after, outputs])) throw new Error('JSON loses something')
  })
  expect(steps).toBeGreaterThan(5_000)
})
