import { describe, expect, it } from 'vitest'
import type { NodeId } from '../../src/core/ids.ts'
import { Server, append, command, n2, n3 } from '../core/server.ts'
import { Cluster, s1, s2, s3, s4, s5 } from './cluster.ts'
import { failure, requestVote } from './rpcs.ts'

describe('5.4.1 election restriction', () => {
  it('a candidate tells how far its log goes', () => {
    const server = new Server([1, 2, 2]).do({ type: 'campaign' })
    expect(server.said('RequestVote', n2)).toMatchObject([{ lastLogIndex: 3, lastLogTerm: 2 }])
  })

  it.each([
    ['ends in a later term, however short it is', [1, 3], true],
    ['ends in an earlier term, however long it is', [9, 1], false],
    ['ends in the same term and is longer', [4, 2], true],
    ['ends in the same term and is as long', [3, 2], true],
    ['ends in the same term and is shorter', [2, 2], false],
  ] as const)('a log that %s: granted %s', (_, last, granted) => {
    const server = new Server([1, 2, 2]).hear(n2, requestVote(5, last))
    expect(server.said('RequestVoteResponse')[0]?.voteGranted).toBe(granted)
  })

  it('a server without a committed entry cannot be elected, however often it tries', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s1, s2).propose(s1, 'x')
    cluster.connect(s2, s3).campaign(s3).campaign(s3).campaign(s3)
    expect([cluster.server(s1).commitIndex, cluster.leaders().includes(s3)]).toEqual([1, false])
  })

  it('a server that has only the committed entries can', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s1, s2).propose(s1, 'x')
    expect(cluster.connect(s2, s3).campaign(s2).leaders()).toContain(s2)
  })
})

describe('5.4.2 entries of earlier terms', () => {
  it('are not committed by counting, even when every server has them', () => {
    const server = new Server([1, 1]).lead().acknowledge(n2, 2).acknowledge(n3, 2)
    expect(server.server.commitIndex).toBe(0)
  })

  it('are committed with the first entry of the leader’s own term', () => {
    const server = new Server([1, 1]).lead().propose('x').saved()
    expect(server.acknowledge(n2, 3).server.commitIndex).toBe(3)
  })

  it('keep their term when a later leader replicates them', () => {
    const server = new Server([1, 2]).lead()
    server.hear(n2, failure(3, 2, [0, 0]))
    expect(server.said('AppendEntries', n2)[0]?.entries.map((entry) => entry.term)).toEqual([1, 2])
  })
})

/** Figure 8 (a): all have index 1; s1 leads term 2 and has put its index 2 on s2 only. */
const figure8a = (): Cluster => {
  const cluster = new Cluster(5).campaign(s2).propose(s2, 'one').tick().campaign(s1)
  return cluster.connect(s1, s2).propose(s1, 'two')
}

/** (b): s1 is down; s5 leads term 3 by the votes of s3 and s4, and puts another index 2 into its own log. */
const figure8b = (): Cluster =>
  figure8a().crash(s1).connect(s3, s4, s5).campaign(s5).connect(s5).propose(s5, 'another two')

/** (c): s5 is down; s1 is back, leads term 4 and brings its old index 2 to s3. Then it takes a new index 3, alone. */
const figure8c = (): Cluster => {
  const cluster = figure8b().crash(s5).restart(s1).connect(s1, s2, s3)
  // Its first try is in term 3, in which s3 voted for s5.
  return cluster.campaign(s1).campaign(s1).connect(s1).propose(s1, 'three')
}

/** (d): s1 is down before index 3 goes anywhere; s5 is back and leads. */
const figure8d = (): Cluster => {
  const cluster = figure8c().crash(s1).restart(s5).connect(s2, s3, s4, s5)
  // Its first try is in term 4, in which s2 and s3 voted for s1.
  return cluster.campaign(s5).campaign(s5)
}

/** (e): instead, s1 brings index 3 to s2 and s3 before it goes down; s5 is back and tries. */
const figure8e = (): Cluster => {
  const cluster = figure8c().connect(s1, s2, s3).tick(2).crash(s1).restart(s5).connect(s2, s3, s4, s5)
  return cluster.campaign(s5).campaign(s5).campaign(s5)
}

describe('5.4.2 Figure 8', () => {
  it('(a) s1 replicates index 2 to a minority', () => {
    const cluster = figure8a()
    expect(cluster.ids.map((id) => cluster.terms(id))).toEqual([[1, 2], [1, 2], [1], [1], [1]])
  })

  it('(b) s5 wins without s1 and s2, and takes another entry at index 2', () => {
    const cluster = figure8b()
    expect([cluster.leaders(), cluster.server(s5).currentTerm, cluster.terms(s5)]).toEqual([[s5], 3, [1, 3]])
  })

  it('(c) index 2 of term 2 comes to a majority', () => {
    const cluster = figure8c()
    expect([s1, s2, s3].map((id) => cluster.terms(id))).toEqual([
      [1, 2, 4],
      [1, 2],
      [1, 2],
    ])
  })

  it('(c) and is not committed all the same', () => {
    const cluster = figure8c()
    expect([cluster.leaders(), cluster.server(s1).currentTerm, cluster.server(s1).commitIndex]).toEqual([[s1], 4, 0])
  })

  it('(d) s5 may win, and overwrite index 2 everywhere', () => {
    const cluster = figure8d().restart(s1).connect(s1, s2, s3, s4, s5).tick(2)
    expect(cluster.ids.map((id) => cluster.terms(id))).toEqual(Array(5).fill([1, 3]))
  })

  it('(d) nobody has applied what was overwritten', () => {
    const cluster = figure8d().restart(s1).connect(s1, s2, s3, s4, s5).tick(2).propose(s5, 'three').tick()
    const commands = cluster.ids.map((id) => cluster.applied(id).map((entry) => 'command' in entry && entry.command))
    expect(commands).toEqual(Array(5).fill(['one', 'another two', 'three']))
  })

  it('(e) with index 3 of its own term on a majority, index 2 is committed', () => {
    expect(figure8c().connect(s1, s2, s3).tick(2).server(s1).commitIndex).toBe(3)
  })

  it('(e) then s5 cannot win', () => {
    expect(figure8e().leaders()).toEqual([])
  })

  it('(e) and whoever wins has both', () => {
    const cluster = figure8e().campaign(s3)
    expect([cluster.leaders(), cluster.terms(s3)]).toEqual([[s3], [1, 2, 4]])
  })
})

/** All majorities of the five servers. */
const MAJORITIES: readonly (readonly NodeId[])[] = Array.from({ length: 32 }, (_, bits) =>
  [s1, s2, s3, s4, s5].filter((_id, at) => (bits >> at) % 2 === 1),
).filter((some) => some.length >= 3)

/** Index 1 is committed by s1, s2 and s3; then one server of a majority campaigns within it. */
const afterCommit = (voters: readonly NodeId[], candidate: NodeId): Cluster => {
  const cluster = new Cluster(5).campaign(s1).connect(s1, s2, s3).propose(s1, 'x')
  cluster.connect(...voters)
  if (candidate !== s1) cluster.campaign(candidate)
  return cluster
}

describe('5.4.3 leader completeness', () => {
  it('a committed entry is in the log of every leader that any majority can elect', () => {
    const elections = MAJORITIES.flatMap((voters) => voters.map((candidate) => [voters, candidate] as const))
    const without = elections.filter(([voters, candidate]) => {
      const cluster = afterCommit(voters, candidate)
      return cluster.leaders().includes(candidate) && cluster.terms(candidate)[0] !== 1
    })
    expect([elections.length, without]).toEqual([55, []])
  })

  it('every majority can elect somebody', () => {
    const stuck = MAJORITIES.filter(
      (voters) => !voters.some((candidate) => afterCommit(voters, candidate).leaders().includes(candidate)),
    )
    expect(stuck).toEqual([])
  })

  it('a voter took the entry before it voted: after its vote it refuses the older leader', () => {
    const server = new Server([1]).hear(n3, requestVote(2, [1, 1], n3)).saved()
    const said = server.hear(n2, append(1, [1, 1], [command(2, 1)])).said('AppendEntriesResponse')
    expect([said[0]?.success, server.state.log.lastIndex]).toEqual([false, 1])
  })

  it('so an older leader can commit nothing any more, once a majority voted for another', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s2, s3).campaign(s2)
    // s1 does not know yet; its own requests are what tells it.
    cluster
      .connect(s1, s2, s3)
      .do(s1, { type: 'propose', id: 0, commands: ['late'] })
      .deliver()
    expect([cluster.leaders(), cluster.ids.flatMap((id) => cluster.applied(id))]).toEqual([[s2], []])
  })

  it('servers apply the same entry at the same index (State Machine Safety)', () => {
    const cluster = new Cluster(3).campaign(s1).propose(s1, 'a').connect(s1).propose(s1, 'lost')
    cluster.connect(s2, s3).campaign(s2).propose(s2, 'b').connect(s1, s2, s3).tick(2)
    const commands = cluster.ids.map((id) => cluster.applied(id).map((entry) => 'command' in entry && entry.command))
    expect(commands).toEqual(Array(3).fill(['a', 'b']))
  })
})
