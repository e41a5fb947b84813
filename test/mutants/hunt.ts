import { writeFileSync } from 'node:fs'
import { it } from 'vitest'
import { holdsOverSchedules, type Campaign } from '../../properties/harness/campaign.ts'
import { CLAIMS, type ClaimName } from '../../properties/harness/claims.ts'
import { investigate, type Investigation } from '../../src/sim/investigate.ts'
import { kvService } from '../../src/sim/kv-service.ts'
import { simulateKv } from '../../src/sim/simulate-kv.ts'
import type { Profile, SimulationOptions } from '../../src/sim/simulation.ts'
import { decodeTrace } from '../../src/trace/decode.ts'
import type { Outcome } from './outcome.ts'
import { MUTANTS } from './table.ts'

const isLocal = process.env['RAFT_LOCAL_INVARIANTS'] !== 'off'

/** Seeds in each profile, and how long a run is: short ones find most, and shrink fast. */
const SEEDS = Number(process.env['RAFT_MUTANT_SEEDS'] ?? '40')
const STEPS = 4_000
const HOSTILE: readonly Profile[] = ['chaos', 'snapshots', 'lossy']

/** Answers of disks and machines: they follow from what is done, and are no moves of their own. */
const ANSWERS: ReadonlySet<string> = new Set(['saved', 'applied', 'objectRead', 'objectSaved', 'snapshotInstalled'])

const simulated = (nodes: number): Outcome | null => {
  let runs = 0
  for (let seed = 1; seed <= SEEDS; seed++)
    for (const profile of HOSTILE) {
      runs++
      const options = { seed, profile, nodes, steps: STEPS, claims: isLocal ? 'all' : 'cheap' } as const
      const outcome = outcomeOf(options, runs)
      if (outcome !== null) return outcome
    }
  return null
}

const outcomeOf = (options: SimulationOptions, runs: number): Outcome | null => {
  const claim = `${options.profile ?? ''}, ${options.nodes ?? 5} servers`
  try {
    const { finding } = simulateKv(options)
    if (finding === null) return null
    return {
      kind: 'simulation',
      claim,
      by: finding.claim,
      runs,
      ...lengthOf(investigate(options, kvService)),
      what: finding.sentence,
    }
  } catch (error) {
    return { kind: 'simulation', claim, by: 'exception', runs, events: 0, moves: 0, what: String(error) }
  }
}

const lengthOf = ({ shrunk }: Investigation): Pick<Outcome, 'events' | 'moves'> => {
  const decoded = shrunk === null ? null : decodeTrace(shrunk.lines)
  if (shrunk === null || decoded === null || 'error' in decoded) return { events: 0, moves: 0 }
  const happened = decoded.trace.events.filter(({ t }) => t === 'in' || t === 'fault')
  const moves = happened.filter((event) => event.t !== 'in' || !ANSWERS.has(event.m.type))
  return { events: happened.length, moves: moves.length }
}

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
    return { kind: 'property', claim, by: breakerOf(claim, what), runs, events, moves: events, what }
  }
}

/** What noticed: a check of the ghost, the claim's end, a check of a single step, or the core or a frozen value. */
const breakerOf = (claim: ClaimName, what: string): string => {
  const check = /^InvariantViolation: \[(\w+)\]/.exec(what)?.[1]
  if (check !== undefined) return check
  if (/not extensible|read only/.test(what)) return 'PURE'
  if (what.startsWith('InvariantViolation')) return 'STEP'
  if (what.startsWith('AssertionError') || what.startsWith('Error: a ')) return claim === 'liveness' ? 'LIVE' : 'PBS'
  return 'exception'
}

const byProperties = (first: readonly ClaimName[]): Outcome | null => {
  const all = Object.keys(CLAIMS) as ClaimName[]
  for (const claim of [...first, ...all.filter((name) => !first.includes(name))]) {
    const outcome = judge(claim)
    if (outcome !== null) return outcome
  }
  return null
}

/** Runs in a child, its core already mutated: simulations, then property after property, until something is broken. */
it('a claim is broken', () => {
  const mutant = MUTANTS.find(({ name }) => name === process.env['RAFT_MUTANT'])
  const outcome = simulated(3) ?? simulated(5) ?? byProperties(mutant?.claims ?? [])
  writeFileSync(process.env['RAFT_MUTANT_REPORT'] ?? '/dev/stdout', JSON.stringify(outcome))
})
