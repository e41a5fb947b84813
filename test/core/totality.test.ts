import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, term } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { step } from '../../src/core/step.ts'
import { Server, append, command, n1, n2, n3, snapshotAt } from './server.ts'

/* What may go into a step: anything from a peer, and from the caller what the types say. */

const TERM = term(1)
const candidacy = { term: TERM, candidateId: n2, lastLogIndex: index(0), lastLogTerm: term(0) }
const answered = { type: 'AppendEntriesResponse', term: TERM, round: 1 } as const
const refusal = { ...answered, success: false, rejectedIndex: index(1), conflictIndex: index(0), conflictTerm: term(0) }

/** One lawful RPC of each kind, and which of its fields the reducer reckons with. */
const RPCS: readonly Rpc[] = [
  { type: 'RequestPreVote', ...candidacy, question: 1 },
  { type: 'RequestVote', ...candidacy },
  { type: 'RequestPreVoteResponse', term: TERM, voteGranted: false, question: 1 },
  { type: 'RequestVoteResponse', term: TERM, voteGranted: true },
  append(1, [0, 0], [command(1, 1)]),
  { ...answered, success: true, matchIndex: index(0), silenceTicks: 10 },
  { ...refusal, success: false },
  {
    type: 'InstallSnapshot',
    term: TERM,
    leaderId: n2,
    transferId: 1,
    snapshot: snapshotAt(3, 1),
    startsOver: false,
    position: 0,
    objectId: 0,
    data: '',
    checksum: 0,
    digest: 0,
    isLast: true,
  },
  {
    type: 'InstallSnapshotResponse',
    term: TERM,
    transferId: 1,
    status: 'installed',
    nextObjectId: 0,
    digest: 0,
    installedIndex: index(0),
  },
]

/** May be left out. */
const OPTIONAL = ['question', 'silenceTicks']
const WRONG = [undefined, null, NaN, -1, 1.5, Infinity, '', {}, [], [{}], true]

const isWrong = (name: string, right: unknown, wrong: unknown): boolean => {
  if (typeof right === typeof wrong && typeof right === 'boolean') return false
  if (name === 'data' && wrong === '') return false
  if ((name === 'objectId' || name === 'nextObjectId') && (Number.isFinite(wrong) || wrong === '')) return false
  if (name === 'entries' && Array.isArray(wrong) && wrong.length === 0) return false
  return !(OPTIONAL.includes(name) && wrong === undefined)
}

const wrongFields = RPCS.flatMap((rpc) =>
  Object.entries(rpc).flatMap(([name, right]: [string, unknown]) =>
    WRONG.filter((wrong) => isWrong(name, right, wrong)).map((wrong) => [rpc, name, wrong] as const),
  ),
)

const servers = {
  follower: () => new Server([1]),
  leader: () => new Server([]).lead(),
}

describe.each(Object.entries(servers))('to a %s, a peer’s RPC is malformed', (_, server) => {
  it.each(wrongFields)('%j with %s %j', (rpc, name, wrong) => {
    const before = server()
    const state = before.state
    before.hear(n2, { ...rpc, [name]: wrong })
    expect([before.ignored, before.outputs.length, before.state]).toEqual([['malformed'], 1, state])
  })

  it.each([null, undefined, 7, 'RequestVote', [], {}, { type: 'RequestVote' }, { type: 'Gossip', term: 9 }])(
    '%j',
    (rpc) => {
      expect(server().hear(n2, rpc as unknown as Rpc).ignored).toEqual(['malformed'])
    },
  )

  it.each([
    { type: 'command', index: 1, term: 1, bytes: NaN, command: 1 },
    { type: 'command', index: 1, term: 1, bytes: 1 },
    { type: 'command', index: 1, term: 2, bytes: 1, command: 1 },
    { type: 'command', index: 2, term: 1, bytes: 1, command: 1 },
    { type: 'riddle', index: 1, term: 1, bytes: 1 },
    { type: 'configuration', index: 1, term: 1, bytes: 1 },
    {
      type: 'configuration',
      index: 1,
      term: 1,
      bytes: 1,
      configuration: { voters: ['b', 'a'], votersOutgoing: [], learners: [] },
    },
    {
      type: 'configuration',
      index: 1,
      term: 1,
      bytes: 1,
      configuration: { voters: [], votersOutgoing: ['a'], learners: [] },
    },
  ])('with the entry %j', (entry) => {
    expect(server().hear(n2, { ...append(1, [0, 0]), entries: [entry] } as unknown as Rpc).ignored).toEqual([
      'malformed',
    ])
  })
})

it.each(RPCS.filter((rpc) => 'leaderId' in rpc || 'candidateId' in rpc))(
  'an RPC that bears the name of another is malformed: %j',
  (rpc) => {
    expect(new Server([1]).hear(n3, rpc).ignored).toEqual(['malformed'])
  },
)

describe.each(Object.entries(servers))('to a %s, what comes back to its sender is malformed', (_, server) => {
  it.each(RPCS)('%j', (rpc) => {
    const echo = server()
    const { state } = echo
    const own = { ...rpc, term: state.server.currentTerm }
    if ('leaderId' in own) own.leaderId = n1
    if ('candidateId' in own) own.candidateId = n1
    expect([echo.hear(n1, own).ignored, echo.state]).toEqual([['malformed'], state])
  })
})

describe('an answer of which no correct follower is capable is malformed', () => {
  const leader = () => new Server([1], { checkQuorum: false }).lead()
  const said = (fields: object): Rpc => ({ ...answered, term: term(2), success: true, matchIndex: index(0), ...fields })

  it.each([
    ['a round that never began', said({ round: 2 })],
    ['a refusal in a round that never began', { ...refusal, success: false, term: term(2), round: 1_000_000 }],
    ['a match beyond the log', said({ matchIndex: index(2) })],
  ] as const)('%s', (_, rpc) => {
    const server = leader()
    const { state } = server
    expect([server.hear(n2, rpc).ignored, server.state]).toEqual([['malformed'], state])
  })

  it('and no later read rests on it', () => {
    const server = leader()
      .propose('x')
      .saved()
      .acknowledge(n3, 2)
      .hear(n2, said({ round: 1_000_000 }))
    server.do({ type: 'read', id: 'r', mode: 'quorum' }).acknowledge(n3, 2, 1)
    expect(server.outputOf('readReady')).toEqual([])
  })
})

describe('a contradiction is noted as such, and changes nothing', () => {
  it.each<[string, () => Server, Rpc]>([
    ['second leader in one term', () => new Server([1]).lead(), append(2, [1, 1])],
    [
      'second leader in one term',
      () => new Server([1]).lead(),
      { ...(RPCS[7] as Extract<Rpc, { type: 'InstallSnapshot' }>), term: term(2) },
    ],
    [
      'an append contradicts a committed entry',
      () => new Server([1, 1]).hear(n2, append(2, [2, 1], [], 2)).saved(),
      append(2, [1, 1], [command(2, 2)]),
    ],
  ])('%s', (contradiction, server, rpc) => {
    const before = server()
    const { log, server: was } = before.state
    expect(before.hear(n2, rpc).contradictions).toEqual([contradiction])
    expect([before.state.log, before.server]).toEqual([log, was])
  })
})

describe('a pre-vote', () => {
  const asking = () => new Server([1], { preVote: true }).do({ type: 'campaign' })
  const questionIn = (server: Server) => server.said('RequestPreVote')[0]?.question

  it('is granted by its number', () => {
    const rpc: Rpc = {
      type: 'RequestPreVote',
      ...candidacy,
      term: term(2),
      lastLogIndex: index(1),
      lastLogTerm: TERM,
      question: 5,
    }
    expect(new Server([1]).hear(n2, rpc).said('RequestPreVoteResponse')).toMatchObject([
      { voteGranted: true, question: 5 },
    ])
  })

  it.each([true, false])('counts no answer to an earlier question of the same term, granted %s', (voteGranted) => {
    const server = asking()
    const earlier = questionIn(server)
    if (earlier === undefined) throw new Error('a question is numbered')
    server.hear(n2, append(1, [1, 1])).do({ type: 'campaign' })
    expect(questionIn(server)).not.toBe(earlier)
    const rpc: Rpc = { type: 'RequestPreVoteResponse', term: term(voteGranted ? 2 : 1), voteGranted, question: earlier }
    expect([server.hear(n2, rpc).ignored, server.server.role.type]).toEqual([['stale response'], 'preCandidate'])
  })

  it('counts an answer to the present one', () => {
    const server = asking()
    const question = questionIn(server) ?? 0
    server.hear(n2, { type: 'RequestPreVoteResponse', term: term(2), voteGranted: true, question })
    expect(server.server.role.type).toBe('candidate')
  })
})

const cycle: unknown[] = []
cycle.push(cycle)

describe('the caller’s mistakes are thrown, and change nothing', () => {
  it.each([
    null,
    {},
    { type: 'tock' },
    { type: 'constructor' },
    { type: 'propose', id: 1 },
    { type: 'propose', id: 1, commands: 'x' },
    { type: 'propose', commands: ['x'] },
    { type: 'propose', id: NaN, commands: ['x'] },
    { type: 'propose', id: {}, commands: ['x'] },
    { type: 'propose', id: 1, commands: [] },
    { type: 'read', id: 1 },
    { type: 'read', id: 1, mode: 'stale' },
    { type: 'read', mode: 'quorum' },
    { type: 'saved', sequence: NaN, lastIndex: 0 },
    { type: 'saved', sequence: 0 },
    { type: 'applied', index: NaN },
    { type: 'applied', index: -1 },
    { type: 'receive', rpc: RPCS[1] },
    { type: 'snapshotTaken', index: 0.5 },
    { type: 'objectRead', to: n2, transferId: 1, objectId: 0, data: 7, nextObjectId: null },
  ])('%j', (message) => {
    for (const { state } of Object.values(servers).map((make) => make()))
      expect(() => step(state, message as unknown as Message)).toThrow(UsageError)
  })

  it.each([
    ['a BigInt', 1n],
    ['an object that holds itself', cycle],
  ])('%s where a number belongs', (_, wrong) => {
    for (const { state } of Object.values(servers).map((make) => make())) {
      expect(() => step(state, { type: 'propose', id: wrong, commands: ['x'] } as unknown as Message)).toThrow(
        UsageError,
      )
      expect(() => step(state, { type: 'applied', index: wrong } as unknown as Message)).toThrow(UsageError)
    }
  })

  it('voters that give way to none', () => {
    expect(() => configurationOf([], [], [n1, n2])).toThrow(UsageError)
  })
})
