import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitest/config'

const STEP = fileURLToPath(new URL('../src/core/step.ts', import.meta.url))
const CHECKED = fileURLToPath(new URL('../test/support/checked-step.ts', import.meta.url))

/**
 * Resolves every import of the reducer to `test/support/checked-step.ts`, except that module's own. So a unit test, a
 * simulated cluster and the stdio node run each step under checkTransition and checkState. Nothing of it is shipped.
 */
export const checkedStep: Plugin = {
  name: 'checked-step',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    if (!source.endsWith('/step.ts') || importer?.split('?')[0] === CHECKED) return null
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
    return resolved?.id.split('?')[0] === STEP ? CHECKED : resolved
  },
}
