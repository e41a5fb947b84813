import { it } from 'vitest'
import { huntAll } from './outcome.ts'
import { MUTANTS } from './table.ts'

/**
 * All mutants, first with the checks of every single step, then by the claims about whole histories alone. Prints a
 * table: `vitest run --config test/mutants/all.config.ts`.
 */
it.each([
  ['with the invariants of single steps', true],
  ['by the claims alone', false],
])('no mutant survives, %s', async (title, locally) => {
  const survivors: string[] = []
  process.stdout.write(`\n${title}\nrow | mutant | killed by | runs | events | claim broken\n`)
  await huntAll(MUTANTS, locally, ({ name, row }, outcome) => {
    if (outcome === null) survivors.push(name)
    const { claim, runs, events, what } = outcome ?? { claim: 'SURVIVES', runs: 0, events: 0, what: '' }
    process.stdout.write(`${row} | ${name} | ${claim} | ${runs} | ${events} | ${what.slice(0, 110)}\n`)
  })
  if (survivors.length > 0) throw new Error(`survivors: ${survivors.join(', ')}`)
})
