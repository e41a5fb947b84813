import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import { birthSnapshot } from '../../src/core/start.ts'
import { Server, append, command, n2 } from '../core/server.ts'
import { Cluster, s1, s2, s3 } from './cluster.ts'
import { chunk, requestVote, vote } from './rpcs.ts'

/** s1 leads term 1, and has had one command committed everywhere. */
const elected = (): Cluster => new Cluster(3).campaign(s1).propose(s1, 'a').tick()

describe('5.5 a crash', () => {
  it('of a follower is waited out: once it is back, the RPCs succeed', () => {
    const cluster = elected().crash(s3).propose(s1, 'b').tick(4).restart(s3).tick(2)
    expect([cluster.terms(s3), cluster.applied(s3).length]).toEqual([[1, 1], 2])
  })

  it('of a follower stops nobody else', () => {
    expect(elected().crash(s3).propose(s1, 'b').applied(s1).length).toBe(2)
  })

  it('of a candidate is waited out: once it is back, it hears the leader', () => {
    const cluster = elected().connect(s1, s2).campaign(s3).crash(s3).restart(s3)
    // It is a term ahead, which ends the leader's; without pre-vote that is how a server comes back.
    cluster.connect(s1, s2, s3).tick(1).campaign(s1).tick(1)
    expect([cluster.leaders(), cluster.server(s3).leaderId]).toEqual([[s1], s1])
  })

  it('of the leader leaves a follower behind: that is what it comes back as', () => {
    expect(elected().crash(s1).restart(s1).server(s1).role.type).toBe('follower')
  })

  it('before entries are durable: nothing was acknowledged, and they come again', () => {
    const cluster = elected()
    cluster.savesAtOnce = false
    cluster
      .do(s1, { type: 'propose', id: 0, commands: ['b'] })
      .save(s1)
      .deliver()
    expect([cluster.flight.length, cluster.server(s1).commitIndex]).toEqual([0, 1])
    cluster.savesAtOnce = true
    cluster.crash(s2).restart(s2).tick(2)
    expect([cluster.terms(s2), cluster.server(s1).commitIndex]).toEqual([[1, 1], 2])
  })
})

describe('5.5 a crash between the deed and the answer', () => {
  it('of AppendEntries: the same request comes again, and harms nothing', () => {
    const cluster = elected().connect(s1, s2)
    cluster.savesAtOnce = false
    cluster
      .do(s1, { type: 'propose', id: 0, commands: ['b'] })
      .save(s1)
      .deliver()
    cluster.write(s2).crash(s2).restart(s2)
    expect([cluster.terms(s2), cluster.server(s1).commitIndex]).toEqual([[1, 1], 1])
    cluster.savesAtOnce = true
    cluster.tick(2)
    expect([cluster.terms(s2), cluster.server(s1).commitIndex]).toEqual([[1, 1], 2])
  })

  it('of RequestVote: the candidate asks again, and has the vote it was given', () => {
    const cluster = new Cluster(3).connect(s1, s2)
    cluster.savesAtOnce = false
    cluster.do(s1, { type: 'campaign' }).save(s1).deliver()
    cluster.write(s2).crash(s2).restart(s2)
    cluster.do(s2, { type: 'receive', from: s1, rpc: requestVote(1, [0, 0], s1) }).deliver()
    expect(cluster.leaders()).toEqual([s1])
  })

  it('of RequestVote: another candidate is refused all the same', () => {
    const cluster = new Cluster(3).connect(s1, s2)
    cluster.savesAtOnce = false
    cluster.do(s1, { type: 'campaign' }).save(s1).deliver()
    cluster.write(s2).crash(s2).restart(s2)
    cluster.do(s2, { type: 'receive', from: s3, rpc: requestVote(1, [9, 1], s3) })
    expect(cluster.flight.at(-1)).toMatchObject({ to: s3, rpc: { voteGranted: false } })
  })
})

describe('5.5 the same RPC twice', () => {
  it('a heartbeat changes nothing', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1]))
    const before = server.state
    expect(server.hear(n2, append(1, [1, 1])).state).toEqual(before)
  })

  it('AppendEntries with entries that are there saves nothing', () => {
    const server = new Server([1, 1]).hear(n2, append(1, [1, 1], [command(2, 1)]))
    expect(server.outputOf('save')).toEqual([])
  })

  it('AppendEntries with entries that are there succeeds', () => {
    const server = new Server([1, 1]).hear(n2, append(1, [1, 1], [command(2, 1)]))
    expect(server.said('AppendEntriesResponse')).toMatchObject([{ success: true, matchIndex: 2 }])
  })

  it('AppendEntries that is overtaken takes back none of what came after it', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1), command(3, 1)], 3)).saved()
    server.hear(n2, append(1, [1, 1], [command(2, 1)], 1))
    expect([server.state.log.lastIndex, server.server.commitIndex]).toEqual([3, 3])
  })

  it('RequestVote is granted twice', () => {
    const server = new Server([1]).hear(n2, requestVote(2, [1, 1])).saved()
    expect(server.hear(n2, requestVote(2, [1, 1])).said('RequestVoteResponse')[0]?.voteGranted).toBe(true)
  })

  it('a vote counts once', () => {
    const five = birthSnapshot(configurationOf(['n1', 'n2', 'n3', 'n4', 'n5'].map(nodeId)))
    const server = new Server([], {}, { snapshot: five }).do({ type: 'campaign' }).saved()
    expect(server.hear(n2, vote(1)).hear(n2, vote(1)).server.role.type).toBe('candidate')
  })

  it('an acknowledgement, or one that comes late, changes nothing', () => {
    const server = new Server([]).lead().propose('x', 'y').saved().acknowledge(n2, 2)
    const once = server.progressOf(n2)
    expect(server.acknowledge(n2, 2).acknowledge(n2, 1).progressOf(n2)).toEqual(once)
  })

  it('InstallSnapshot writes a chunk once', () => {
    const server = new Server([1]).hear(n2, chunk(0))
    server.do({ type: 'objectSaved', transferId: 1, objectId: 0, nextObjectId: 1 })
    expect(server.hear(n2, chunk(0)).outputOf('saveObject')).toEqual([])
  })

  it('InstallSnapshot of what is in force leaves the state machine alone', () => {
    const server = new Server([1, 2, 2, 2, 2, 2]).hear(n2, append(2, [6, 2], [], 6)).hear(n2, chunk(0))
    expect([server.outputOf('installSnapshot'), server.outputOf('saveObject'), server.server.commitIndex]).toEqual([
      [],
      [],
      6,
    ])
  })
})
