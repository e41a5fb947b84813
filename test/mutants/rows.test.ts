import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { MUTANTS } from './table.ts'

it('every mutant still applies: its text stands exactly once in its file', () => {
  const stale = MUTANTS.map(({ name, file, find }) => ({
    name,
    file,
    times: readFileSync(file, 'utf8').split(find).length - 1,
  }))
  expect(stale.filter(({ times }) => times !== 1)).toEqual([])
})
