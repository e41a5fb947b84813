import { it } from 'vitest'
import { CONTROL } from './mutant.ts'
import { hunt, huntAll, type Verdict } from './outcome.ts'
import { MUTANTS } from './table.ts'

const HEADER =
  '| row | mutant | kind | killed by | check | runs | events | moves | what broke |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |'

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
  'next-below-one': 'costs a transfer: a follower that matches nothing is offered a snapshot, and goes on from there',
  'timer-reset-by-refusal': 'starves no server for ever here: deadlines are drawn anew for every election',
  'timer-runs-on-after-vote': 'costs elections, never agreement: the next drawn deadline makes up for it',
}

const rowOf = (name: string, row: string, verdict: Verdict): string => {
  if (typeof verdict === 'string') {
    const excuse = verdict === 'survives' ? ONLY_LOCAL[name] : undefined
    return `| ${row} | ${name} | — | — | — | | | | ${excuse ?? verdict.toUpperCase()} |`
  }
  const { kind, claim, by, runs, events, moves, what } = verdict
  return `| ${row} | ${name} | ${kind} | ${claim} | ${by} | ${runs} | ${events} | ${moves} | ${sentenceOf(what)} |`
}

/**
 * All mutants, first with the checks of every single step, then by the claims about whole histories alone. Prints a
 * table of each: `npm run mutants`. Before them, the source as it is has to pass the same runs.
 */
it.each([
  ['With the invariants of single steps', true],
  ['By the claims about histories alone', false],
])('no mutant survives: %s', async (title, locally) => {
  const control = await hunt(CONTROL, locally)
  if (typeof control === 'object')
    throw new Error(`the source as it is does not pass: ${rowOf('none', 'control', control)}`)
  // Too slow to tell: then a kill by a later run than the control came to may be none.
  if (control === 'undecided') process.stderr.write('the source as it is did not pass all runs in time\n')
  const rows = new Map<string, string>()
  const alive: string[] = []
  await huntAll(HUNTED, locally, ({ name, row }, verdict) => {
    rows.set(name, rowOf(name, row, verdict))
    process.stderr.write(`${rows.size}/${HUNTED.length} ${rows.get(name) ?? ''}\n`)
    const isExcused = !locally && verdict === 'survives' && ONLY_LOCAL[name] !== undefined
    if (typeof verdict === 'string' && !isExcused) alive.push(`${name} ${verdict}`)
  })
  const table = HUNTED.map(({ name }) => rows.get(name) ?? '').join('\n')
  process.stdout.write(`\n${title}\n\n${HEADER}\n${table}\n`)
  if (alive.length > 0) throw new Error(`not killed: ${alive.join(', ')}`)
})
