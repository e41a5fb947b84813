import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import { FIRST_OBJECT, index, term, type NodeId } from '../../src/core/ids.ts'
import type { InstallSnapshot } from '../../src/core/rpc.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { Server, append, command, n2, n3, snapshotAt } from './server.ts'

/* Messages that come while the machine puts a received snapshot in force. */

const offer = (from: NodeId, inTerm: number, last: number): InstallSnapshot => ({
  type: 'InstallSnapshot',
  term: term(inTerm),
  leaderId: from,
  transferId: inTerm,
  snapshot: snapshotAt(last, 1),
  startsOver: false,
  position: 0,
  objectId: FIRST_OBJECT,
  data: 'all',
  checksum: checksum('all'),
  digest: chainDigest(0, FIRST_OBJECT, checksum('all')),
  isLast: true,
})

/** The machine is asked to put the snapshot at index 4 in force, and has not answered. */
const installing = (): Server =>
  new Server([1])
    .hear(n2, offer(n2, 2, 4))
    .do({ type: 'objectSaved', transferId: 2, objectId: FIRST_OBJECT, nextObjectId: FIRST_OBJECT })

describe('while a snapshot is put in force', () => {
  it('another leader that offers another one waits', () => {
    const server = installing().hear(n3, offer(n3, 3, 6))
    expect(server.said('InstallSnapshotResponse', n3)).toMatchObject([{ transferId: 3, status: 'installing' }])
    server.do({ type: 'snapshotInstalled', transferId: 2 })
    expect(server.server.snapshot.lastIncludedIndex).toBe(4)
  })

  it('a newer leader appends: what follows the snapshot stays', () => {
    const entries = [2, 3, 4].map((at) => command(at, 1))
    const server = installing().hear(n3, {
      ...append(3, [1, 1], [...entries, command(5, 3), command(6, 3)], 1),
      leaderId: n3,
    })
    server.do({ type: 'snapshotInstalled', transferId: 2 })
    expect([server.state.log.baseIndex, server.state.log.lastIndex]).toEqual([4, 6])
    expect(server.outputOf('save')).toMatchObject([{ truncateFrom: null, compactTo: { index: 4 }, lastIndex: 6 }])
  })

  it('a newer leader appends another suffix: it goes with the log, and is not durable before the adoption', () => {
    const server = installing().hear(n3, { ...append(3, [1, 1], [command(2, 3)], 1), leaderId: n3 })
    server.do({ type: 'snapshotInstalled', transferId: 2 })
    expect(server.outputOf('save')).toMatchObject([{ truncateFrom: 1, lastIndex: 4 }])
    server.do({ type: 'saved', sequence: server.server.saveSequence - 1, lastIndex: index(2) })
    expect(server.server.durableIndex).toBe(1)
  })
})
