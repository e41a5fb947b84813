import { expect, it } from 'vitest'
import { huntAll } from './outcome.ts'
import { MUTANTS } from './table.ts'

/** A few from every part of the table, each known to fall early; `npm run mutants` hunts all of them. */
const BOUNDED = [
  'vote-forgotten',
  'vote-cleared-in-term',
  'old-vote-counted',
  'half-is-enough',
  'old-append-accepted',
  'truncate-without-conflict',
  'commit-falls',
  'old-term-committed',
  'match-falls',
  'own-copy-counts-early',
  'acknowledged-before-save',
  'match-not-reset',
  'appended-after-stepping-down',
  'applied-when-appended',
  'snapshot-of-current-term',
  'trimmed-without-snapshot',
  'applied-not-raised',
  'lease-too-long',
]

/** They take about a minute and a half on two quiet cores; this only guards against a hunt that hangs. */
const LIMIT_MS = 1_800_000

it(
  'the claims kill mutants of the core',
  async () => {
    const chosen = MUTANTS.filter(({ name }) => BOUNDED.includes(name))
    const survivors: string[] = []
    await huntAll(chosen, true, ({ name }, verdict) => {
      if (typeof verdict === 'string') survivors.push(`${name} ${verdict}`)
    })
    expect(chosen.length).toBe(BOUNDED.length)
    expect(survivors).toEqual([])
  },
  LIMIT_MS,
)
