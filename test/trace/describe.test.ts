import { describe, expect, it } from 'vitest'
import { index, nodeId, term } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { describeEvent, describeOutputs, describeStep, differences } from '../../src/trace/describe.ts'
import { replay } from '../../src/trace/replay.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

const trace = traceIn(new RecordedCluster({ seed: 5, events: 3_000 }).run().text)
const texts: string[] = []
replay(trace, { onStep: (step) => texts.push(describeStep(step)) })

describe('a line for each step', () => {
  it('is one line', () => {
    expect(texts.filter((text) => /[\r\n]/.test(text))).toEqual([])
    expect(texts).toHaveLength(trace.events.filter(({ t }) => t === 'in').length)
  })

  it.each([
    /^n\d tick$/,
    /^n\d tick ⇒ role follower→preCandidate; sends n\d,n\d RequestPreVote t1 last 0\/0$/,
    /^n\d ← n\d RequestPreVote t1 last 0\/0 ⇒ replies granted$/,
    /^n\d .* ⇒ role candidate→leader; lastIndex \d+→\d+; .*sends n\d,n\d AppendEntries /,
    /^n\d ← n\d AppendEntries t\d prev \d+\/\d entries \d+\/\d–\d+\/\d commit \d+ ⇒ lastIndex \d+→\d+; .*save #\d+ entries \d+\/\d–\d+\/\d; then replies success match \d+/,
    /^n\d ← n\d AppendEntries t\d prev \d+\/\d commit \d+ ⇒ commitIndex \d+→\d+; replies success match \d+/,
    /^n\d ← n\d AppendEntriesResponse t\d success match \d+ ⇒ commitIndex \d+→\d+; .*apply entries \d+\/\d–\d+\/\d/,
    /^n\d propose \d+ 2 commands ⇒ refused \d+: not-leader$/,
    /^n\d propose \d+ 2 commands ⇒ lastIndex \d+→\d+; sends n\d,n\d AppendEntries t\d prev \d+\/\d entries \d+\/\d–\d+\/\d commit \d+; accepted \d+ at \d+–\d+; save #\d+ entries \d+\/\d–\d+\/\d$/,
    /^n\d saved #\d+ up to \d+ ⇒ durableIndex \d+→\d+/,
    /^n\d snapshotTaken \d+ ⇒ snapshot \d+→\d+; base \d+→\d+; save #\d+ compact to \d+\/\d$/,
    /^n\d ← n\d InstallSnapshot t\d snapshot \d+\/\d object 0 last ⇒ saveObject 0$/,
    /^n\d ← n\d InstallSnapshotResponse t\d installed \d+ ⇒ .*transfer to n\d ended: installed/,
    /ignored: /,
  ])('%s', (pattern) => {
    expect(texts.some((text) => pattern.test(text))).toBe(true)
  })
})

describe('a reply', () => {
  const [n1, n2] = [nodeId('n1'), nodeId('n2')]
  const asked = { type: 'RequestVote', term: term(2), candidateId: n1, lastLogIndex: index(0), lastLogTerm: term(0) }
  const message = { type: 'receive', from: n1, rpc: asked } as Message
  const vote = (inTerm: number, to = n1): Output => ({
    type: 'send',
    to,
    rpc: { type: 'RequestVoteResponse', term: term(inTerm), voteGranted: false },
  })

  it('leaves out the term that it was asked with', () => {
    expect(describeOutputs([vote(2)], message)).toEqual(['replies refused'])
  })

  it('tells another term', () => {
    expect(describeOutputs([vote(3)], message)).toEqual(['replies t3 refused'])
  })

  it('is one to whoever asked', () => {
    expect(describeOutputs([vote(2, n2)], message)).toEqual(['sends n2 RequestVoteResponse t2 refused'])
  })
})

describe('a line for each other event', () => {
  const n1 = nodeId('n1')
  const n2 = nodeId('n2')
  it.each([
    [{ t: 'fault', kind: 'crash', at: 0, n: n1 }, 'n1 crashes'],
    [{ t: 'fault', kind: 'heal', at: 0 }, 'the network heals'],
    [{ t: 'fault', kind: 'partition', at: 0, groups: [[n1], [n2]] }, 'partition n1 | n2'],
    [{ t: 'fault', kind: 'disk', at: 0, n: n1, what: 'full' }, 'n1 disk: full'],
    [{ t: 'net', kind: 'drop', at: 0, from: n1, to: n2, rpc: 'AppendEntries' }, 'network: drop n1 → n2 AppendEntries'],
    [{ t: 'op', at: 0, kind: 'invoke', client: 'c1', value: { f: 'read' } }, 'client c1: invoke {"f":"read"}'],
    [{ t: 'viol', at: 0, i: 3, n: n1, claim: 'never' }, '✗ never (n1)'],
  ] as const)('%#', (event, text) => {
    expect(describeEvent(event)).toBe(text)
  })
})

describe('differences', () => {
  it('are paths, old and new', () => {
    expect(differences({ a: 1, b: [1, { c: 2 }], d: null }, { a: 1, b: [1, { c: 3 }, 4], e: 'x' })).toEqual([
      'b.1.c 2→3',
      'b.2 nothing→4',
      'd null→nothing',
      'e nothing→"x"',
    ])
    expect(differences({ a: [] }, { a: [] })).toEqual([])
  })
})
