import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitest/config'
import { MUTANTS } from './table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const mutant = MUTANTS.find(({ name }) => name === process.env['RAFT_MUTANT'])

/** Puts the mistake that RAFT_MUTANT names into the source while it is loaded; what is shipped does not contain it. */
export const mutation: Plugin = {
  name: 'mutation',
  enforce: 'pre',
  transform(source: string, path: string): string | null {
    if (mutant === undefined || path.split('?')[0] !== `${root}${mutant.file}`) return null
    const parts = source.split(mutant.find)
    if (parts.length !== 2) throw new Error(`${mutant.name}: ${mutant.file} holds the text ${parts.length - 1} times`)
    return parts.join(mutant.replace)
  },
}
