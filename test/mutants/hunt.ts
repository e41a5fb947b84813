import { writeFileSync } from 'node:fs'
import { it } from 'vitest'
import { holdsOverSchedules, type Campaign } from '../../properties/harness/campaign.ts'
import { CLAIMS, type ClaimName } from '../../properties/harness/claims.ts'
import type { Outcome } from './outcome.ts'
import { MUTANTS } from './table.ts'

const judge = (claim: ClaimName): Outcome | null => {
  const campaign: Campaign = CLAIMS[claim]
  try {
    // What a mutant keeps from happening is no proof of anything: only a broken claim kills it.
    holdsOverSchedules({ ...campaign, atLeast: {} })
    return null
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    const runs = Number(/run (\d+)/.exec(text)?.[1] ?? 0)
    const events = Number(/\n(\d+) events/.exec(text)?.[1] ?? 0)
    const what = text.split('\n')[0] ?? ''
    return { claim, by: breakerOf(claim, what), runs, events, what }
  }
}

/** What noticed: a check of the ghost, the claim's end, a check of a single step, or the core or a frozen value. */
const breakerOf = (claim: ClaimName, what: string): string => {
  const check = /^InvariantViolation: \[(\w+)\]/.exec(what)?.[1]
  if (check !== undefined) return check
  if (/not extensible|read only/.test(what)) return 'PURE'
  if (what.startsWith('InvariantViolation')) return process.env['RAFT_LOCAL_INVARIANTS'] === 'off' ? 'STR' : 'step'
  if (what.startsWith('AssertionError') || what.startsWith('Error: a ')) return claim === 'liveness' ? 'LIVE' : 'PBS'
  return 'exception'
}

/** Runs in a child, its core already mutated: tries claim after claim until one is broken, and writes down which. */
it('a claim is broken', () => {
  const mutant = MUTANTS.find(({ name }) => name === process.env['RAFT_MUTANT'])
  const all = Object.keys(CLAIMS) as ClaimName[]
  const first = mutant?.claims ?? []
  let outcome: Outcome | null = null
  for (const claim of [...first, ...all.filter((name) => !first.includes(name))]) {
    outcome ??= judge(claim)
    if (outcome !== null) break
  }
  writeFileSync(process.env['RAFT_MUTANT_REPORT'] ?? '/dev/stdout', JSON.stringify(outcome))
})
