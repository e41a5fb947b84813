import { describe, expect, it } from 'vitest'
import { nodeId } from '../../src/core/ids.ts'
import { describeEvent, describeStep, differences } from '../../src/trace/describe.ts'
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
    /^n\d tick → n\d,n\d ← RequestPreVote t1 last 0\/0; role follower→preCandidate$/,
    /^n\d ← n\d RequestPreVote t1 last 0\/0 → granted$/,
    /^n\d ← n\d AppendEntries t\d prev \d+\/\d \+\d commit \d+ → save #\d+ \d+–\d+; then success match \d+; lastIndex \d+→\d+/,
    /^n\d ← n\d AppendEntries t\d prev \d+\/\d commit \d+ → success match \d+; commitIndex \d+→\d+$/,
    /^n\d ← n\d AppendEntriesResponse t\d success match \d+ → .*apply \d+–\d+; commitIndex \d+→\d+$/,
    /^n\d propose \d+ 2 commands → refused \d+: not-leader$/,
    /^n\d propose \d+ 2 commands → n\d,n\d ← AppendEntries t\d prev \d+\/\d \+2 commit \d+; accepted \d+ at \d+–\d+; save #\d+ \d+–\d+; lastIndex \d+→\d+$/,
    /^n\d saved #\d+ up to \d+ → .*durableIndex \d+→\d+/,
    /^n\d snapshotTaken \d+ → save #\d+ compact \d+\/\d; snapshot \d+→\d+; base \d+→\d+$/,
    /^n\d ← n\d InstallSnapshot t\d snapshot \d+\/\d object 0 last → saveObject 0$/,
    /^n\d ← n\d InstallSnapshotResponse t\d installed \d+ → /,
    /ignored: /,
  ])('%s', (pattern) => {
    expect(texts.some((text) => pattern.test(text))).toBe(true)
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
