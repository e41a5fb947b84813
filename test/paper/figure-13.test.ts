import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId, successor, term } from '../../src/core/ids.ts'
import { slice } from '../../src/core/log/log.ts'
import { Server, append, command, n2, n3, snapshotAt } from '../core/server.ts'
import { chunk, failure, snapshotAnswer } from './rpcs.ts'

/* Offsets are names of objects here: the receiver says which one it wants next. `done` is isLast. */

const kept = (server: Server, at: 0 | 1 | 2): Server =>
  server.do({ type: 'objectSaved', transferId: 1, objectId: at, nextObjectId: at + 1 })

const hears = (server: Server, ...chunks: readonly (0 | 1 | 2)[]): Server => {
  for (const at of chunks) kept(server.hear(n2, chunk(at)), at)
  return server
}

/** The whole snapshot is in force. */
const installed = (server: Server): Server =>
  hears(server, 0, 1, 2).do({ type: 'snapshotInstalled', transferId: 1 }).saved()

const termsAfter = ({ state: { log } }: Server): readonly number[] =>
  slice(log, successor(log.baseIndex), log.lastIndex).map((entry) => entry.term)

describe('Figure 13, InstallSnapshot', () => {
  it('1: with a stale term is refused at once, and nothing is written', () => {
    const server = new Server([3]).hear(n2, chunk(0))
    expect([server.said('InstallSnapshotResponse'), server.outputOf('saveObject')]).toMatchObject([[{ term: 3 }], []])
  })

  it('1: with a stale term is no sign of a leader', () => {
    expect(new Server([3]).tick(5).hear(n2, chunk(0)).server.electionElapsedTicks).toBe(5)
  })

  it('2: the first chunk begins a new snapshot', () => {
    const server = new Server([1]).hear(n2, chunk(0))
    expect(server.outputOf('saveObject')).toMatchObject([{ objectId: 0, snapshot: { lastIncludedIndex: 5 } }])
  })

  it('3: data is written where the chunk says', () => {
    const server = hears(new Server([1]), 0).hear(n2, chunk(1))
    expect(server.outputOf('saveObject')).toMatchObject([{ objectId: 1, data: 'chunk 1' }])
  })

  it('3: a chunk before its turn is not written', () => {
    expect(
      hears(new Server([1]), 0)
        .hear(n2, chunk(2))
        .outputOf('saveObject'),
    ).toEqual([])
  })

  it('4: after a chunk that is not the last, the answer asks for more', () => {
    expect(hears(new Server([1]), 0).said('InstallSnapshotResponse')).toMatchObject([
      { status: 'wanted', nextObjectId: 1 },
    ])
  })

  it('4: until the last chunk nothing of it is in force', () => {
    const server = hears(new Server([1]), 0, 1)
    expect([server.server.snapshot.lastIncludedIndex, server.outputOf('installSnapshot')]).toEqual([0, []])
  })

  it('5: the last chunk makes it whole', () => {
    expect(hears(new Server([1]), 0, 1, 2).outputOf('installSnapshot')).toMatchObject([
      { snapshot: { lastIncludedIndex: 5 } },
    ])
  })

  it('5: it replaces the snapshot the server had', () => {
    const server = new Server(
      [],
      {},
      { snapshot: snapshotAt(3, 1), hardState: { currentTerm: term(1), votedFor: null } },
    )
    expect(installed(server).server.snapshot).toEqual(snapshotAt(5, 2))
  })

  it('5: it replaces a part of an older one that never became whole', () => {
    const server = hears(new Server([1]), 0).hear(n2, chunk(0, { transferId: 2, snapshot: snapshotAt(6, 2) }))
    expect(server.outputOf('saveObject')).toMatchObject([{ objectId: 0, snapshot: { lastIncludedIndex: 6 } }])
  })

  it('6: entries after an entry that agrees with its last one are kept', () => {
    // The entries arrive after the chunks began to.
    const server = hears(new Server([1]), 0, 1, 2)
    server.hear(
      n2,
      append(
        2,
        [1, 1],
        [2, 3, 4, 5, 6, 7].map((at) => command(at, 2)),
      ),
    )
    server.do({ type: 'snapshotInstalled', transferId: 1 }).saved()
    expect([server.state.log.baseIndex, termsAfter(server)]).toEqual([5, [2, 2]])
  })

  it('6: a snapshot of a prefix of the log is not needed: what follows it is kept, and it is answered as installed', () => {
    const server = new Server([1, 2, 2, 2, 2, 2, 2]).hear(n2, chunk(0))
    expect([server.state.log.lastIndex, server.said('InstallSnapshotResponse')]).toMatchObject([
      7,
      [{ status: 'installed', installedIndex: 5 }],
    ])
  })

  it('7: a log that ends before it goes', () => {
    expect(installed(new Server([1, 1])).state.log).toMatchObject({ baseIndex: 5, baseTerm: 2, lastIndex: 5 })
  })

  it('7: a log that contradicts its last entry goes as a whole, what follows included', () => {
    expect(installed(new Server([1, 1, 1, 1, 1, 1, 1])).state.log).toMatchObject({ baseIndex: 5, lastIndex: 5 })
  })

  it('8: the state machine is reset to it: the next entry applied is the one after', () => {
    const server = installed(new Server([1]))
    server.hear(n2, append(2, [5, 2], [command(6, 2)], 6)).saved()
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([6])
  })

  it('8: its configuration is in force', () => {
    const configuration = configurationOf(['n1', 'n2', 'n3', 'n4', 'n5'].map(nodeId))
    const snapshot = { ...snapshotAt(5, 2), configuration }
    const server = new Server([1])
    for (const at of [0, 1, 2] as const) kept(server.hear(n2, chunk(at, { snapshot })), at)
    server.do({ type: 'snapshotInstalled', transferId: 1 })
    expect(server.server.configurations.map((each) => each.configuration)).toEqual([configuration])
  })

  it('is answered with success once it is durable, not earlier', () => {
    const server = hears(new Server([1]), 0, 1, 2).do({ type: 'snapshotInstalled', transferId: 1 })
    expect([server.sends, server.promised.map(({ rpc }) => rpc)]).toMatchObject([[], [{ status: 'installed' }]])
  })

  it('gives a sign of life of the leader with every chunk', () => {
    const server = new Server([1])
    const elapsed = ([0, 1, 2] as const).map((at) => {
      kept(server.tick(9).hear(n2, chunk(at)), at)
      return server.server.electionElapsedTicks
    })
    expect(elapsed).toEqual([0, 0, 0])
  })

  it('makes a follower of a candidate of its term', () => {
    const server = new Server([1]).do({ type: 'campaign' }).saved().hear(n2, chunk(0))
    expect([server.server.role.type, server.server.leaderId]).toEqual(['follower', n2])
  })
})

describe('Figure 13, the sender', () => {
  const sending = (): Server => {
    const remains = { snapshot: snapshotAt(4, 1), hardState: { currentTerm: term(1), votedFor: null } }
    return new Server([], {}, remains).lead().hear(n3, failure(2, 4, [0, 0]))
  }

  const read = (server: Server, objectId: number, nextObjectId: number | null): Server => {
    const progress = server.progressOf(n3)
    if (progress.mode !== 'snapshot') throw new Error('no transfer')
    const { transferId } = progress
    return server.do({ type: 'objectRead', to: n3, transferId, objectId, data: `chunk ${objectId}`, nextObjectId })
  }

  const wants = (server: Server, nextObjectId: number): Server => {
    const progress = server.progressOf(n3)
    if (progress.mode !== 'snapshot') throw new Error('no transfer')
    const { transferId, digest } = progress
    return server.hear(n3, snapshotAnswer(2, { transferId, nextObjectId, digest }))
  }

  it('names itself, its term, and what the snapshot replaces', () => {
    expect(read(sending(), 0, 1).said('InstallSnapshot', n3)).toMatchObject([
      { term: 2, leaderId: 'n1', snapshot: { lastIncludedIndex: 4, lastIncludedTerm: 1 } },
    ])
  })

  it('sends chunks in order, and marks the last', () => {
    const server = sending()
    const sent = [0, 1, 2].flatMap((at) => {
      const said = read(server, at, at === 2 ? null : at + 1).said('InstallSnapshot', n3)
      // The first one alone, as an offer; the others follow each other once it is taken.
      if (at === 0) wants(server, 1)
      return said
    })
    expect(sent.map(({ objectId, isLast }) => [objectId, isLast])).toEqual([
      [0, false],
      [1, false],
      [2, true],
    ])
  })
})
