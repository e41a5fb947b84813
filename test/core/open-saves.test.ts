import { describe, expect, it } from 'vitest'
import { FIRST_OBJECT, index, term } from '../../src/core/ids.ts'
import type { InstallSnapshot } from '../../src/core/rpc.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { checksum } from '../../src/core/checksum.ts'
import { Server, append, command, n2, n3, snapshotAt } from './server.ts'

/* What may leave while the disk is busy, and what waits for it. */

describe('AppendEntries', () => {
  it('without entries is acknowledged at once, as far as the log is durable', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)])).hear(n2, append(1, [2, 1]))
    expect([server.sends.length, server.promised.length]).toEqual([1, 0])
    expect(server.said('AppendEntriesResponse')).toMatchObject([{ success: true, matchIndex: 1, round: 1 }])
  })

  it('again, while its entries are being saved, is acknowledged at once, as far as the log is durable', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)]))
    expect(server.hear(n2, append(1, [1, 1], [command(2, 1)])).outputs).toMatchObject([
      { type: 'send', rpc: { success: true, matchIndex: 1 } },
    ])
  })

  it('waits for the save of a new term', () => {
    const server = new Server([1]).hear(n2, append(2, [1, 1])).hear(n2, append(2, [1, 1]))
    expect([server.sends.length, server.promised.length]).toEqual([0, 1])
    expect(server.saved().hear(n2, append(2, [1, 1])).sends.length).toBe(1)
  })

  it('is refused at once while earlier entries are being saved', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)])).hear(n2, append(1, [9, 1]))
    expect(server.outputs).toMatchObject([{ type: 'send', rpc: { success: false, rejectedIndex: 9 } }])
  })

  it('counts as durable what lies before a truncation under way, and no more', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(2, [1, 1], [command(2, 2), command(3, 2)]))
    server.do({ type: 'saved', sequence: 1, lastIndex: index(3) }).hear(n2, append(2, [3, 2], [command(4, 2)]))
    expect(server.hear(n2, append(2, [4, 2])).said('AppendEntriesResponse')).toMatchObject([{ matchIndex: 3 }])
    server.hear(n2, append(2, [2, 2], [command(3, 2)]))
    expect(server.said('AppendEntriesResponse')).toMatchObject([{ matchIndex: 3 }])
  })
})

describe('a second truncation before the first is durable', () => {
  /** Entries 2 to 4 of term 2, then 2 and 3 of term 3, then 3 of term 4: three saves, none of them durable. */
  const overwritten = (): Server =>
    new Server([1])
      .hear(n2, append(2, [1, 1], [command(2, 2), command(3, 2), command(4, 2)]))
      .hear(n2, append(3, [1, 1], [command(2, 3), command(3, 3)]))
      .hear(n2, append(4, [2, 3], [command(3, 4)]))

  it('leaves what the first took back not durable when the disk answers for what was before', () => {
    const server = overwritten().do({ type: 'saved', sequence: 1, lastIndex: index(4) })
    expect(server.server.durableIndex).toBe(1)
  })

  it('makes durable, with the save of the first, what the second left', () => {
    const server = overwritten().do({ type: 'saved', sequence: 2, lastIndex: index(3) })
    // Entry 2 is on the disk, too; that it is not counted yet costs one answer.
    expect(server.server.durableIndex).toBe(1)
    expect(server.do({ type: 'saved', sequence: 3, lastIndex: index(3) }).server.durableIndex).toBe(3)
  })
})

describe('RequestVote', () => {
  const request = { type: 'RequestVote', lastLogIndex: index(9), lastLogTerm: term(9) } as const
  const busy = (): Server => new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)]))

  it('of an older term is answered at once while entries are being saved', () => {
    const server = busy().hear(n3, { ...request, term: term(0), candidateId: n3 })
    expect(server.outputs).toMatchObject([{ type: 'send', rpc: { term: 1, voteGranted: false } }])
  })

  it('is refused at once while entries are being saved', () => {
    const server = new Server([1]).hear(n2, { ...request, term: term(2), candidateId: n2 }).saved()
    server.hear(n2, append(2, [1, 1], [command(2, 2)])).hear(n3, { ...request, term: term(2), candidateId: n3 })
    expect(server.outputs).toMatchObject([{ type: 'send', rpc: { term: 2, voteGranted: false } }])
  })

  it('is not granted again before the vote is durable', () => {
    const server = new Server([1]).hear(n2, { ...request, term: term(2), candidateId: n2 })
    server.hear(n2, { ...request, term: term(2), candidateId: n2 })
    expect([server.sends.length, server.promised.length]).toEqual([0, 1])
  })
})

describe('InstallSnapshot', () => {
  const object: InstallSnapshot = {
    type: 'InstallSnapshot',
    term: term(3),
    leaderId: n2,
    transferId: 1,
    snapshot: snapshotAt(4, 3),
    startsOver: false,
    position: 0,
    objectId: FIRST_OBJECT,
    data: 'all',
    checksum: checksum('all'),
    digest: chainDigest(0, FIRST_OBJECT, checksum('all')),
    isLast: true,
  }
  /** A log that contradicts the snapshot beyond its commitIndex, all of it durable; the adoption is being saved. */
  const adopting = (): Server => {
    const server = new Server([1, 1, 1, 1, 1, 1]).hear(n2, append(3, [1, 1], [], 1)).saved()
    server
      .hear(n2, object)
      .do({ type: 'objectSaved', transferId: 1, objectId: FIRST_OBJECT, nextObjectId: FIRST_OBJECT })
    return server.do({ type: 'applied', index: index(1) }).do({ type: 'snapshotInstalled', transferId: 1 })
  }

  it('is answered at once by what is wanted while entries are being saved', () => {
    const server = new Server([3]).hear(n2, append(3, [1, 3], [command(2, 3)], 2))
    server.hear(n2, { ...object, snapshot: snapshotAt(9, 3), objectId: 'later' })
    expect(server.outputs).toMatchObject([{ type: 'send', rpc: { status: 'wanted', installedIndex: 1 } }])
  })

  it('is said to be installed only with the save that adopts it', () => {
    const server = adopting()
    expect([server.sends, server.promised]).toMatchObject([[], [{ rpc: { status: 'installed', installedIndex: 4 } }]])
    server.hear(n2, object)
    expect([server.sends, server.promised]).toMatchObject([[], [{ rpc: { status: 'installed', installedIndex: 4 } }]])
  })

  it('does not make durable what the disk holds in place of its entries (until the save is done)', () => {
    const server = adopting().hear(n2, append(3, [4, 3]))
    expect(server.said('AppendEntriesResponse')).toMatchObject([{ matchIndex: 1 }])
    expect(
      server
        .saved()
        .hear(n2, append(3, [4, 3]))
        .said('AppendEntriesResponse'),
    ).toMatchObject([{ matchIndex: 4 }])
  })
})
