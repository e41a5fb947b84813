import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitest/config'

const STEP = fileURLToPath(new URL('../src/core/step.ts', import.meta.url))
const DEFINITION = 'export const step = ('

/**
 * Gives every test a reducer that checks itself: whatever runs a step, in a unit test, a simulated cluster or the
 * stdio node, runs it under checkTransition and checkState. What is shipped knows nothing of it.
 */
export const checkedStep: Plugin = {
  name: 'checked-step',
  enforce: 'pre',
  load(path: string): string | null {
    if (path.split('?')[0] !== STEP) return null
    const source = readFileSync(STEP, 'utf8')
    if (source.split(DEFINITION).length !== 2) throw new Error(`${STEP} defines step in another way than expected`)
    return `import { checkState, checkTransition } from './invariants.ts'
${source.replace(DEFINITION, 'const bareStep = (')}
export const step: typeof bareStep = (state, message) => {
  const result = bareStep(state, message)
  checkTransition(state, message, ...result)
  checkState(result[0])
  return result
}
`
  },
}
