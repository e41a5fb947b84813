import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, successor, term } from '../../src/core/ids.ts'
import { slice } from '../../src/core/log/log.ts'
import type { RaftState } from '../../src/core/state.ts'
import { Server, THREE, append, n2, n3, snapshotAt } from '../core/server.ts'
import { chunk, requestVote, vote } from '../paper/rpcs.ts'
import { Recorded, commands, install, receiveAll } from './support.ts'

/* Lessons about whoever is sent a snapshot. */

const changeTo = (at: number, inTerm: number, ...names: readonly string[]): Entry => ({
  type: 'configuration',
  index: index(at),
  term: term(inTerm),
  bytes: 0,
  configuration: configurationOf(names.map(nodeId)),
})

const positions = ({ log }: RaftState): readonly (readonly [number, number])[] =>
  slice(log, successor(log.baseIndex), log.lastIndex).map((entry) => [entry.index, entry.term])

describe('1', () => {
  it('1: a conflicting entry at the snapshot’s index goes with the whole log, and nobody sends it again (hashicorp/raft #697)', () => {
    const server = install(receiveAll(new Server([1, 1, 1, 1, 1, 1, 1]))).saved()
    expect([server.state.log.baseTerm, positions(server.state)]).toEqual([2, []])
    // What the leader does next fits at once; that it was sent the snapshot before is all that a repetition tells.
    expect(server.hear(n2, append(2, [5, 2], commands(6, 6, 2))).said('AppendEntriesResponse')).toMatchObject([
      { success: true, matchIndex: 6 },
    ])
    server.saved().hear(n2, chunk(0, { transferId: 2 }))
    expect([server.said('InstallSnapshotResponse'), server.outputOf('saveObject')]).toMatchObject([
      [{ status: 'installed', installedIndex: 5 }],
      [],
    ])
  })
})

describe('7', () => {
  it('7: a truncation below a snapshot that is being put in force leaves the log’s indices right (etcd-io/raft #157)', () => {
    const server = receiveAll(new Recorded([1, 1, 1]))
    server.hear(n2, append(2, [1, 1], commands(2, 2, 2)))
    expect(positions(server.state)).toEqual([
      [1, 1],
      [2, 2],
    ])
    install(server).hear(n2, append(2, [5, 2], commands(6, 7, 2)))
    expect([server.state.log.baseIndex, positions(server.state)]).toEqual([
      5,
      [
        [6, 2],
        [7, 2],
      ],
    ])
    expect(positions(server.afterCrash())).toEqual(positions(server.state))
  })

  it('7: nor does one of the part that goes beyond it', () => {
    const server = receiveAll(new Recorded([1]))
    // The log reaches past the snapshot before that is in force, and is then found to be wrong from 6 on.
    server.hear(n2, append(2, [1, 1], commands(2, 7, 2))).saved()
    server.hear(n3, { ...append(3, [5, 2], commands(6, 6, 3)), leaderId: n3 })
    install(server)
    expect([server.state.log.baseIndex, positions(server.state)]).toEqual([5, [[6, 3]]])
    expect(positions(server.afterCrash())).toEqual([[6, 3]])
  })
})

describe('8', () => {
  it('8: a candidate that has a whole snapshot to put in force is none any more (etcd #12163, nats #6056)', () => {
    const server = new Server([1])
    for (const at of [0, 1] as const)
      server.hear(n2, chunk(at)).do({ type: 'objectSaved', transferId: 1, objectId: at, nextObjectId: at + 1 })
    server.hear(n2, chunk(2)).do({ type: 'campaign' }).saved()
    expect(server.server.role.type).toBe('candidate')
    server.do({ type: 'objectSaved', transferId: 1, objectId: 2, nextObjectId: 0 })
    expect([server.server.role.type, server.outputOf('installSnapshot').length]).toEqual(['follower', 1])
    expect(server.hear(n3, vote(3)).server.role.type).toBe('follower')
    expect(server.do({ type: 'campaign' }).ignored).toEqual(['installing a snapshot'])
    expect(install(server).do({ type: 'campaign' }).server.role.type).toBe('candidate')
  })
})

describe('9', () => {
  /** It has handed out 2 and 3 for applying, which takes its time, and has a snapshot to put in force. */
  const busy = (): Server => {
    const server = new Server([1, 2, 2]).hear(n2, append(2, [3, 2], [], 3))
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([1, 2, 3])
    return receiveAll(server)
  }

  it('9: an answer to an earlier apply takes nothing back from the snapshot in force (etcd #11510)', () => {
    const server = install(busy())
      .saved()
      .do({ type: 'applied', index: index(3) })
    expect([server.server.lastApplied, server.server.applyingIndex, server.outputs]).toEqual([5, 5, []])
    server.hear(n2, append(2, [5, 2], commands(6, 6, 2), 6)).saved()
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([6])
  })

  it('9: nothing more is handed out for applying until the snapshot is in force', () => {
    const server = busy().do({ type: 'applied', index: index(3) })
    server.hear(n2, append(2, [3, 2], commands(4, 4, 2), 4)).saved()
    expect([server.server.commitIndex, server.outputOf('apply')]).toEqual([4, []])
  })

  it('9: a configuration that was queued for applying does not replace the snapshot’s', () => {
    const server = new Server([1])
      .hear(n2, append(2, [1, 1], [changeTo(2, 2, 'n1', 'n2')], 2))
      .saved()
      .do({ type: 'applied', index: index(1) })
    expect(server.outputOf('apply')[0]?.entries.at(-1)?.type).toBe('configuration')
    install(receiveAll(server))
      .saved()
      .do({ type: 'applied', index: index(2) })
    expect(server.server.configurations).toEqual([{ index: 0, configuration: THREE }])
  })
})

describe('10', () => {
  it('10: after a crash between any two saves of an installation the server starts, as it was before or after (tikv #12618, etcd #10219)', () => {
    const server = receiveAll(new Recorded([1, 1, 1, 1, 1, 1, 1]), { term: term(4) })
    // The vote and the term of this moment are on their way to the disk, too.
    server.hear(n3, requestVote(5, [9, 4], n3))
    install(server).hear(n3, { ...append(5, [5, 2], commands(6, 6, 5)), leaderId: n3 })
    const starts = server.saves.map((_, at) => server.afterCrash(at + 1))
    const before = { snapshot: 0, applied: 0, positions: positions(new Server([1, 1, 1, 1, 1, 1, 1]).state) }
    const seen = starts.map((state) => ({
      snapshot: state.server.snapshot.lastIncludedIndex,
      applied: state.server.lastApplied,
      positions: positions(state),
    }))
    expect(seen.slice(0, -2)).toEqual(seen.slice(0, -2).map(() => before))
    expect(seen.slice(-2)).toEqual([
      { snapshot: 5, applied: 5, positions: [] },
      { snapshot: 5, applied: 5, positions: [[6, 5]] },
    ])
    expect(starts.at(-1)?.server).toMatchObject({ currentTerm: 5, votedFor: n3 })
  })
})

describe('11', () => {
  it('11: a newer snapshot does not touch one that is being put in force (etcd #18055)', () => {
    const server = receiveAll(new Server([1])).hear(n3, {
      ...chunk(0, { term: term(3), leaderId: n3, transferId: 9 }),
      snapshot: snapshotAt(8, 3),
    })
    expect([server.outputOf('saveObject'), server.said('InstallSnapshotResponse')]).toMatchObject([
      [],
      [{ status: 'installing' }],
    ])
    expect(install(server).server.snapshot.lastIncludedIndex).toBe(5)
    // Afterwards it has its turn.
    server.saved().hear(n3, { ...chunk(0, { term: term(3), leaderId: n3, transferId: 9 }), snapshot: snapshotAt(8, 3) })
    expect(server.outputOf('saveObject')).toMatchObject([{ objectId: 0, snapshot: { lastIncludedIndex: 8 } }])
  })
})

describe('12', () => {
  it('12: what a snapshot covers or contradicts is gone before the server can lead (openraft #559, #561, #753)', () => {
    const server = install(receiveAll(new Recorded([1, 1, 1, 1, 1, 1, 1])))
    const installation = server.saves.length
    server.do({ type: 'campaign' })
    // Whom it asks for votes it tells of the log that is left, and asks nobody before that is so on its disk.
    expect([server.sends, server.said('RequestVote', n2)]).toMatchObject([[], [{ lastLogIndex: 5, lastLogTerm: 2 }]])
    server.do({ type: 'saved', sequence: installation, lastIndex: index(5) })
    expect(server.server.role).toMatchObject({ type: 'candidate', granted: [] })
    server.saved().hear(n2, vote(3))
    expect([server.server.role.type, positions(server.state)]).toEqual(['leader', []])
    expect(positions(server.afterCrash(installation))).toEqual([])
    expect(server.propose('x').said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 5, prevLogTerm: 2 }])
  })
})

describe('13', () => {
  it.each([
    [3, [1, 1]],
    [7, [1, 1, 1, 1, 1, 1]],
  ])('13: an uncommitted configuration at %i of an overwritten log goes with it (openraft #1808)', (at, terms) => {
    const server = new Recorded(terms)
    server.hear(n2, append(1, [at - 1, 1], [changeTo(at, 1, 'n1')])).saved()
    expect(server.server.configurations.at(-1)?.configuration.voters).toEqual(['n1'])
    install(receiveAll(server))
    expect(server.server.configurations).toEqual([{ index: 0, configuration: THREE }])
    expect(server.afterCrash().server.configurations).toEqual(server.server.configurations)
    // With the stale one its own vote would be a majority.
    expect(server.saved().do({ type: 'campaign' }).saved().server.role.type).toBe('candidate')
  })
})

describe('16', () => {
  it('16: the last object, once more or from another leader, does not put the snapshot in force again (NuRaft #646)', () => {
    const server = receiveAll(new Server([1])).hear(n2, chunk(2))
    expect([server.outputOf('installSnapshot'), server.outputOf('saveObject')]).toEqual([[], []])
    server.hear(n3, chunk(2, { term: term(3), leaderId: n3, transferId: 9 }))
    expect([server.outputOf('installSnapshot'), server.outputOf('saveObject')]).toEqual([[], []])
    const { state } = install(server).saved()
    expect(install(server).state).toEqual(state)
    expect(install(server, 9).state).toEqual(state)
    for (const rpc of [chunk(0), chunk(2)]) {
      server.hear(n3, { ...rpc, term: term(3), leaderId: n3, transferId: 9 })
      expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'installed', installedIndex: 5 }])
      expect([server.outputOf('installSnapshot'), server.outputOf('save')]).toEqual([[], []])
    }
    expect(server.server).toMatchObject({ lastApplied: 5, receiving: null })
  })
})

describe('18', () => {
  it('18: a receiver that is not in the snapshot’s configuration takes it, and waits for the entry that adds it (raft-rs #472)', () => {
    const others = { ...snapshotAt(5, 2), configuration: configurationOf(['n2', 'n3'].map(nodeId)) }
    const told = { ...snapshotAt(0, 0), configuration: configurationOf([]) }
    const server = new Server([], {}, { snapshot: told })
    install(receiveAll(server, { snapshot: others }))
    expect(server.said('InstallSnapshotResponse', n2)).toMatchObject([{ status: 'installed', installedIndex: 5 }])
    expect(server.saved().tick(40).server.role.type).toBe('follower')
    server.hear(n2, append(2, [5, 2], [changeTo(6, 2, 'n1', 'n2', 'n3')], 6)).saved()
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([6])
    expect(server.tick(20).server.role.type).toBe('candidate')
  })
})
