import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import type { RequestPreVote, RequestVote } from '../../src/core/rpc.ts'
import { Server, append, n1, n2, n3, snapshotAt } from './server.ts'

const request = (inTerm: number, last: readonly [number, number], candidateId = n2): RequestVote => ({
  type: 'RequestVote',
  term: term(inTerm),
  candidateId,
  lastLogIndex: index(last[0]),
  lastLogTerm: term(last[1]),
})

const question = (inTerm: number, last: readonly [number, number], candidateId = n2): RequestPreVote => ({
  ...request(inTerm, last, candidateId),
  type: 'RequestPreVote',
})

describe('RequestVote', () => {
  it.each([
    ['a longer log of the same term', [3, 2], true],
    ['an equal log', [2, 2], true],
    ['a shorter log of a later term', [1, 3], true],
    ['a shorter log of the same term', [1, 2], false],
    ['a longer log of an earlier term', [9, 1], false],
  ] as const)('with %s: %s, granted %s', (_, last, granted) => {
    const server = new Server([1, 2]).hear(n2, request(5, last))
    expect(server.said('RequestVoteResponse')).toEqual([{ type: 'RequestVoteResponse', term: 5, voteGranted: granted }])
  })

  it('is answered once by everybody: a second answer changes nothing', () => {
    const five = configurationOf(['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => nodeId(name)))
    const server = new Server([], {}, { snapshot: { ...snapshotAt(0, 0), configuration: five } })
    server.do({ type: 'campaign' }).saved()
    for (const voteGranted of [true, false, true])
      server.hear(n2, { type: 'RequestVoteResponse', term: term(1), voteGranted })
    expect(server.server.role).toMatchObject({ type: 'candidate', granted: ['n1', 'n2'], rejected: [] })
  })

  it('goes to voters, not to learners', () => {
    const configuration = configurationOf([n1, n2], [n3])
    const server = new Server([], {}, { snapshot: { ...snapshotAt(0, 0), configuration } }).do({ type: 'campaign' })
    expect(server.promised.map(({ to }) => to)).toEqual([n2])
    const asking = new Server([], { preVote: true }, { snapshot: { ...snapshotAt(0, 0), configuration } })
    expect(asking.do({ type: 'campaign' }).sends.map(({ to }) => to)).toEqual([n2])
  })

  it('is answered only once the vote is durable', () => {
    const server = new Server([1]).hear(n2, request(5, [1, 1]))
    expect([server.sends.length, server.promised.length]).toEqual([0, 1])
  })

  it('is granted to one candidate a term, again and again', () => {
    const server = new Server([1]).hear(n2, request(5, [1, 1]))
    expect(server.hear(n2, request(5, [1, 1])).said('RequestVoteResponse')[0]?.voteGranted).toBe(true)
    expect(server.hear(n3, request(5, [1, 1], n3)).said('RequestVoteResponse')[0]?.voteGranted).toBe(false)
  })

  it('is not granted again after a candidate heard the leader of its term (CCF #8094)', () => {
    const server = new Server([1])
      .do({ type: 'campaign' })
      .saved()
      .hear(n2, append(2, [1, 1]))
      .saved()
    expect(server.hear(n3, request(2, [9, 9], n3)).said('RequestVoteResponse')[0]?.voteGranted).toBe(false)
  })

  it('does not restart the timer when refused', () => {
    const server = new Server([1, 1]).tick(3).hear(n2, request(5, [1, 1]))
    expect(server.server.electionElapsedTicks).toBe(3)
  })

  it('is ignored while a leader is heard, if quorums are checked', () => {
    const server = new Server([1], { checkQuorum: true })
      .tick(2)
      .hear(n2, append(1, [1, 1]))
      .tick(9)
    expect(server.hear(n3, request(7, [1, 1], n3)).ignored).toEqual(['leader is alive'])
    expect(server.server.currentTerm).toBe(1)
  })

  it('is heard when the leader has been silent for an election timeout', () => {
    const server = new Server([1], { checkQuorum: true }).hear(n2, append(1, [1, 1])).tick(10)
    expect(server.hear(n3, request(7, [1, 1], n3)).server.currentTerm).toBe(7)
  })

  it('is ignored even when the term has moved on since the leader spoke', () => {
    const server = new Server([1], { checkQuorum: true }).hear(n2, append(1, [1, 1]))
    server.hear(n3, { type: 'RequestVoteResponse', term: term(4), voteGranted: false })
    expect(server.hear(n3, request(5, [1, 1], n3)).ignored).toEqual(['leader is alive'])
  })
})

describe('RequestPreVote', () => {
  it('is granted without a change of term or vote', () => {
    const server = new Server([1]).hear(n2, question(2, [1, 1]))
    expect(server.said('RequestPreVoteResponse')[0]).toMatchObject({ term: 2, voteGranted: true })
    expect([server.server.currentTerm, server.server.votedFor]).toEqual([1, null])
  })

  it('is refused while a leader is heard', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1])).hear(n3, question(2, [1, 1], n3))
    expect(server.said('RequestPreVoteResponse')[0]?.voteGranted).toBe(false)
  })

  it('leads to an election once a quorum agrees', () => {
    const server = new Server([1], { preVote: true }).do({ type: 'campaign' })
    expect(server.server.currentTerm).toBe(1)
    server.hear(n2, { type: 'RequestPreVoteResponse', term: term(2), voteGranted: true })
    expect([server.server.role.type, server.server.currentTerm]).toEqual(['candidate', 2])
  })

  it('refused in a newer term tells of that term', () => {
    const server = new Server([1], { preVote: true }).do({ type: 'campaign' })
    server.hear(n2, { type: 'RequestPreVoteResponse', term: term(7), voteGranted: false })
    expect([server.server.role.type, server.server.currentTerm, server.server.votedFor]).toEqual(['follower', 7, null])
  })

  it('counts no grant for another term', () => {
    const server = new Server([1], { preVote: true }).do({ type: 'campaign' })
    server.hear(n2, { type: 'RequestPreVoteResponse', term: term(3), voteGranted: true })
    expect([server.server.role.type, server.ignored]).toEqual(['preCandidate', ['stale response']])
  })
})

describe('a leader', () => {
  it('steps down without a quorum, if it checks: after a whole election timeout in which nobody answered', () => {
    const leader = new Server([], { checkQuorum: true, electionTimeoutTicks: 10 }).lead().tick(10)
    expect(leader.tick(9).server.role.type).toBe('leader')
    expect(leader.tick().server.role.type).toBe('follower')
  })

  it('stays without a quorum, if it does not check', () => {
    expect(new Server([]).lead().tick(40).server.role.type).toBe('leader')
  })

  it('keeps leading while a quorum answers', () => {
    const leader = new Server([], { checkQuorum: true }).lead()
    for (let round = 0; round < 40; round++) leader.tick().acknowledge(n2, 0)
    expect(leader.server.role.type).toBe('leader')
  })

  it('does not count votes of an older term (xraft #33)', () => {
    const server = new Server([1]).do({ type: 'campaign' }).saved().do({ type: 'campaign' }).saved()
    server.hear(n2, { type: 'RequestVoteResponse', term: term(2), voteGranted: true })
    expect([server.server.role.type, server.ignored]).toEqual(['candidate', ['stale term']])
  })

  it.each([
    [true, 'noop'],
    [false, null],
  ] as const)('with noopOnElection %s appends %s', (noopOnElection, type) => {
    const leader = new Server([1], { noopOnElection }).lead()
    expect(leader.outputOf('save')[0]?.entries[0]?.type ?? null).toBe(type)
  })
})

it('nobody campaigns in spite of a leader that is heard, if quorums are checked', () => {
  const server = new Server([1], { checkQuorum: true }).hear(n2, append(1, [1, 1])).do({ type: 'campaign' })
  expect([server.server.role.type, server.ignored]).toEqual(['follower', ['leader is alive']])
})
