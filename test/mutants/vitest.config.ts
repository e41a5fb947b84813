import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { mutation } from './mutation.ts'

/** Simulations and properties over a mutated source. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  plugins: [mutation],
  test: { include: ['test/mutants/hunt.ts'], testTimeout: 600_000, pool: 'threads' },
})
