import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Hunts every mutant: `npm run mutants`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['test/mutants/run.ts'], testTimeout: 3_600_000, pool: 'forks' },
})
