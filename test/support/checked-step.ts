import { checkState } from '../../src/core/invariants/state.ts'
import { checkTransition } from '../../src/core/invariants/transition.ts'
import { step as bareStep } from '../../src/core/step.ts'

export * from '../../src/core/step.ts'

/** The reducer under its invariants. The tests' configuration puts it in the place of `src/core/step.ts`. */
export const step: typeof bareStep = (state, message) => {
  const result = bareStep(state, message)
  checkTransition(state, message, ...result)
  checkState(result[0])
  return result
}
