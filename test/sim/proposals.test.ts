import { describe, expect, it } from 'vitest'
import { index, nodeId, term } from '../../src/core/ids.ts'
import type { Entry } from '../../src/core/entry.ts'
import type { ReplicaOutput } from '../../src/machine/replica-state.ts'
import { ProposalAnswers } from '../../src/sim/proposals.ts'

const n1 = nodeId('n1')

/** Judges answers over a committed log of these terms. */
const judge = (terms: readonly number[], ...outputs: readonly ReplicaOutput<string>[]): (() => void) => {
  const entries = terms.map((each, at) => ({ type: 'noop', index: index(at + 1), term: term(each), bytes: 0 }) as const)
  const answers = new ProposalAnswers({ commitMax: index(terms.length), committedAt: (at) => entries[at - 1] ?? null })
  return () => {
    for (const output of outputs) answers.observe(n1, output)
  }
}

const accepted = (first: number, last: number, inTerm: number): ReplicaOutput<string> => ({
  type: 'accepted',
  id: 7,
  firstIndex: index(first),
  lastIndex: index(last),
  term: term(inTerm),
})
const completed: ReplicaOutput<string> = { type: 'completed', id: 7, firstIndex: index(2), results: ['a', 'b'] }
const lost = (reason: 'overwritten' | 'unknown'): ReplicaOutput<string> => ({ type: 'lost', id: 7, reason })
const applied = (at: number): ReplicaOutput<string> => {
  const entry: Entry = { type: 'noop', index: index(at), term: term(1), bytes: 0 }
  return { type: 'applied', entries: [entry], results: [] }
}

describe('a lawful answer', () => {
  it.each<[string, readonly number[], readonly ReplicaOutput<string>[]]>([
    ['completed, all committed', [1, 2, 2], [accepted(2, 3, 2), completed]],
    ['overwritten, another entry there', [1, 3, 3], [accepted(2, 3, 2), lost('overwritten')]],
    ['overwritten, a later term before it', [3], [accepted(2, 3, 2), lost('overwritten')]],
    ['unknown, in part', [1, 2, 3], [accepted(2, 3, 2), lost('unknown')]],
    ['none yet', [1], [accepted(2, 3, 2), applied(2)]],
  ])('passes: %s', (_, terms, outputs) => {
    expect(judge(terms, ...outputs)).not.toThrow()
  })
})

describe('a wrong answer is found', () => {
  it.each<[string, string, readonly number[], readonly ReplicaOutput<string>[]]>([
    ['completed, in part', 'completed where all', [1, 2, 3], [accepted(2, 3, 2), completed]],
    ['completed, not committed', 'completed where all', [1], [accepted(2, 3, 2), completed]],
    ['overwritten, but committed', 'never can be', [1, 2, 2], [accepted(2, 3, 2), lost('overwritten')]],
    ['overwritten, in part', 'never can be', [1, 2, 3], [accepted(2, 3, 2), lost('overwritten')]],
    ['overwritten, too early', 'never can be', [1, 1], [accepted(3, 4, 2), lost('overwritten')]],
    ['twice', 'that waits', [1, 2, 2], [accepted(2, 3, 2), completed, lost('unknown')]],
    ['never', 'is answered when', [1, 2, 2, 2], [accepted(2, 3, 2), applied(4)]],
  ])('%s', (_, claim, terms, outputs) => {
    expect(judge(terms, ...outputs)).toThrow(claim)
  })

  it('but none is owed after a crash', () => {
    const answers = new ProposalAnswers({ commitMax: index(0), committedAt: () => null })
    answers.observe(n1, accepted(2, 3, 2))
    answers.crash(n1)
    expect(() => answers.observe(n1, applied(4))).not.toThrow()
  })
})
