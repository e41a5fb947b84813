import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { Server, n1, n2, n3, snapshotAt } from '../core/server.ts'
import { failure, snapshotAnswer } from '../paper/rpcs.ts'
import { begin, commands, leader, read, taken, transferOf } from './support.ts'
import { World } from './world.ts'

/* Lessons about the leader that sends a snapshot. */

/** It gives up after 12 ticks: by then the follower counts as silent. */
const TRIES = { snapshotObjectTimeoutTicks: 6, snapshotRetriesMax: 1 }

describe('4', () => {
  it('4: a follower that dies in the middle is probed, and sent a snapshot when it is heard of again (etcd #10225)', () => {
    const server = read(taken(read(begin(leader(TRIES)), 0, 1)), 1, null)
    const { transferId } = transferOf(server)
    for (let round = 0; round < 2; round++) {
      server.tick(6)
      if (server.progressOf(n2).mode === 'snapshot') read(server, 1, null)
    }
    expect([server.progressOf(n2).mode, server.outputOf('transferEnded')]).toMatchObject([
      'probe',
      [{ to: n2, transferId, outcome: 'abandoned' }],
    ])
    // As long as it is silent it gets heartbeats, and holds up nothing.
    expect(server.tick().said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 4, entries: [] }])
    expect([server.tick(20).outputOf('readObject'), server.progressOf(n2).mode]).toEqual([[], 'probe'])
    expect(begin(server).outputOf('readObject')).toMatchObject([{ to: n2, objectId: 0 }])
    expect(transferOf(server).transferId).not.toBe(transferId)
  })

  it('4: a cluster goes on without it, lets the log go, and has it back in the end', () => {
    const world = new World(4)
    const late = world.withoutOne()
    world.write(30).restart(late)
    const sent = world.untilMidTransfer(late)
    world.crash(late)
    expect(world.runUntil(() => world.progressOf(late)?.mode === 'probe', 20_000)).toBe(true)
    world.write(20)
    const leads = world.elect()
    expect(world.replica(leads)?.raft.log.baseIndex).toBeGreaterThan(sent.lastIncludedIndex)
    expect(world.captured(leads, sent)).toBeNull()
    world.restart(late)
    world.advance(3_000)
    expect(world.contents(late)).toEqual(world.written)
  })
})

describe('5', () => {
  it.each([5, 7, 8])(
    '5: an acknowledgement of %i, which is in the log, ends the transfer of a snapshot at 8 (etcd-io/raft #84, #110)',
    (at) => {
      const server = begin(leader())
      expect(transferOf(server).snapshot.lastIncludedIndex).toBe(8)
      server.propose('x').acknowledge(n2, at)
      expect(server.progressOf(n2)).toMatchObject({ mode: 'replicate', matchIndex: at })
      expect(server.said('AppendEntries', n2)[0]).toMatchObject({ prevLogIndex: at, entries: { length: 9 - at } })
      expect(server.outputOf('transferEnded')).toHaveLength(1)
    },
  )

  it('5: so does the log’s base, and so does an older snapshot that the follower has put in force', () => {
    expect(begin(leader()).acknowledge(n2, 4).progressOf(n2)).toMatchObject({ mode: 'replicate', nextIndex: 9 })
    const server = begin(leader()).hear(n2, snapshotAnswer(2, { status: 'installed', installedIndex: index(6) }))
    expect(server.progressOf(n2)).toMatchObject({ mode: 'replicate', matchIndex: 6 })
  })

  it('5: one below the log’s base does not, as nothing could follow', () => {
    expect(begin(leader()).acknowledge(n2, 3).progressOf(n2).mode).toBe('snapshot')
  })
})

describe('6', () => {
  it('6: after a full snapshot an idle follower is replicated to, and stays so (etcd #10308)', () => {
    const server = read(begin(leader()), 0, null)
    const { transferId } = transferOf(server)
    server.hear(n2, snapshotAnswer(2, { transferId, status: 'installing' }))
    server.hear(n2, snapshotAnswer(2, { transferId, status: 'installed', installedIndex: index(8) }))
    expect(server.progressOf(n2)).toMatchObject({ mode: 'replicate', matchIndex: 8, nextIndex: 9 })
    for (let round = 0; round < 30; round++) server.tick().acknowledge(n2, 8, round)
    expect(server.progressOf(n2).mode).toBe('replicate')
    // Two messages without waiting in between is what probing does not do.
    expect(server.propose('x').said('AppendEntries', n2)).toHaveLength(1)
    expect(server.propose('y').said('AppendEntries', n2)).toHaveLength(1)
  })
})

describe('14', () => {
  it('14: a leader without any entry, which knows nothing of its followers, sends its snapshot (openraft #1828)', () => {
    const purged = { snapshot: snapshotAt(4, 1), hardState: { currentTerm: term(1), votedFor: null } }
    const server = new Server([], {}, purged).lead()
    expect(server.state.log).toMatchObject({ baseIndex: 4, lastIndex: 4 })
    expect(server.progressOf(n3)).toMatchObject({ mode: 'probe', matchIndex: 0, nextIndex: 5 })
    for (const [from, conflict] of [
      [n2, [0, 0]],
      [n3, [3, 1]],
    ] as const) {
      server.hear(from, failure(2, 4, conflict))
      expect(server.outputOf('readObject')).toMatchObject([{ to: from, snapshot: { lastIncludedIndex: 4 } }])
    }
  })
})

describe('15', () => {
  /** It has applied up to 12 and takes a snapshot there, while the one at 8 is on its way. */
  const overtaken = (options = {}): Server => {
    const server = begin(leader({ trailingEntries: 0, ...options }))
      .propose('a', 'b', 'c', 'd')
      .saved()
    server.acknowledge(n3, 12).do({ type: 'applied', index: index(12) })
    return server.do({ type: 'snapshotTaken', index: index(12) })
  }

  it.each([{}, { snapshotBytes: 1 }])(
    '15: the log after a snapshot in transit stays until that has arrived, options %j (openraft #1706, braft #528)',
    (options) => {
      const server = overtaken(options)
      expect([server.server.snapshot.lastIncludedIndex, server.state.log.baseIndex]).toEqual([12, 8])
      const { transferId } = transferOf(server)
      server.hear(n2, snapshotAnswer(2, { transferId, status: 'installed', installedIndex: index(8) }))
      // No second snapshot: entries.
      expect([server.outputOf('readObject'), server.said('AppendEntries', n2)]).toMatchObject([
        [],
        [{ prevLogIndex: 8, entries: { length: 4 } }],
      ])
    },
  )

  it('15: what it pins goes with the next snapshot once the transfer is over', () => {
    const server = overtaken().acknowledge(n2, 12).propose('e').saved().acknowledge(n3, 13)
    server.do({ type: 'applied', index: index(13) }).do({ type: 'snapshotTaken', index: index(13) })
    expect(server.state.log.baseIndex).toBe(13)
  })

  it('15, 16: one transfer is enough for a slow receiver, however many snapshots are taken meanwhile (NuRaft #212)', () => {
    const world = new World(7, { snapshotObjectTimeoutTicks: 1_000 })
    const late = world.withoutOne()
    world.write(30).restart(late)
    const sent = world.untilMidTransfer(late)
    const leads = world.elect()
    const then = world.captured(leads, sent)
    world.pause(late)
    world.write(25)
    const { snapshot } = world.replica(leads)?.raft.server ?? {}
    expect(snapshot?.lastIncludedIndex).toBeGreaterThanOrEqual(sent.lastIncludedIndex + 20)
    expect(world.replica(leads)?.raft.log.baseIndex).toBe(sent.lastIncludedIndex)
    expect(world.captured(leads, sent)).toEqual(then)
    world.resume(late)
    world.advance(30_000)
    expect(world.notes('transferStarted')).toHaveLength(1)
    expect(world.notes('snapshotAdopted')).toEqual([
      [late, { type: 'note', event: 'snapshotAdopted', index: sent.lastIncludedIndex }],
    ])
    expect(world.contents(late)).toEqual(world.written)
    // Then nobody needs it any more.
    world.write(10)
    expect(world.captured(leads, sent)).toBeNull()
  })
})

describe('16', () => {
  it('16: the snapshot that was begun is the one that is read to its end, and said to be so (NuRaft #212)', () => {
    const server = taken(read(begin(leader({ trailingEntries: 0 })), 0, 1))
    server
      .propose('a')
      .saved()
      .acknowledge(n3, 9)
      .do({ type: 'applied', index: index(9) })
    server.do({ type: 'snapshotTaken', index: index(9) })
    expect(server.outputOf('transferEnded')).toEqual([])
    expect(read(server, 1, 2).outputOf('readObject')).toMatchObject([{ snapshot: { lastIncludedIndex: 8 } }])
    expect(read(server, 2, null).said('InstallSnapshot')).toMatchObject([{ snapshot: { lastIncludedIndex: 8 } }])
  })

  it('16: that it was put in force may be heard twice, also after a transfer is over (NuRaft #646)', () => {
    const server = read(begin(leader()), 0, null)
    const { transferId } = transferOf(server)
    const installed = snapshotAnswer(2, { transferId, status: 'installed', installedIndex: index(8) })
    server.hear(n2, installed)
    const { state } = server
    server.hear(n2, installed)
    expect([server.state, server.outputOf('transferEnded')]).toEqual([state, []])
  })
})

describe('18', () => {
  it('18: a follower that is not in the snapshot’s configuration is sent it all the same (raft-rs #472)', () => {
    const n4 = nodeId('n4')
    const added = configurationOf([n1, n2, n3], [n4])
    const server = new Server(
      [],
      {},
      {
        snapshot: snapshotAt(4, 1),
        entries: [{ type: 'configuration', index: index(5), term: term(1), bytes: 0, configuration: added }],
        hardState: { currentTerm: term(1), votedFor: null },
      },
    ).lead()
    server.hear(n4, failure(2, 5, [0, 0]))
    expect(server.outputOf('readObject')).toMatchObject([{ to: n4, snapshot: { lastIncludedIndex: 4 } }])
    const { transferId } =
      server.progressOf(n4).mode === 'snapshot' ? { transferId: 2 * 2 ** 20 + 1 } : { transferId: 0 }
    server.do({ type: 'objectRead', to: n4, transferId, objectId: 0, data: 'all', nextObjectId: null })
    server.hear(n4, snapshotAnswer(2, { transferId, status: 'installed', installedIndex: index(4) }))
    expect(server.said('AppendEntries', n4)).toMatchObject([{ prevLogIndex: 4, entries: [{ type: 'configuration' }] }])
  })

  it('18: where no snapshot was taken, entries are sent from the first on, never an empty snapshot (nats #3844)', () => {
    const server = new Server([1, 1]).lead().hear(n2, failure(2, 2, [0, 0]))
    expect([server.outputOf('readObject'), server.said('AppendEntries', n2)]).toMatchObject([
      [],
      [{ prevLogIndex: 0, entries: commands(1, 2, 1) }],
    ])
  })
})
