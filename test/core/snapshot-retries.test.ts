import { describe, expect, it } from 'vitest'
import { term } from '../../src/core/ids.ts'
import { answer, answerAppend, caughtUp, readOut, sending, taken, transferOf } from './sending.ts'
import { type Server, n2, n3 } from './server.ts'

/* What the sender of a snapshot does about silence, and about transfers that fail. */

describe('after a time-out', () => {
  /** Objects 1 to 3 are under way, and nothing was answered for too long. */
  const overdue = (): Server => readOut(readOut(readOut(taken(), 1, 2), 2, 3), 3, 4).tick(3)

  it('the oldest object is sent again, at its position, and no other', () => {
    const server = overdue()
    const { inflight } = transferOf(server)
    expect(server.outputOf('readObject')).toMatchObject([{ objectId: 1 }])
    readOut(server, 1, 2)
    expect(server.said('InstallSnapshot')).toMatchObject([
      { objectId: 1, position: 1, digest: inflight[1]?.digestBefore },
    ])
    expect(transferOf(server).inflight).toEqual(inflight)
  })

  it('each that is still wanted follows at once; none that has come', () => {
    const server = readOut(overdue(), 1, 2)
    const [, second, third] = transferOf(server).inflight
    answer(server, { nextObjectId: 2, digest: second?.digestBefore ?? 0 })
    expect(server.outputOf('readObject')).toMatchObject([{ objectId: 2 }])
    readOut(server, 2, 3)
    answer(server, { status: 'saving', nextObjectId: 3, digest: third?.digestBefore ?? 0 })
    expect(server.outputOf('readObject')).not.toMatchObject([{ objectId: 3 }])
  })

  it('an object that is acknowledged while it is read is not sent', () => {
    const server = caughtUp(overdue())
    expect(readOut(server, 1, 2).said('InstallSnapshot')).toEqual([])
  })

  it('a receiver that has lost what it had kept is given up at the next tick, and offered the snapshot after a pause', () => {
    const server = answer(readOut(overdue(), 1, 2), { nextObjectId: 0, digest: 0 })
    expect(server.outputOf('transferEnded')).toEqual([])
    expect(server.tick().outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
    expect(server.tick(2).outputOf('readObject')).toEqual([])
    expect(server.tick().outputOf('readObject')).toMatchObject([{ objectId: 0 }])
  })
})

describe('the patience of a sender', () => {
  it('lasts so many ticks for an object, and begins anew with every one that is kept', () => {
    const server = readOut(readOut(taken(), 1, 2), 2, null).tick(2)
    expect(server.outputOf('readObject')).toEqual([])
    answer(server, { nextObjectId: 2, digest: transferOf(server).inflight[1]?.digestBefore ?? 0 })
    expect(server.tick(2).outputOf('readObject')).toEqual([])
    expect(server.tick().outputOf('readObject')).toMatchObject([{ objectId: 2 }])
  })

  it('is not prolonged by answers without progress, and retries are not forgiven for them', () => {
    const server = readOut(sending(), 0, null).tick(2)
    expect(answer(server, { nextObjectId: 0 }).tick().outputOf('readObject')).toMatchObject([{ objectId: 0 }])
    readOut(server, 0, null)
    expect(answer(server, { nextObjectId: 0 }).tick(3).outputOf('transferEnded')).toHaveLength(1)
  })

  it('lasts as long for the own shell as for a receiver with all its retries, without asking twice', () => {
    const server = sending().tick(5)
    expect([server.outputOf('readObject'), transferOf(server).reading]).toEqual([[], 0])
    expect(server.tick().outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
  })

  it('lasts so many ticks for putting a snapshot in force', () => {
    const server = sending({ snapshotInstallTimeoutTicks: 5, snapshotObjectTimeoutTicks: 9 })
    answer(readOut(server, 0, null), { status: 'installing' })
    expect(transferOf(server.tick(4)).phase).toBe('install')
    expect(server.tick().outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
    expect(server.progressOf(n2).mode).toBe('probe')
  })

  it('is the same for that without retries: the first time-out asks how far the receiver is', () => {
    const server = sending({ snapshotRetriesMax: 0, snapshotInstallTimeoutTicks: 50 })
    answer(readOut(server, 0, null), { status: 'installing' })
    for (let asked = 1; asked < 16; asked++) {
      expect(server.tick(3).outputOf('readObject')).toMatchObject([{ objectId: 0 }])
      answer(readOut(server, 0, null), { status: 'installing' })
    }
    expect(transferOf(server.tick(4))).toMatchObject({ phase: 'install', installTicks: 49 })
    expect(server.tick().outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
  })

  it('ends with a receiver that does not answer that question, or has lost all that it had', () => {
    const asked = (): Server => {
      const server = sending({ snapshotRetriesMax: 0, snapshotInstallTimeoutTicks: 50 })
      answer(readOut(server, 0, 1), { nextObjectId: 1, digest: transferOf(server).digest })
      answer(readOut(server, 1, null), { status: 'installing' })
      return readOut(server.tick(3), 1, null)
    }
    expect(asked().tick(3).outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
    expect(answer(asked(), { nextObjectId: 0, digest: 0 }).tick().outputOf('transferEnded')).toHaveLength(1)
  })

  it('is not prolonged by the same word again', () => {
    const server = sending({ snapshotInstallTimeoutTicks: 5, snapshotObjectTimeoutTicks: 9 })
    answer(readOut(server, 0, null), { status: 'installing' })
    answer(server.tick(3), { status: 'installing' })
    expect(server.tick(2).outputOf('transferEnded')).toMatchObject([{ outcome: 'abandoned' }])
  })

  it('is told to have ended when it leads no more', () => {
    const server = readOut(sending(), 0, 1)
    const { transferId } = transferOf(server)
    server.hear(n3, { type: 'RequestVoteResponse', term: term(9), voteGranted: false })
    expect(server.outputOf('transferEnded')).toMatchObject([{ to: n2, transferId, outcome: 'abandoned' }])
  })
})

describe('after a failure', () => {
  const fail = (server: Server): Server =>
    server.do({ type: 'objectReadFailed', to: n2, transferId: transferOf(server).transferId, reason: 'gone' })
  const silence = (server: Server): Server => server.acknowledge(n2, 0)
  /** Ticks, with an answer to each heartbeat, until the next transfer starts. */
  const pause = (server: Server): number => {
    for (let ticks = 0; ticks < 1_000; ticks++) {
      if (server.progressOf(n2).mode === 'snapshot') return ticks
      silence(server.tick())
    }
    throw new Error('no transfer starts')
  }

  it('each pause is twice as long as the one before, up to sixteen times the first', () => {
    const server = sending()
    expect(Array.from({ length: 7 }, () => pause(fail(server)))).toEqual([3, 6, 12, 24, 48, 48, 48])
  })

  it('a success ends the row', () => {
    const server = sending()
    pause(fail(server))
    expect(server.server.role).toMatchObject({ failedTransfers: [{ id: n2, failures: 1 }] })
    expect(server.acknowledge(n2, 4).server.role).toMatchObject({ failedTransfers: [] })
  })

  it('an empty message that is refused in the pause calls for no other', () => {
    const server = fail(sending())
    answerAppend(server)
    expect(server.sends).toEqual([])
  })

  it('the next transfer starts over where the last could not go on from where its receiver stood', () => {
    const resumed = answer(readOut(sending(), 0, 1), { nextObjectId: 7, digest: 5 })
    pause(fail(resumed))
    expect(readOut(resumed, 0, 1).said('InstallSnapshot')).toMatchObject([{ startsOver: true }])
    const advanced = taken()
    pause(fail(advanced))
    expect(readOut(advanced, 0, 1).said('InstallSnapshot')).toMatchObject([{ startsOver: false }])
  })
})
