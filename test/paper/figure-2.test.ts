import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { birthSnapshot, initial } from '../../src/core/start.ts'
import { Server, THREE, append, command, n1, n2, n3 } from '../core/server.ts'
import { Cluster, s1, s2, s3 } from './cluster.ts'
import { chunk, requestVote, vote } from './rpcs.ts'

/* The lines of Figure 2 that the sections do not state, or state less exactly. */

describe('Figure 2, persistent state', () => {
  it('currentTerm starts at 0', () => {
    expect(initial({ id: n1, configuration: THREE }).server.currentTerm).toBe(0)
  })

  it('votedFor starts at nobody', () => {
    expect(initial({ id: n1, configuration: THREE }).server.votedFor).toBeNull()
  })

  it('the first index of the log is 1', () => {
    expect(new Server([]).lead().propose('x').outputOf('accepted')[0]?.firstIndex).toBe(1)
  })

  it('currentTerm survives a crash', () => {
    expect(new Cluster(3).campaign(s1).campaign(s2).crash(s3).restart(s3).server(s3).currentTerm).toBe(2)
  })

  it('votedFor survives a crash', () => {
    expect(new Cluster(3).campaign(s1).crash(s3).restart(s3).server(s3).votedFor).toBe(s1)
  })

  it('the log survives a crash', () => {
    expect(new Cluster(3).campaign(s1).propose(s1, 'a', 'b').crash(s3).restart(s3).terms(s3)).toEqual([1, 1])
  })

  it('a truncation survives a crash', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s1).propose(s1, 'lost', 'lost')
    cluster.connect(s2, s3).campaign(s2).propose(s2, 'kept').connect(s1, s2, s3).tick(2)
    expect(cluster.crash(s1).restart(s1).terms(s1)).toEqual([2])
  })
})

describe('Figure 2, what is answered is durable first:', () => {
  it.each([
    ['a vote', requestVote(5, [1, 1])],
    ['a newer term', requestVote(5, [0, 0])],
    ['an entry', append(1, [1, 1], [command(2, 1)])],
    ['a truncation', append(5, [0, 0], [command(1, 5)])],
    ['a newer term, told by a snapshot', chunk(2, { term: term(5) })],
  ])('%s', (_, rpc) => {
    const server = new Server([1]).hear(n2, rpc)
    expect([server.sends.length, server.promised.length]).toEqual([0, 1])
  })

  it('a candidate’s term and its vote for itself', () => {
    const server = new Server([1]).do({ type: 'campaign' })
    expect([server.sends.length, server.promised.length]).toEqual([0, 2])
  })

  it('the candidate’s own vote counts no earlier', () => {
    const server = new Server([1]).do({ type: 'campaign' }).hear(n2, vote(2))
    expect([server.server.role.type, server.saved().server.role.type]).toEqual(['candidate', 'leader'])
  })

  it('that an earlier save is durable says nothing about the candidate’s own vote', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)])).do({ type: 'campaign' })
    server.do({ type: 'saved', sequence: 1, lastIndex: index(2) }).hear(n2, vote(2))
    expect(server.server.role.type).toBe('candidate')
  })
})

describe('Figure 2, volatile state', () => {
  it('commitIndex and lastApplied start at 0', () => {
    const { server } = initial({ id: n1, configuration: THREE })
    expect([server.commitIndex, server.lastApplied]).toEqual([0, 0])
  })

  it('commitIndex and lastApplied start at 0 again after a crash, whatever the log holds', () => {
    const cluster = new Cluster(3).campaign(s1).propose(s1, 'a').tick().crash(s2).restart(s2)
    expect([cluster.server(s2).commitIndex, cluster.server(s2).lastApplied]).toEqual([0, 0])
  })

  it('matchIndex starts at 0', () => {
    const server = new Server([1, 1]).lead()
    expect([n2, n3].map((id) => server.progressOf(id).matchIndex)).toEqual([0, 0])
  })

  it('nextIndex and matchIndex start anew after every election', () => {
    const server = new Server([1]).lead().propose('x').acknowledge(n2, 2)
    server.hear(n3, vote(8, false)).lead()
    expect(server.progressOf(n2)).toMatchObject({ matchIndex: 0, nextIndex: 3 })
  })
})

describe('Figure 2, AppendEntries', () => {
  it('2: an entry before the new ones that matches is enough, whatever follows it', () => {
    const server = new Server([1, 1, 2]).hear(n2, append(3, [1, 1], [command(2, 3)]))
    expect(server.said('AppendEntriesResponse')[0]?.success).toBe(true)
  })

  it('3: a conflict at any of the new entries drops all that follow it, and nothing before', () => {
    const server = new Server([1, 1, 1, 1]).hear(n2, append(2, [1, 1], [command(2, 1), command(3, 2)]))
    expect(server.outputOf('save')).toMatchObject([{ truncateFrom: 3, lastIndex: 3 }])
  })

  it('3: without a conflict nothing is dropped', () => {
    const server = new Server([1, 1, 1, 1]).hear(n2, append(2, [1, 1], [command(2, 1)]))
    expect(server.state.log.lastIndex).toBe(4)
  })

  it('4: only the entries that are missing are appended', () => {
    const server = new Server([1, 1]).hear(
      n2,
      append(
        1,
        [0, 0],
        [1, 2, 3, 4].map((at) => command(at, 1)),
      ),
    )
    expect(server.outputOf('save')).toMatchObject([{ entries: [{ index: 3 }, { index: 4 }] }])
  })

  it.each([
    ['the leader’s commitIndex, when the new entries reach further', 2, 2],
    ['the last new entry, when the leader’s commitIndex is further', 9, 3],
  ])('5: commitIndex becomes %s', (_, leaderCommit, expected) => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1), command(3, 1)], leaderCommit))
    expect(server.server.commitIndex).toBe(expected)
  })

  it('5: the last new entry counts, not the last of the log', () => {
    expect(new Server([1, 1, 1]).hear(n2, append(2, [2, 1], [], 3)).server.commitIndex).toBe(2)
  })

  it('5: commitIndex does not fall with an older leaderCommit', () => {
    const server = new Server([1, 1]).hear(n2, append(1, [2, 1], [], 2)).hear(n2, append(1, [2, 1], [], 1))
    expect(server.server.commitIndex).toBe(2)
  })

  it('a refusal leaves commitIndex alone', () => {
    expect(new Server([1]).hear(n2, append(2, [2, 2], [], 2)).server.commitIndex).toBe(0)
  })

  it('may carry several entries', () => {
    const server = new Server([1]).lead().propose('a', 'b', 'c')
    expect(server.said('AppendEntries', n2).map(({ entries }) => entries.length)).toEqual([3])
  })

  it('names the leader', () => {
    expect(new Server([]).lead().said('AppendEntries', n2)).toMatchObject([{ leaderId: n1 }])
  })
})

describe('Figure 2, the election timer', () => {
  const elapsed = (server: Server): number => server.server.electionElapsedTicks

  it('starts again with AppendEntries of the current leader, also one that is refused', () => {
    expect(elapsed(new Server([1]).tick(9).hear(n2, append(1, [7, 1])))).toBe(0)
  })

  it('starts again with a vote granted', () => {
    expect(elapsed(new Server([1]).tick(9).hear(n2, requestVote(2, [1, 1])))).toBe(0)
  })

  it('runs on when a vote is refused', () => {
    expect(elapsed(new Server([1]).tick(9).hear(n2, requestVote(2, [0, 0])))).toBe(9)
  })

  it('runs on with AppendEntries of an earlier leader', () => {
    const server = new Server([1], {}, { hardState: { currentTerm: term(3), votedFor: null } })
    expect(elapsed(server.tick(9).hear(n2, append(2, [1, 1])))).toBe(9)
  })
})

describe('Figure 2, leaders', () => {
  it('send from nextIndex on, as far as the log goes', () => {
    const server = new Server([1, 1]).lead().acknowledge(n2, 1)
    expect(server.said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 1, entries: [{ index: 2 }] }])
  })

  it('move nextIndex and matchIndex with a success', () => {
    const server = new Server([1, 1]).lead().propose('x').acknowledge(n2, 3)
    expect(server.progressOf(n2)).toMatchObject({ matchIndex: 3, nextIndex: 4 })
  })

  it.each([
    ['everyone has everything', [3, 3, 3, 3], 3],
    ['a majority, the leader included, has 2', [2, 2, 0, 0], 2],
    ['only two have 3', [3, 1, 1, 0], 1],
    ['a majority has nothing', [3, 0, 0, 0], 0],
  ] as const)('commit the highest index of a majority: %s', (_, matches, expected) => {
    const five = birthSnapshot(configurationOf(['n1', 'n2', 'n3', 'n4', 'n5'].map(nodeId)))
    const server = new Server([], {}, { snapshot: five }).lead().hear(n3, vote(1)).propose('a', 'b', 'c').saved()
    for (const [at, match] of matches.entries()) server.acknowledge(nodeId(`n${at + 2}`), match)
    expect(server.server.commitIndex).toBe(expected)
  })
})
