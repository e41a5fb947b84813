import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import { index, term } from '../../src/core/ids.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { answer, answerAppend, caughtUp, readOut, sending, taken, transferOf } from './sending.ts'
import { type Server, n2, n3 } from './server.ts'

describe('a sender', () => {
  it('begins with object 0 when the follower needs what is compacted', () => {
    expect(sending().outputOf('readObject')[0]).toMatchObject({ to: n2, objectId: 0 })
  })

  it('offers the first object alone', () => {
    const server = readOut(sending(), 0, 1)
    expect([server.outputOf('readObject'), transferOf(server).phase]).toEqual([[], 'offer'])
  })

  it('reads ahead while the window has room, once its offer is taken', () => {
    const server = taken({ snapshotWindowBytes: 6 })
    expect(server.outputOf('readObject')[0]?.objectId).toBe(1)
    expect(readOut(server, 1, 2).outputOf('readObject')[0]?.objectId).toBe(2)
    expect(readOut(server, 2, 3).outputOf('readObject')).toEqual([])
  })

  it('goes on where the receiver of its offer stands, with the receiver’s digest', () => {
    const server = answer(readOut(sending(), 0, 1), { nextObjectId: 'elsewhere', digest: 5 })
    expect(server.outputOf('readObject')[0]?.objectId).toBe('elsewhere')
    expect(readOut(server, 'elsewhere', 'next').said('InstallSnapshot')).toMatchObject([
      { position: 1, digest: chainDigest(5, 'elsewhere', checksum('data')) },
    ])
  })

  it('does so once: nothing else that is not under way moves it', () => {
    const server = answer(readOut(sending(), 0, 1), { nextObjectId: 'elsewhere', digest: 5 })
    const { state } = server
    expect(answer(server, { nextObjectId: 'third', digest: 6 }).state).toEqual(state)
  })

  it('follows the receiver to another object than its own next one, after one that was just kept', () => {
    const server = readOut(taken(), 1, 2)
    const { digest } = transferOf(server)
    answer(server, { nextObjectId: 'beyond', digest })
    expect(server.outputOf('readObject')).toMatchObject([{ objectId: 'beyond' }])
    expect(transferOf(server)).toMatchObject({ objectsAcked: 2, inflight: [], digest })
  })

  it('sends an object again when nothing is heard', () => {
    expect(readOut(sending(), 0, null).tick(3).outputOf('readObject')[0]?.objectId).toBe(0)
  })

  it('gives up after its retries and probes (etcd #10225)', () => {
    const server = readOut(readOut(sending(), 0, null).tick(3), 0, null).tick(3)
    expect(server.outputOf('transferEnded')[0]?.outcome).toBe('abandoned')
    expect(server.progressOf(n2).mode).toBe('probe')
  })

  it('counts a success however late it comes', () => {
    const server = readOut(sending(), 0, null)
    answer(server, { status: 'installed', transferId: 1, installedIndex: index(4) })
    expect(server.progressOf(n2)).toMatchObject({ mode: 'replicate', matchIndex: 4 })
  })

  it('takes any acknowledgement that reconnects to the log (etcd-io/raft #84)', () => {
    expect(sending().acknowledge(n2, 4).progressOf(n2).mode).toBe('replicate')
  })

  it('goes on when the receiver has put an older snapshot in force', () => {
    const server = answer(readOut(sending(), 0, 1), { status: 'installing' })
    answer(server, { status: 'installed', installedIndex: index(2), nextObjectId: 0 })
    expect([transferOf(server).phase, server.outputOf('readObject')]).toMatchObject(['offer', [{ objectId: 0 }]])
    expect(caughtUp(readOut(server, 0, 1)).outputOf('readObject')).toMatchObject([{ objectId: 1 }])
  })

  it('takes a late copy of that answer for nothing new while the receiver installs', () => {
    const server = answer(readOut(sending(), 0, 1), { status: 'installing' })
    answer(server, { status: 'installed', installedIndex: index(2) })
    answer(readOut(server, 0, 1), { status: 'installing' }).tick(3)
    const { retries, installTicks } = transferOf(server)
    answer(server, { status: 'installed', installedIndex: index(2) })
    expect(transferOf(server)).toMatchObject({ phase: 'install', retries, installTicks })
  })

  it('takes no late word of an installation for one of what it is still sending', () => {
    const server = readOut(taken(), 1, 2)
    const { state } = server
    expect(answer(server, { status: 'installing' }).state).toEqual(state)
  })

  it('waits once the receiver says that it puts the snapshot in force', () => {
    const server = answer(readOut(taken(), 1, null), { status: 'installing' })
    expect(transferOf(server)).toMatchObject({ phase: 'install', inflight: [{ objectId: 1 }] })
    expect(server.outputOf('readObject')).toEqual([])
  })

  it('hears of a follower by whatever it answers, but of no round of heartbeats', () => {
    const server = sending()
    const { transferId } = transferOf(server)
    server.do({ type: 'objectReadFailed', to: n2, transferId, reason: 'gone' }).tick(10)
    expect(server.progressOf(n2).active).toBe(false)
    answer(server, { transferId })
    expect([server.ignored, server.progressOf(n2)]).toMatchObject([
      ['unknown transfer'],
      { active: true, ackedRound: 0 },
    ])
    answer(server, { transferId, status: 'installed', installedIndex: index(4) })
    expect(server.progressOf(n2)).toMatchObject({ matchIndex: 4, ackedRound: 0 })
  })

  it('believes nobody who holds more than its own log', () => {
    const server = answer(sending(), { status: 'installed', installedIndex: index(5) })
    expect([server.ignored, server.progressOf(n2).matchIndex]).toEqual([['malformed'], 0])
  })

  it('commits by what an installed snapshot proves', () => {
    const server = sending().propose('x').saved()
    expect(server.server.commitIndex).toBe(4)
    // Its receiver has had more than the snapshot from another leader of this cluster.
    answer(server, { status: 'installed', installedIndex: index(5) })
    expect([server.server.commitIndex, server.progressOf(n2).matchIndex]).toEqual([5, 5])
  })

  it('gives a new number to every transfer, in every term', () => {
    const first = transferOf(sending()).transferId
    const server = sending()
    server.hear(n3, { type: 'RequestVoteResponse', term: term(8), voteGranted: false }).lead()
    answerAppend(server)
    expect(transferOf(server).transferId).toBeGreaterThan(first)
  })

  it('starts afresh when its snapshot cannot be read', () => {
    const server = sending()
    const { transferId } = transferOf(server)
    server.do({ type: 'objectReadFailed', to: n2, transferId, reason: 'gone' })
    expect(server.outputOf('transferEnded')[0]?.outcome).toBe('abandoned')
  })

  it('does not send what its shell was reading when the receiver says that it has everything', () => {
    const server = readOut(sending(), 0, null)
    for (let at = 0; at < 3; at++) server.tick()
    expect(transferOf(server).reading).toBe(0)
    answer(server, { status: 'installing' })
    expect(readOut(server, 0, null).sends).toEqual([])
  })

  it('steps down once the numbers of its term are used up: a later term has numbers of its own', () => {
    const server = sending()
    const { role } = server.server
    if (role.type !== 'leader') throw new Error('nobody leads')
    server.state = {
      ...server.state,
      server: { ...server.server, role: { ...role, transfersStarted: 2 ** 20 - 1 } },
    }
    server.do({ type: 'objectReadFailed', to: n2, transferId: transferOf(server).transferId, reason: 'gone' })
    answerAppend(server)
    expect(server.outputOf('readObject')).toEqual([])
    expect(server.tick().server.role.type).toBe('follower')
  })

  it('numbers transfers safely in any term', () => {
    const server = sending()
    const far = term(2 ** 52)
    server.hear(n3, { type: 'RequestVoteResponse', term: far, voteGranted: false }).lead()
    answerAppend(server)
    expect(Number.isSafeInteger(transferOf(server).transferId)).toBe(true)
  })
})

/** Leader of a log that begins at its snapshot of 4 and goes on, with a transfer of that snapshot under way to n2. */
const pinning = (options = {}): Server => {
  const server = sending({ trailingEntries: 0, ...options })
  server.saved().propose('a', 'b', 'c').saved().acknowledge(n3, 7)
  server.do({ type: 'applied', index: index(7) })
  return server.do({ type: 'snapshotTaken', index: index(7) })
}

describe('the log that a transfer needs', () => {
  it('stays while it is under way', () => {
    expect(pinning().state.log.baseIndex).toBe(4)
  })

  it('goes when it is given up', () => {
    const server = pinning()
    server.do({ type: 'objectReadFailed', to: n2, transferId: transferOf(server).transferId, reason: 'gone' })
    expect(server.state.log.baseIndex).toBe(7)
  })

  it('goes when it times out', () => {
    const server = readOut(pinning({ snapshotRetriesMax: 0 }), 0, null)
    for (let at = 0; at < 3; at++) server.acknowledge(n3, 7).tick()
    expect([server.progressOf(n2).mode, server.state.log.baseIndex]).toEqual(['probe', 7])
  })

  it('goes when its leader steps down', () => {
    const server = pinning()
    const { currentTerm } = server.server
    server.hear(n3, { type: 'RequestVoteResponse', term: term(currentTerm + 1), voteGranted: false })
    expect([server.server.role.type, server.state.log.baseIndex]).toEqual(['follower', 7])
  })

  it('stays when it is installed, as the receiver goes on from there, and goes when that has caught up', () => {
    const server = answer(pinning(), { status: 'installed', installedIndex: index(4) })
    expect([server.progressOf(n2).mode, server.state.log.baseIndex]).toEqual(['replicate', 4])
    expect(server.acknowledge(n2, 6).state.log.baseIndex).toBe(4)
    expect(server.acknowledge(n2, 7).state.log.baseIndex).toBe(7)
  })
})

describe('what a shell has read', () => {
  it('is not sent when another object is waited for', () => {
    const server = readOut(taken(), 0, 1)
    expect([server.ignored, server.said('InstallSnapshot')]).toEqual([['late answer'], []])
  })

  it('is not sent when nothing is waited for', () => {
    const server = readOut(readOut(sending({ snapshotWindowBytes: 1 }), 0, 1), 1, 2)
    expect([server.ignored, server.said('InstallSnapshot')]).toEqual([['late answer'], []])
  })

  it.each([
    ['another transfer', 1],
    ['a follower that is sent nothing', 0],
  ])('is not sent when it is of %s', (_, offset) => {
    const server = sending()
    const { transferId } = transferOf(server)
    const to = offset === 0 ? n3 : n2
    for (const type of ['objectRead', 'objectReadFailed'] as const) {
      const about = { to, transferId: transferId + offset, objectId: 0, data: 'data', nextObjectId: 1, reason: 'late' }
      server.do({ type, ...about })
      expect([server.ignored, transferOf(server).reading]).toEqual([['unknown transfer'], 0])
    }
  })
})

describe('the window of a transfer', () => {
  it('moves on as objects are acknowledged, and knows how far it has come', () => {
    const server = readOut(readOut(taken({}, '12'), 1, 2, '345'), 2, 3, '6')
    const [second, third] = transferOf(server).inflight
    expect([second, third]).toMatchObject([
      { objectId: 1, bytes: 3 },
      { objectId: 2, bytes: 1 },
    ])
    answer(server, { nextObjectId: 2, digest: third?.digestBefore ?? 0 })
    expect(transferOf(server)).toMatchObject({ inflight: [third], objectsAcked: 2, bytesAcked: 5 })
    caughtUp(server)
    expect(transferOf(server)).toMatchObject({ inflight: [], objectsAcked: 3, bytesAcked: 6, nextObjectId: 3 })
  })

  it('is not moved back by an answer that another has overtaken', () => {
    const server = readOut(readOut(taken(), 1, 2), 2, 3)
    const [first] = transferOf(server).inflight
    const { state } = caughtUp(server)
    answer(server, { nextObjectId: 1, digest: first?.digestBefore ?? 0 })
    expect([server.state, server.outputs]).toEqual([state, []])
  })

  it('is full when its bytes are reached exactly', () => {
    expect(readOut(taken({ snapshotWindowBytes: 4 }), 1, 2, '1234').outputOf('readObject')).toEqual([])
    expect(readOut(taken({ snapshotWindowBytes: 5 }), 1, 2, '1234').outputOf('readObject')).toHaveLength(1)
  })

  it('holds no more objects than messages may be under way', () => {
    expect(readOut(taken({ inflightMessagesMax: 1 }), 1, 2).outputOf('readObject')).toEqual([])
    expect(readOut(taken({ inflightMessagesMax: 2 }), 1, 2).outputOf('readObject')).toHaveLength(1)
  })

  it('has room for one object, however large', () => {
    expect(taken({ snapshotWindowBytes: 1 }, 'large').outputOf('readObject')).toMatchObject([{ objectId: 1 }])
  })
})
