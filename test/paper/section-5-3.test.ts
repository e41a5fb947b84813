import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { entryAt, slice } from '../../src/core/log/log.ts'
import { birthSnapshot } from '../../src/core/start.ts'
import { Server, append, command, n1, n2, n3 } from '../core/server.ts'
import { Cluster, s1, s2, s3 } from './cluster.ts'
import { failure, vote } from './rpcs.ts'

const [n4, n5] = [nodeId('n4'), nodeId('n5')]
const FIVE = birthSnapshot(configurationOf([n1, n2, n3, n4, n5]))
const leaderOfFive = (...terms: readonly number[]): Server => {
  const server = new Server(terms, {}, { snapshot: FIVE }).lead()
  return server.hear(n3, vote(server.server.currentTerm))
}

const entriesOf = ({ state: { log } }: Server): readonly Entry[] => slice(log, index(1), log.lastIndex)
const indicesOf = (entries: readonly Entry[]): readonly number[] => entries.map((entry) => entry.index)

/** s1 leads term 1; all logs are empty. */
const elected = (size = 3): Cluster => new Cluster(size).campaign(s1)

describe('5.3 a client’s command', () => {
  it('becomes the last entry of the leader’s log', () => {
    const { log } = new Server([1]).lead().propose('x').state
    expect(entryAt(log, log.lastIndex)).toMatchObject({ type: 'command', command: 'x' })
  })

  it('is stored with the leader’s term and its place in the log', () => {
    const { log } = new Server([1]).lead().propose('x').state
    expect(entryAt(log, log.lastIndex)).toMatchObject({ index: 2, term: 2 })
  })

  it('goes to all other servers side by side', () => {
    const sent = leaderOfFive().propose('x').sends
    expect(sent.map(({ to, rpc }) => [to, rpc.type])).toEqual([n2, n3, n4, n5].map((id) => [id, 'AppendEntries']))
  })

  it('is not applied before it is replicated', () => {
    expect(elected().connect(s1).propose(s1, 'x').tick(5).applied(s1)).toEqual([])
  })

  it('is applied by the leader once it is', () => {
    expect(elected().propose(s1, 'x').applied(s1)).toMatchObject([{ command: 'x' }])
  })

  it('is sent again until every server has it, long after it is committed', () => {
    const cluster = elected().connect(s1, s2).propose(s1, 'x').propose(s1, 'y')
    // Too short for s3 to call an election: that would be another rule.
    for (let at = 0; at < 8; at++) cluster.tick()
    cluster.connect(...cluster.ids).tick()
    expect([cluster.applied(s1).length, cluster.terms(s3)]).toEqual([2, [1, 1]])
  })

  it('waits for no slow minority', () => {
    expect(elected().connect(s1, s2).propose(s1, 'x').applied(s1).length).toBe(1)
  })

  it('takes one round of RPCs to be committed', () => {
    const cluster = elected().do(s1, { type: 'propose', id: 0, commands: ['x'] })
    const requests = cluster.flight.length
    for (let at = 0; at < requests; at++) cluster.deliverAt(0)
    // What is on the way now are the answers; one of them makes a majority.
    cluster.deliverAt(0)
    expect([requests, cluster.server(s1).commitIndex]).toEqual([2, 1])
  })
})

describe('5.3 an entry is committed', () => {
  it('once the leader that made it has it on a majority, not earlier', () => {
    const server = leaderOfFive().propose('x').saved()
    const commits = [n2, n3].map((id) => server.acknowledge(id, 1).server.commitIndex)
    expect(commits).toEqual([0, 1])
  })

  it('together with all before it, those of earlier leaders too', () => {
    const server = leaderOfFive(1, 2, 2).propose('x').saved()
    server.acknowledge(n2, 4).acknowledge(n3, 4)
    expect(indicesOf(server.outputOf('apply')[0]?.entries ?? [])).toEqual([1, 2, 3, 4])
  })

  it('and the leader tells so with all it sends from then on, heartbeats too', () => {
    const server = new Server([]).lead().propose('x').saved().acknowledge(n2, 1)
    expect(server.tick().said('AppendEntries', n2)).toMatchObject([{ entries: [], leaderCommit: 1 }])
  })

  it('and a follower applies it once it learns of that', () => {
    const server = new Server([1, 1]).hear(n2, append(1, [2, 1], [], 2))
    expect(indicesOf(server.outputOf('apply')[0]?.entries ?? [])).toEqual([1, 2])
  })

  it('and every server applies in the order of the log, each entry once', () => {
    const cluster = elected().propose(s1, 'a').propose(s1, 'b', 'c').tick().propose(s1, 'd').tick()
    expect(cluster.ids.map((id) => indicesOf(cluster.applied(id)))).toEqual(Array(3).fill([1, 2, 3, 4]))
  })
})

describe('5.3 the leader’s own log', () => {
  it('gets one entry for each index, and none ever moves', () => {
    const server = new Server([1]).lead().propose('a')
    const before = entriesOf(server)
    server.propose('b', 'c').propose('d')
    const after = entriesOf(server)
    expect([indicesOf(after), after.slice(0, 2)]).toEqual([[1, 2, 3, 4, 5], before])
  })

  it('is never overwritten, whatever a peer sends', () => {
    const server = new Server([1, 1]).lead().propose('a')
    server.hear(n2, { ...append(2, [0, 0], [command(1, 2)]) })
    server.hear(n3, failure(2, 2, [0, 0]))
    expect(entriesOf(server).map((entry) => entry.term)).toEqual([1, 1, 2])
  })
})

describe('5.3 consistency check', () => {
  it('the leader names the entry before the new ones', () => {
    const server = new Server([1, 2]).lead()
    expect(server.propose('x').said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 2, prevLogTerm: 2 }])
  })

  it.each([
    ['its log is too short', [1], [2, 1]],
    ['it has an entry of another term there', [1, 1], [2, 2]],
    ['it has an entry of a later term there', [1, 3], [2, 2]],
  ] as const)('a follower refuses when %s', (_, terms, prev) => {
    const server = new Server(terms, {}, { hardState: { currentTerm: term(3), votedFor: null } })
    expect(server.hear(n2, append(3, prev, [command(3, 3)])).said('AppendEntriesResponse')[0]?.success).toBe(false)
  })

  it('a refusal leaves the log as it is', () => {
    const server = new Server([1, 1]).hear(n2, append(3, [2, 2], [command(3, 3)]))
    expect(entriesOf(server).map((entry) => entry.term)).toEqual([1, 1])
  })

  it('it holds for the start of every log', () => {
    const server = new Server([]).hear(n2, append(3, [0, 0], [command(1, 3)]))
    expect(server.said('AppendEntriesResponse')[0]?.success).toBe(true)
  })

  it('success tells the leader that the logs agree up to the new entries', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(2, [1, 1], [command(2, 2)]))
    // Index 3 fell with the conflict at 2; what lies after the new entries would not be vouched for either way.
    expect(server.said('AppendEntriesResponse')[0]).toMatchObject({ success: true, matchIndex: 2 })
  })

  it('success vouches for nothing beyond the new entries', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(2, [1, 1]))
    expect(server.said('AppendEntriesResponse')[0]).toMatchObject({ success: true, matchIndex: 1 })
  })
})

/** Lets a leader and one follower talk until they agree; returns how often the follower refused. */
const converge = (leader: Server, follower: Server): number => {
  let refusals = 0
  for (let trip = 0; trip < 30 && leader.progressOf(n2).matchIndex < leader.state.log.lastIndex; trip++) {
    const [rpc] = leader.said('AppendEntries', n2)
    if (rpc === undefined) throw new Error('the leader says nothing')
    const [answer] = follower.hear(n1, rpc).said('AppendEntriesResponse')
    follower.saved()
    if (answer === undefined) throw new Error('the follower says nothing')
    if (!answer.success) refusals++
    leader.hear(n2, answer)
  }
  return refusals
}

const leading = (terms: readonly number[], inTerm: number): Server =>
  new Server(terms, {}, { hardState: { currentTerm: term(inTerm - 1), votedFor: null } }).lead()

describe('5.3 nextIndex', () => {
  it('starts right after the leader’s last entry', () => {
    const server = leading([1, 1, 2], 4)
    expect([n2, n3].map((id) => server.progressOf(id))).toMatchObject([{ nextIndex: 4 }, { nextIndex: 4 }])
  })

  it('falls with a refusal, and the leader tries again at once', () => {
    const server = leading([1, 1, 2], 4).hear(n2, failure(4, 3, [2, 1]))
    expect(server.said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 2, entries: [{ index: 3 }] }])
  })

  it('skips a whole term at a time: as many refusals as terms in conflict', () => {
    const follower = new Server([1, 2, 2, 2, 2, 3, 3, 3, 3], {}, { id: n2 })
    expect(converge(leading([1, 4, 4, 4, 4, 4, 4, 4, 4], 5), follower)).toBeLessThanOrEqual(2)
  })
})

/** Figure 7: the leader of term 8, and what its followers may hold. */
const LEADER = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
const FIGURE_7: readonly (readonly [string, readonly number[]])[] = [
  ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
  ['b', [1, 1, 1, 4]],
  ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
  ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
  ['e', [1, 1, 1, 4, 4, 4, 4]],
  ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
]

describe('5.3 a new leader', () => {
  it.each(FIGURE_7)('makes log %s of Figure 7 (%j) equal to its own', (_, terms) => {
    const leader = leading(LEADER, 8).propose('x')
    const follower = new Server(terms, {}, { id: n2 })
    converge(leader, follower)
    expect(entriesOf(follower).map((entry) => entry.term)).toEqual([...LEADER, 8])
  })

  it('takes no special action when it comes to power: it writes nothing', () => {
    expect(leading([1, 1, 2], 4).outputOf('save')).toEqual([])
  })
})

it('logs that hold the same index and term hold the same entries up to it (5.3, Log Matching)', () => {
  const cluster = elected().connect(s1).propose(s1, 'lost').propose(s1, 'lost too')
  // s1 keeps its two entries of term 1; s2 makes others in term 2, and s1 comes back.
  cluster.connect(s2, s3).campaign(s2).propose(s2, 'kept').connect(s1, s2, s3).tick(2)
  const logs = cluster.ids.map((id) => slice(cluster.log(id), index(1), cluster.log(id).lastIndex))
  expect(logs).toEqual(Array(3).fill([expect.objectContaining({ index: 1, term: 2, command: 'kept' })]))
})
