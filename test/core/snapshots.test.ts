import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/core/entry.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { checksum } from '../../src/core/checksum.ts'
import { index, term, type ObjectId } from '../../src/core/ids.ts'
import type { InstallSnapshot } from '../../src/core/rpc.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { Server, append, command, logOfTerms, n1, n2, n3, snapshotAt } from './server.ts'

/** The objects 0, 1, 2 of a snapshot at 5 in term 2, as a leader sends them. */
const object = (id: number, changes: Partial<InstallSnapshot> = {}): InstallSnapshot => {
  const data = (at: number) => `object ${at}`
  let digest = 0
  for (let at = 0; at <= id; at++) digest = chainDigest(digest, at, checksum(data(at)))
  return {
    type: 'InstallSnapshot',
    term: term(2),
    leaderId: n2,
    transferId: 1,
    snapshot: snapshotAt(5, 2),
    startsOver: false,
    position: id,
    objectId: id,
    data: data(id),
    checksum: checksum(data(id)),
    digest,
    isLast: id === 2,
    ...changes,
  }
}

const kept = (server: Server, objectId: ObjectId, nextObjectId: ObjectId, transferId = 1) =>
  server.do({ type: 'objectSaved', transferId, objectId, nextObjectId })

/** A receiver that holds all objects and is told to put them in force. */
const complete = (server = new Server([1])): Server => {
  for (const id of [0, 1, 2]) kept(server.hear(n2, object(id)), id, id + 1)
  return server
}

describe('a receiver', () => {
  it('forgets what it was being sent when it wins an election: a leader has all that is committed', () => {
    const server = new Server([1]).hear(n2, object(0))
    expect(server.server.receiving).not.toBeNull()
    server.lead()
    expect([server.server.role.type, server.server.receiving]).toEqual(['leader', null])
  })

  it('keeps the first object and asks for the next', () => {
    const server = new Server([1]).hear(n2, object(0))
    expect(server.outputOf('saveObject')[0]?.objectId).toBe(0)
    expect(kept(server, 0, 1).said('InstallSnapshotResponse')[0]).toMatchObject({ status: 'wanted', nextObjectId: 1 })
  })

  it('names what it wants when another object comes', () => {
    const server = new Server([1]).hear(n2, object(2))
    expect(server.said('InstallSnapshotResponse')[0]).toMatchObject({ status: 'wanted', nextObjectId: 0, digest: 0 })
    expect(server.ignored).toEqual([])
  })

  it('refuses an object whose checksum is wrong', () => {
    const server = new Server([1]).hear(n2, object(0, { data: 'damaged' }))
    expect([server.ignored, server.outputOf('saveObject')]).toEqual([['checksum mismatch'], []])
  })

  it('refuses an object that does not continue what it holds', () => {
    const server = kept(new Server([1]).hear(n2, object(0)), 0, 1).hear(n2, object(1, { digest: 1 }))
    expect(server.ignored).toEqual(['checksum mismatch'])
  })

  it('ignores an older transfer of the same leader', () => {
    const server = new Server([1]).hear(n2, object(0, { transferId: 3 })).hear(n2, object(1, { transferId: 2 }))
    expect(server.ignored).toEqual(['unknown transfer'])
  })

  it('loses nothing of a newer transfer to a late object of an older snapshot', () => {
    const server = new Server([1, 1]).hear(n2, append(2, [2, 1], [], 2))
    kept(server.hear(n2, object(0, { transferId: 2 })), 0, 1, 2)
    server.hear(n2, object(0, { snapshot: snapshotAt(2, 1), transferId: 1 }))
    expect([server.ignored, server.server.receiving?.nextObjectId]).toEqual([['unknown transfer'], 1])
  })

  it('keeps what an earlier leader sent of a newer snapshot, and says nothing of it to another', () => {
    const server = kept(new Server([1, 1]).hear(n2, append(2, [2, 1], [], 2)).hear(n2, object(0)), 0, 1)
    server.hear(n3, object(0, { term: term(3), leaderId: n3, snapshot: snapshotAt(2, 1), transferId: 9 }))
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'installed', nextObjectId: 0, digest: 0 }])
    expect(server.server.receiving?.nextObjectId).toBe(1)
  })

  it('answers a leader of an older term with the current one, and promises nothing', () => {
    const server = new Server([3]).hear(n2, object(1))
    expect(server.said('InstallSnapshotResponse')).toEqual([
      {
        type: 'InstallSnapshotResponse',
        term: 3,
        transferId: 1,
        status: 'wanted',
        nextObjectId: 1,
        digest: 0,
        installedIndex: 0,
      },
    ])
    expect(server.server.receiving).toBeNull()
  })

  it('starts at the first object when the snapshot is another', () => {
    const server = kept(new Server([1]).hear(n2, object(0)), 0, 1)
    server.hear(n2, object(1, { transferId: 2, snapshot: snapshotAt(6, 2) }))
    expect(server.said('InstallSnapshotResponse')[0]).toMatchObject({ status: 'wanted', nextObjectId: 0 })
  })

  it('goes on where it was when another leader sends the same snapshot', () => {
    const server = kept(new Server([1]).hear(n2, object(0)), 0, 1)
    server.hear(n3, object(1, { term: term(3), leaderId: n3, transferId: 9 }))
    expect(server.outputOf('saveObject')[0]?.objectId).toBe(1)
  })

  it('goes on after a restart with what survived', () => {
    const received = { snapshot: snapshotAt(5, 2), nextObjectId: 1, digest: object(0).digest }
    const server = new Server([1], {}, { received, hardState: { currentTerm: term(2), votedFor: null } })
    expect(server.hear(n2, object(1)).outputOf('saveObject')[0]?.objectId).toBe(1)
  })

  it('starts again when its machine rejects an object', () => {
    const server = kept(new Server([1]).hear(n2, object(0)), 0, 1)
    server.do({ type: 'objectRejected', transferId: 1, reason: 'unreadable' })
    expect(server.outputOf('note')).toMatchObject([{ event: 'objectRejected', reason: 'unreadable' }])
    expect(server.said('InstallSnapshotResponse')[0]).toMatchObject({ status: 'wanted', nextObjectId: 0, digest: 0 })
  })

  it('ignores a late answer of its shell', () => {
    expect(kept(new Server([1]).hear(n2, object(0)), 0, 1, 77).ignored).toEqual(['unknown transfer'])
    const rejected = new Server([1]).hear(n2, object(0)).do({ type: 'objectRejected', transferId: 77, reason: 'late' })
    expect([rejected.ignored, rejected.server.receiving?.saving?.objectId]).toEqual([['unknown transfer'], 0])
  })

  it('still takes appends', () => {
    const server = new Server([1]).hear(n2, object(0)).hear(n2, append(2, [1, 1], [...logOfTerms(1, 2)].slice(1)))
    expect(server.state.log.lastIndex).toBe(2)
  })

  it('is done with a snapshot that its log has reached', () => {
    const server = new Server([1]).hear(n2, object(0))
    server.hear(
      n2,
      append(
        2,
        [1, 1],
        [2, 3, 4, 5].map((at) => command(at, 2)),
        4,
      ),
    )
    expect(server.server.receiving).not.toBeNull()
    expect(server.hear(n2, append(2, [5, 2], [], 5)).server.receiving).toBeNull()
  })

  it('declines a snapshot it does not need, and is free for the next', () => {
    const server = new Server([1, 2, 2, 2, 2, 2]).hear(n2, object(0, { snapshot: snapshotAt(9, 2) }))
    server.hear(n2, append(2, [6, 2], [], 6)).hear(n2, object(0, { transferId: 2 }))
    expect(server.said('InstallSnapshotResponse')[0]).toMatchObject({ status: 'installed', installedIndex: 6 })
    expect(server.server.receiving).toBeNull()
  })

  it('takes word of a snapshot whose last entry it has as word of what is committed', () => {
    const server = new Server([1, 1, 2]).hear(n2, object(0, { snapshot: snapshotAt(3, 2) }))
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([1, 2, 3])
    expect(server.said('InstallSnapshotResponse')).toMatchObject([
      { status: 'installed', installedIndex: 3, nextObjectId: 0, digest: 0 },
    ])
  })

  it('does not campaign while a snapshot is put in force (etcd #12163)', () => {
    expect(complete().tick(20).server.role.type).toBe('follower')
  })
})

describe('putting a snapshot in force', () => {
  it('begins when the last object is kept', () => {
    expect(complete().outputOf('installSnapshot')[0]?.snapshot.lastIncludedIndex).toBe(5)
  })

  it('is under way when the last object comes again', () => {
    const server = complete().hear(n2, object(2))
    expect(server.said('InstallSnapshotResponse')[0]?.status).toBe('installing')
    expect(server.outputOf('installSnapshot')).toEqual([])
  })

  it('waits for the batch before it, and no snapshot is asked for in between', () => {
    const server = new Server([1, 1, 1], { snapshotEntries: 3 }).hear(n2, append(2, [3, 1], [], 3))
    complete(server).do({ type: 'applied', index: index(3) })
    expect([server.server.lastApplied, server.outputOf('takeSnapshot')]).toEqual([3, []])
  })

  it('is given up when it is rejected and the log has come further; what waited is applied then', () => {
    const server = complete(new Server([1]))
    const entries = [2, 3, 4, 5, 6].map((at) => command(at, 3))
    server.hear(n3, { ...append(3, [1, 1], entries, 6), leaderId: n3 }).saved()
    expect(server.outputOf('apply')).toEqual([])
    server.do({ type: 'objectRejected', transferId: 1, reason: 'no space' })
    expect(server.server.receiving).toBeNull()
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('is not disturbed by an offer of less', () => {
    const server = complete(new Server([1])).hear(n2, object(0, { snapshot: snapshotAt(1, 1), transferId: 2 }))
    expect([server.server.receiving?.phase, server.said('InstallSnapshotResponse')[0]?.status]).toEqual([
      'install',
      'installed',
    ])
    expect(server.do({ type: 'snapshotInstalled', transferId: 1 }).server.snapshot.lastIncludedIndex).toBe(5)
  })

  it('takes back the wish for a snapshot of what is covered by then', () => {
    const server = new Server([1, 1], { snapshotEntries: 2 }).hear(n2, append(1, [2, 1], [], 2))
    server.do({ type: 'applied', index: index(2) })
    expect(server.server.snapshotRequested).toBe(2)
    complete(server).do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.server.snapshotRequested).toBe(0)
  })

  it('raises what is applied and committed', () => {
    const { server } = complete().do({ type: 'snapshotInstalled', transferId: 1 })
    expect([server.lastApplied, server.applyingIndex, server.commitIndex]).toEqual([5, 5, 5])
  })

  it('drops a log that does not agree at its last entry (hashicorp/raft #697)', () => {
    const server = complete(new Server([1, 1, 1, 1, 1, 1])).do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.state.log).toMatchObject({ baseIndex: 5, baseTerm: 2, lastIndex: 5 })
  })

  it('keeps what followed, if the log has come to agree meanwhile, with its configurations', () => {
    const change = (at: number): Entry => ({
      type: 'configuration',
      index: index(at),
      term: term(2),
      bytes: 0,
      configuration: configurationOf([n1, n2]),
    })
    const snapshot = { ...snapshotAt(5, 2), configuration: configurationOf([n1, n2]), configurationIndex: index(5) }
    const server = new Server([1])
    for (const id of [0, 1, 2]) kept(server.hear(n2, object(id, { snapshot })), id, id + 1)
    const entries = [...[2, 3, 4].map((at) => command(at, 2)), change(5), change(6), command(7, 2)]
    server
      .hear(n2, append(2, [1, 1], entries))
      .saved()
      .do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.state.log).toMatchObject({ baseIndex: 5, lastIndex: 7 })
    expect(server.server.configurations.map((record) => record.index)).toEqual([5, 6])
  })

  it('is one save, with the log', () => {
    const server = complete(new Server([1, 1])).do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.outputOf('save')).toMatchObject([
      { truncateFrom: 1, snapshot: { lastIncludedIndex: 5 }, compactTo: { index: 5 } },
    ])
  })

  it('is acknowledged with that save, not before', () => {
    const server = complete().do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.promised.at(-1)?.rpc).toMatchObject({ status: 'installed', installedIndex: 5 })
    expect(server.sends).toEqual([])
  })

  it('twice is a no-op', () => {
    const server = complete()
      .do({ type: 'snapshotInstalled', transferId: 1 })
      .do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.ignored).toEqual(['unknown transfer'])
  })

  it('is told to nobody while nobody is known to lead', () => {
    const server = complete().hear(n3, {
      type: 'RequestVote',
      term: term(3),
      candidateId: n3,
      lastLogIndex: index(0),
      lastLogTerm: term(0),
    })
    server.do({ type: 'snapshotInstalled', transferId: 1 })
    expect([server.server.leaderId, server.said('InstallSnapshotResponse')]).toEqual([null, []])
  })

  it('is told to whoever leads by then', () => {
    const server = complete()
      .hear(n3, { ...append(3, [0, 0]), leaderId: n3 })
      .do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.promised.at(-1)).toMatchObject({ to: n3, rpc: { status: 'installed' } })
  })
})
