import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { checkedStep } from './checked-step.ts'

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  plugins: [checkedStep],
  test: {
    include: ['test/**/*.test.ts', 'properties/**/*.test.ts'],
    // Property runs are bounded by their number of runs, never by the clock: a slow machine must not fail them.
    testTimeout: 300_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Collecting garbage on demand lets the log tests show that a compacted entry is unreachable.
    execArgv: ['--expose-gc'],
  },
})
