import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { MUTANTS } from './table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const mutant = MUTANTS.find(({ name }) => name === process.env['RAFT_MUTANT'])

/** Puts one mistake into the core while it is loaded; what is shipped knows nothing of it. */
const mutation = {
  name: 'mutation',
  enforce: 'pre' as const,
  load(path: string): string | null {
    if (mutant === undefined || path.split('?')[0] !== `${root}${mutant.file}`) return null
    const parts = readFileSync(`${root}${mutant.file}`, 'utf8').split(mutant.find)
    if (parts.length !== 2) throw new Error(`${mutant.name}: ${mutant.file} holds the text ${parts.length - 1} times`)
    return parts.join(mutant.replace)
  },
}

export default defineConfig({
  root,
  plugins: [mutation],
  test: { include: ['test/mutants/hunt.ts'], testTimeout: 600_000, pool: 'threads' },
})
