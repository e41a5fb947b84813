import { it } from 'vitest'
import { huntAll, type Outcome } from './outcome.ts'
import { MUTANTS } from './table.ts'

const HEADER =
  '| row | mutant | killed by | check | runs | events | moves | what broke |\n| --- | --- | --- | --- | --- | --- | --- | --- |'

/** A sentence of an error, without its numbers. */
const sentenceOf = (what: string): string =>
  what
    .replace(/^\w+: (\[\w+\] )?/, '')
    .replace(/ [({].*$/, '')
    .replaceAll('|', '/')

/** RAFT_MUTANTS=name,name hunts a few. */
const chosen = process.env['RAFT_MUTANTS']?.split(',') ?? MUTANTS.map(({ name }) => name)
const HUNTED = MUTANTS.filter(({ name }) => chosen.includes(name))

/** Rows that only a check of one step can see, and why no history shows them. */
const ONLY_LOCAL: Readonly<Record<string, string>> = {
  'leader-keeps-receiving': 'needs an election won between the last object and its answer: too rare for a history',
  'next-below-one': 'costs a transfer: whoever matches nothing is offered a snapshot, and goes on from there',
  'timer-reset-by-refusal': 'starves nobody for ever here: deadlines are drawn afresh for every election',
  'timer-runs-on-after-vote': 'costs elections, never agreement: the next drawn deadline makes up for it',
}

/** Killed by a test made for it, in test/core/snapshots.test.ts, where schedules are too unlikely to get there. */
const ONLY_UNIT: ReadonlySet<string> = new Set(['leader-keeps-receiving'])

const rowOf = (name: string, row: string, outcome: Outcome | null): string => {
  if (outcome === null) return `| ${row} | ${name} | — | — | | | | ${ONLY_LOCAL[name] ?? 'SURVIVES'} |`
  const { claim, by, runs, events, moves, what } = outcome
  return `| ${row} | ${name} | ${claim} | ${by} | ${runs} | ${events} | ${moves} | ${sentenceOf(what)} |`
}

/**
 * All mutants, first with the checks of every single step, then by the claims about whole histories alone. Prints a
 * table of each: `npm run mutants`.
 */
it.each([
  ['With the invariants of single steps', true],
  ['By the claims about histories alone', false],
])('no mutant survives: %s', async (title, locally) => {
  const rows = new Map<string, string>()
  const survivors: string[] = []
  await huntAll(HUNTED, locally, ({ name, row }, outcome) => {
    rows.set(name, rowOf(name, row, outcome))
    process.stderr.write(`${rows.size}/${HUNTED.length} ${rows.get(name) ?? ''}\n`)
    const isExcused = ONLY_UNIT.has(name) || (!locally && ONLY_LOCAL[name] !== undefined)
    if (outcome === null && !isExcused) survivors.push(name)
  })
  const table = HUNTED.map(({ name }) => rows.get(name) ?? '').join('\n')
  process.stdout.write(`\n${title}\n\n${HEADER}\n${table}\n`)
  if (survivors.length > 0) throw new Error(`survivors: ${survivors.join(', ')}`)
})
