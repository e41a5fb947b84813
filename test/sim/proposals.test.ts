import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import type { Entry } from '../../src/core/entry.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import type { ReplicaOutput } from '../../src/machine/replica-state.ts'
import { ProposalAnswers } from '../../src/sim/proposals.ts'

const n1 = nodeId('n1')

/** What a server is asked, does and answers. */
type Event =
  | ReplicaOutput<string>
  | { readonly type: 'asked'; readonly commands: readonly string[] }
  | { readonly type: 'installing'; readonly snapshot: SnapshotMeta }
  | { readonly type: 'ended'; readonly at: number }

/** A command of the term at each index. */
const entryOf = (inTerm: number, at: number): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: 0,
  command: `${at}`,
})

/** Judges answers over a committed log of these terms. */
const judge = (terms: readonly number[], ...events: readonly Event[]): (() => void) => {
  const entries = terms.map((each, at) => entryOf(each, at + 1))
  const answers = new ProposalAnswers({ commitMax: index(terms.length), committedAt: (at) => entries[at - 1] ?? null })
  return () => {
    for (const event of events)
      if (event.type === 'asked') answers.asked(n1, 7, event.commands)
      else if (event.type === 'installing') answers.installing(n1, event.snapshot)
      else if (event.type === 'ended') answers.ended(n1, event.at)
      else answers.observe(n1, event)
  }
}

const asked = (...commands: readonly string[]): Event => ({ type: 'asked', commands })
const accepted = (first: number, last: number, inTerm: number): Event => ({
  type: 'accepted',
  id: 7,
  firstIndex: index(first),
  lastIndex: index(last),
  term: term(inTerm),
})
/** Asked for '2' and '3', and accepted there. */
const waiting = (inTerm: number): readonly Event[] => [asked('2', '3'), accepted(2, 3, inTerm)]
const completed: Event = { type: 'completed', id: 7, firstIndex: index(2), results: ['a', 'b'] }
const refused: Event = { type: 'refused', id: 7, reason: 'busy', leader: null }
const lost = (reason: 'overwritten' | 'unknown'): Event => ({ type: 'lost', id: 7, reason })
const applied = (at: number): Event => ({ type: 'applied', entries: [entryOf(1, at)], results: [] })
const installing = (last: number, inTerm: number): Event => ({
  type: 'installing',
  snapshot: {
    lastIncludedIndex: index(last),
    lastIncludedTerm: term(inTerm),
    configuration: configurationOf([n1]),
    configurationIndex: index(0),
  },
})

describe('a lawful answer', () => {
  it.each<[string, readonly number[], readonly Event[]]>([
    ['completed, all committed', [1, 2, 2], [...waiting(2), completed]],
    ['overwritten, another entry there', [1, 3, 3], [...waiting(2), lost('overwritten')]],
    ['overwritten, a later term before it', [3], [...waiting(2), lost('overwritten')]],
    ['unknown, in part', [1, 2, 3], [...waiting(2), lost('unknown')]],
    ['unknown, covered by a snapshot', [1, 2, 2], [...waiting(2), installing(2, 2), lost('unknown')]],
    ['none yet', [1], [...waiting(2), applied(2), { type: 'ended', at: 1 }]],
    ['refused', [1], [asked('2'), refused]],
    ['none in the end, not committed yet', [1, 2], [...waiting(2), { type: 'ended', at: 2 }]],
  ])('passes: %s', (_, terms, events) => {
    expect(judge(terms, ...events)).not.toThrow()
  })
})

const UNKNOWN = 'its outcome is unknown where'

describe('a wrong answer is found', () => {
  it.each<[string, string, readonly number[], readonly Event[]]>([
    ['completed, in part', 'completed where all', [1, 2, 3], [...waiting(2), completed]],
    ['completed, not committed', 'completed where all', [1], [...waiting(2), completed]],
    ['completed, other commands', 'completed where all', [1, 2, 2], [asked('2', 'x'), accepted(2, 3, 2), completed]],
    ['overwritten, but committed', 'never can be', [1, 2, 2], [...waiting(2), lost('overwritten')]],
    ['overwritten, in part', 'never can be', [1, 2, 3], [...waiting(2), lost('overwritten')]],
    ['overwritten, too early', 'never can be', [1, 1], [asked('3', '4'), accepted(3, 4, 2), lost('overwritten')]],
    ['unknown, but completed', UNKNOWN, [1, 2, 2], [...waiting(2), lost('unknown')]],
    ['unknown, but overwritten', UNKNOWN, [1, 3, 3], [...waiting(2), lost('unknown')]],
    ['unknown, before a snapshot', UNKNOWN, [1, 2, 2], [...waiting(2), installing(1, 2), lost('unknown')]],
    ['unknown, of a later term', UNKNOWN, [1, 2, 2], [...waiting(2), installing(3, 1), lost('unknown')]],
    ['twice', 'that waits', [1, 2, 2], [...waiting(2), completed, lost('overwritten')]],
    ['never', 'is answered when', [1, 2, 2, 2], [...waiting(2), applied(4)]],
    ['never, at the end', 'is answered when', [1, 2, 2], [...waiting(2), { type: 'ended', at: 3 }]],
    ['refused after all', 'accepted is not refused', [1], [...waiting(2), refused]],
    ['accepted, but not asked', 'what was asked', [1], [accepted(2, 3, 2)]],
    ['accepted, more than asked', 'what was asked', [1], [asked('2'), accepted(2, 3, 2)]],
  ])('%s', (_, claim, terms, events) => {
    expect(judge(terms, ...events)).toThrow(claim)
  })

  it('but none is owed after a crash', () => {
    const answers = new ProposalAnswers({ commitMax: index(0), committedAt: () => null })
    answers.asked(n1, 7, ['2', '3'])
    const event = accepted(2, 3, 2)
    if (event.type === 'accepted') answers.observe(n1, event)
    answers.crash(n1)
    expect(() => answers.ended(n1, 4)).not.toThrow()
  })
})
