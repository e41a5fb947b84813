import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import { term, type ObjectId } from '../../src/core/ids.ts'
import { chunk } from '../paper/rpcs.ts'
import { Server, n2, n3 } from './server.ts'

/* Objects of a snapshot that overtake each other, or come from senders of different cuts, at the receiver. */

const kept = (server: Server, objectId: ObjectId, nextObjectId: ObjectId, transferId = 1): Server =>
  server.do({ type: 'objectSaved', transferId, objectId, nextObjectId })

/** The objects that came before their turn. */
const waiting = ({ server }: Server): readonly ObjectId[] =>
  server.receiving?.queued.map(({ objectId }) => objectId) ?? []

describe('an object that comes before its turn', () => {
  it('waits while another is being saved, and the answer says when it is next', () => {
    const server = new Server([1]).hear(n2, chunk(0)).hear(n2, chunk(2)).hear(n2, chunk(1))
    expect(waiting(server)).toEqual([1, 2])
    expect(kept(server, 0, 1).outputOf('saveObject')[0]?.objectId).toBe(1)
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'saving', nextObjectId: 1 }])
    expect(waiting(server)).toEqual([2])
  })

  it('waits for those before it, and is taken when it is wanted', () => {
    const server = new Server([1]).hear(n2, chunk(2)).hear(n2, chunk(1)).hear(n2, chunk(0))
    const saved = [0, 1, 2].map((id) => {
      const { objectId } = server.outputOf('saveObject')[0] ?? {}
      kept(server, id, id + 1)
      return objectId
    })
    expect([saved, server.outputOf('installSnapshot').length]).toEqual([[0, 1, 2], 1])
  })

  it.each([
    ['below the window’s bytes before the last', 8, [1, 2]],
    ['the window’s bytes before the last', 7, [2]],
  ])('has room as in a sender’s window: %s', (_, snapshotWindowBytes, ids) => {
    const server = new Server([1], { snapshotWindowBytes }).hear(n2, chunk(1)).hear(n2, chunk(2))
    expect(waiting(server)).toEqual(ids)
  })

  it('has room alone, however large', () => {
    expect(waiting(new Server([1], { snapshotWindowBytes: 1 }).hear(n2, chunk(2)))).toEqual([2])
  })

  it('waits once, and not when it is held already', () => {
    const server = kept(new Server([1]).hear(n2, chunk(0)), 0, 1)
      .hear(n2, chunk(2))
      .hear(n2, chunk(2))
    expect(waiting(server.hear(n2, chunk(0)))).toEqual([2])
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'wanted', nextObjectId: 1 }])
  })

  it('is of no use when the machine wants another than the sender sent next', () => {
    const server = new Server([1]).hear(n2, chunk(0)).hear(n2, chunk(1)).hear(n2, chunk(2))
    kept(server, 0, 'other')
    expect(waiting(server)).toEqual([])
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'wanted', nextObjectId: 'other' }])
  })

  it('is refused when its turn comes, if it does not continue what is held', () => {
    const server = kept(new Server([1]).hear(n2, chunk(1, { digest: 1 })).hear(n2, chunk(0)), 0, 1)
    expect([server.ignored, waiting(server)]).toEqual([['checksum mismatch'], []])
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'wanted', nextObjectId: 1 }])
  })
})

describe('an offer of the snapshot that is being received', () => {
  it('by a sender of another cut is answered with the object and the digest to go on with', () => {
    const server = kept(new Server([1]).hear(n2, chunk(0)), 0, 1)
    const { digest } = server.server.receiving ?? {}
    server.hear(n3, chunk(0, { term: term(3), leaderId: n3, transferId: 9, data: 'cut', checksum: checksum('cut') }))
    expect(server.said('InstallSnapshotResponse')).toMatchObject([{ status: 'wanted', nextObjectId: 1, digest }])
    expect(server.ignored).toEqual([])
  })

  it('starts at the first object when it says so', () => {
    const again = { transferId: 2, startsOver: true }
    const server = kept(new Server([1]).hear(n2, chunk(0)), 0, 1).hear(n2, chunk(0, again))
    expect(server.outputOf('saveObject')[0]?.objectId).toBe(0)
    // The same word with the next object starts nothing over.
    kept(server, 0, 1, 2).hear(n2, chunk(1, again))
    expect(server.outputOf('saveObject')[0]?.objectId).toBe(1)
  })
})
