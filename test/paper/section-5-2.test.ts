import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import { birthSnapshot, initial } from '../../src/core/start.ts'
import { Server, THREE, append, n1, n2, n3 } from '../core/server.ts'
import { Cluster, s1, s2 } from './cluster.ts'
import { requestVote, vote } from './rpcs.ts'

/** n1 of a cluster of so many servers, with an empty log. */
const oneOf = (size: number): Server => {
  const ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
  return new Server([], {}, { snapshot: birthSnapshot(configurationOf(ids)) })
}

const candidate = (size = 3): Server => oneOf(size).do({ type: 'campaign' }).saved()

/** Ticks until the server begins an election. */
const ticksToElection = (server: Server): number => {
  const { currentTerm } = server.server
  let ticks = 0
  while (server.server.currentTerm === currentTerm && ticks < 1000) {
    server.tick()
    ticks++
  }
  return ticks
}

describe('5.2 followers', () => {
  it('every server starts as one', () => {
    expect(initial({ id: n1, configuration: THREE }).server.role.type).toBe('follower')
  })

  it('remain so while a leader is heard', () => {
    const server = new Server([1])
    for (let at = 0; at < 20; at++) server.tick(9).hear(n2, append(1, [1, 1]))
    expect([server.server.role.type, server.server.currentTerm]).toEqual(['follower', 1])
  })

  it('remain so while they grant votes', () => {
    const server = new Server([1])
    for (let at = 2; at < 20; at++) server.tick(9).hear(n2, requestVote(at, [1, 1]))
    expect([server.server.role.type, server.server.currentTerm]).toEqual(['follower', 19])
  })

  it('that hear nobody for an election timeout begin an election', () => {
    expect(new Server([1]).tick(20).server).toMatchObject({ role: { type: 'candidate' }, currentTerm: 2 })
  })
})

describe('5.2 a leader', () => {
  it('sends heartbeats to everyone, time and again', () => {
    const server = new Server([], { heartbeatTicks: 3 }).lead()
    const sent = Array.from({ length: 6 }, () =>
      server
        .tick()
        .said('AppendEntries')
        .map(({ entries }) => entries.length),
    )
    expect(sent).toEqual([[], [], [0, 0], [], [], [0, 0]])
  })

  it('tells everyone at once that it was elected', () => {
    const server = candidate().hear(n2, vote(1))
    expect(server.sends.map(({ to, rpc }) => [to, rpc.type])).toEqual([
      [n2, 'AppendEntries'],
      [n3, 'AppendEntries'],
    ])
  })
})

describe('5.2 to begin an election, a server', () => {
  it('goes to the next term and becomes a candidate', () => {
    const { server } = new Server([3]).do({ type: 'campaign' })
    expect([server.currentTerm, server.role.type]).toEqual([4, 'candidate'])
  })

  it('votes for itself', () => {
    expect(new Server([3]).do({ type: 'campaign' }).server.votedFor).toBe(n1)
  })

  it('asks all others side by side', () => {
    const asked = oneOf(5).do({ type: 'campaign' }).promised
    expect(asked.map(({ to, rpc }) => [to, rpc.type])).toEqual(
      ['n2', 'n3', 'n4', 'n5'].map((id) => [id, 'RequestVote']),
    )
  })
})

describe('5.2 a candidate', () => {
  it.each([
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
  ])('of %d servers wins by %d votes besides its own, not by fewer', (size, needed) => {
    const server = candidate(size)
    const roles = Array.from({ length: needed }, (_, at) => {
      const before = server.server.role.type
      return [before, server.hear(nodeId(`n${at + 2}`), vote(1)).server.role.type]
    })
    expect(roles.flat()).toEqual([...Array<string>(2 * needed - 1).fill('candidate'), 'leader'])
  })

  it('does not win by refusals', () => {
    expect(candidate(5).hear(n2, vote(1, false)).hear(n3, vote(1, false)).server.role.type).toBe('candidate')
  })

  it('does not count votes of servers outside the cluster', () => {
    expect(candidate(3).hear(nodeId('stranger'), vote(1)).server.role.type).toBe('candidate')
  })

  it('does not add up votes of two terms', () => {
    const server = candidate(5).hear(n2, vote(1)).do({ type: 'campaign' }).saved()
    expect(server.hear(n3, vote(2)).server.role.type).toBe('candidate')
  })

  it('that hears a leader of its term follows it', () => {
    const { server } = candidate().hear(n2, append(1, [0, 0]))
    expect([server.role.type, server.leaderId]).toEqual(['follower', n2])
  })

  it('that hears a leader of an older term refuses it, and goes on', () => {
    const server = new Server([3]).do({ type: 'campaign' }).saved()
    const said = server.hear(n2, append(3, [1, 3])).said('AppendEntriesResponse')
    expect([server.server.role.type, said[0]?.success]).toEqual(['candidate', false])
  })

  it('that neither wins nor loses begins another election, in the next term', () => {
    const server = candidate()
    const asked = Array.from({ length: 20 }, () => server.tick().said('RequestVote')).flat()
    expect(asked).toMatchObject([{ term: 2 }, { term: 2 }])
  })
})

describe('5.2 a vote', () => {
  it('goes to the first who asks, and to nobody else in that term', () => {
    const server = new Server([1]).hear(n3, requestVote(2, [1, 1], n3)).saved()
    expect(server.hear(n2, requestVote(2, [9, 1])).said('RequestVoteResponse')[0]?.voteGranted).toBe(false)
  })

  it('is free again in the next term', () => {
    const server = new Server([1]).hear(n3, requestVote(2, [1, 1], n3)).saved()
    expect(server.hear(n2, requestVote(3, [1, 1])).said('RequestVoteResponse')[0]?.voteGranted).toBe(true)
  })

  it('is not taken back by a candidate that follows', () => {
    const server = candidate()
      .hear(n2, append(1, [0, 0]))
      .saved()
    expect(server.hear(n3, requestVote(1, [9, 1], n3)).said('RequestVoteResponse')[0]?.voteGranted).toBe(false)
  })
})

describe('5.2 election timeouts', () => {
  const firstTimeouts = Array.from({ length: 200 }, (_, seed) => ticksToElection(new Server([1], {}, { seed })))

  it('lie in a fixed interval', () => {
    expect([Math.min(...firstTimeouts), Math.max(...firstTimeouts)]).toEqual([10, 19])
  })

  it('are spread over all of it', () => {
    const counts = Array.from({ length: 10 }, (_, at) => firstTimeouts.filter((ticks) => ticks === 10 + at).length)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(8)
  })

  it('differ from server to server', () => {
    const ticks = ['n1', 'n2', 'n3', 'n4', 'n5'].map((id) =>
      ticksToElection(new Server([1], { electionTimeoutTicks: 50 }, { id: nodeId(id) })),
    )
    expect(new Set(ticks).size).toBeGreaterThanOrEqual(4)
  })

  it('are drawn anew for every election', () => {
    const server = candidate()
    expect(new Set(Array.from({ length: 12 }, () => ticksToElection(server))).size).toBeGreaterThanOrEqual(4)
  })

  it('begin again with an election: a candidate waits a whole one', () => {
    const waits = Array.from({ length: 20 }, (_, seed) =>
      ticksToElection(new Server([1], {}, { seed }).tick(9).do({ type: 'campaign' })),
    )
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(10)
  })

  it('let one server win before others time out, nearly always', () => {
    const cleanly = Array.from({ length: 40 }, (_, seed) => {
      const cluster = new Cluster(5, { electionTimeoutTicks: 50 }, seed).tick(100)
      return cluster.leaders().length === 1 && cluster.server(s1).currentTerm === 1
    })
    expect(cleanly.filter((once) => once).length).toBeGreaterThanOrEqual(34)
  })

  it('resolve split votes, when they happen', () => {
    const unresolved = Array.from({ length: 40 }, (_, seed) => {
      // So short a timeout that several servers often campaign in the same tick.
      const cluster = new Cluster(5, { electionTimeoutTicks: 3 }, seed).tick(60)
      return cluster.leaders().length
    }).filter((leaders) => leaders !== 1)
    expect(unresolved).toEqual([])
  })
})

it('of two candidates in one term the one that loses follows the other (5.2)', () => {
  const cluster = new Cluster(3).do(s1, { type: 'campaign' }).do(s2, { type: 'campaign' })
  // s3 hears s1 first; s2's request comes too late.
  cluster.deliver()
  expect([cluster.leaders(), cluster.server(s2).leaderId, cluster.server(s2).currentTerm]).toEqual([[s1], s1, 1])
})
