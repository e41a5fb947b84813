import { describe, expect, it } from 'vitest'
import type { AppendEntries } from '../../src/core/rpc.ts'
import { index, term, type NodeId } from '../../src/core/ids.ts'
import { Server, n2, n3, snapshotAt } from './server.ts'

/* How much a leader sends: to a follower that is silent, and after refusals that messages overtook. */

const KILOBYTE = 'x'.repeat(1022)

/** Collects what is sent to a follower while `act` runs; n3 answers everything at once. */
const sentTo = (leader: Server, id: NodeId, times: number, act: () => void): readonly AppendEntries[] => {
  const sent: AppendEntries[] = []
  const collect = (): void => void sent.push(...leader.said('AppendEntries', id))
  for (let at = 0; at < times; at++) {
    act()
    collect()
    leader.saved()
    collect()
    const { role } = leader.server
    leader.acknowledge(n3, leader.state.log.lastIndex, role.type === 'leader' ? role.round : 0)
    collect()
  }
  return sent
}

/** n2 refuses a message: it has nothing. */
const refuse = (leader: Server, rejectedIndex: number, round: number): Server =>
  leader.hear(n2, {
    type: 'AppendEntriesResponse',
    term: leader.server.currentTerm,
    success: false,
    rejectedIndex: index(rejectedIndex),
    conflictIndex: index(0),
    conflictTerm: term(0),
    round,
  })

const bytesOf = (sent: readonly AppendEntries[]): number =>
  sent.flatMap(({ entries }) => entries).reduce((sum, { bytes }) => sum + bytes, 0)

describe('a silent follower', () => {
  it('whose next entry is compacted gets nothing but heartbeats', () => {
    const leader = new Server(
      [],
      { heartbeatTicks: 5, checkQuorum: true },
      { snapshot: snapshotAt(4, 1), hardState: { currentTerm: term(1), votedFor: null } },
    )
    leader.tick(10).lead()
    refuse(leader, 4, 1)
    const progress = leader.progressOf(n2)
    if (progress.mode !== 'snapshot') throw new Error('no transfer is under way')
    leader.do({ type: 'objectReadFailed', to: n2, transferId: progress.transferId, reason: 'gone' })
    expect(sentTo(leader, n2, 1000, () => leader.propose('x'))).toEqual([])
  })

  it('whose log is unknown gets its entries no longer than a quorum check lasts', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 1, electionTimeoutTicks: 10 }).lead()
    leader.propose(KILOBYTE)
    const sent = sentTo(leader, n2, 600, () => leader.tick())
    expect([sent.length, bytesOf(sent) <= 10 * 1024]).toEqual([600, true])
  })

  it('whose log is unknown gets no entries again with the rounds that reads begin', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 5, electionTimeoutTicks: 10 }).lead()
    leader.propose(KILOBYTE).saved().acknowledge(n3, 1, 1)
    const sent = sentTo(leader, n2, 1000, () => leader.do({ type: 'read', id: 'r', mode: 'quorum' }))
    expect([sent.length, bytesOf(sent)]).toEqual([1000, 0])
  })

  it('whose log was known is probed again after an election timeout without an answer', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 1, electionTimeoutTicks: 10 }).lead()
    leader.propose('a').saved().acknowledge(n2, 1)
    leader.propose('b').saved()
    sentTo(leader, n2, 20, () => leader.tick())
    expect(leader.progressOf(n2)).toMatchObject({ mode: 'probe', matchIndex: 1, nextIndex: 2, paused: true })
  })

  it('whose log was known gets no entries that are proposed meanwhile', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 1, electionTimeoutTicks: 10 }).lead()
    leader.propose('a').saved().acknowledge(n2, 1)
    sentTo(leader, n2, 20, () => leader.tick())
    expect(sentTo(leader, n2, 100, () => leader.propose(KILOBYTE))).toEqual([])
  })

  it('gets all it lacks once it answers', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 1, electionTimeoutTicks: 10 }).lead()
    leader.propose('a').saved().acknowledge(n2, 1)
    sentTo(leader, n2, 20, () => leader.tick())
    leader.propose('b', 'c').saved()
    expect(leader.acknowledge(n2, 1, 20).said('AppendEntries', n2)).toMatchObject([
      { prevLogIndex: 1, entries: [{ index: 2 }, { index: 3 }] },
    ])
  })
})

describe('refusals of messages that overtook another', () => {
  const streaming = (): Server => {
    const leader = new Server([], { messageEntriesMax: 1, inflightMessagesMax: 4 }).lead().acknowledge(n2, 0, 1)
    return leader.propose('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
  }
  const sentIndices = (leader: Server): readonly (readonly number[])[] =>
    leader.said('AppendEntries', n2).map(({ entries }) => entries.map(({ index: at }) => at))

  it('halve the window, and each acknowledged message raises it by one', () => {
    const leader = streaming()
    const windows = [
      refuse(leader, 1, 1).progressOf(n2).window,
      leader.acknowledge(n2, 1, 1).progressOf(n2).window,
      leader.acknowledge(n2, 2, 1).progressOf(n2).window,
    ]
    expect(windows).toEqual([2, 2, 3])
  })

  it('never make the window empty', () => {
    const leader = streaming()
    for (let at = 1; at < 8; at++) refuse(leader, at, 1).acknowledge(n2, at, 1)
    expect(leader.progressOf(n2).window).toBeGreaterThanOrEqual(1)
  })

  it('of what is matched are stale, also while it is probed again', () => {
    const leader = new Server([], { checkQuorum: true, heartbeatTicks: 1, electionTimeoutTicks: 10 }).lead()
    leader.propose('a').saved().acknowledge(n2, 1)
    sentTo(leader, n2, 20, () => leader.tick())
    expect(leader.progressOf(n2).mode).toBe('probe')
    expect(refuse(leader, 1, 1).said('AppendEntries', n2)).toEqual([])
  })

  it('send again no more than half of a window each', () => {
    const leader = streaming()
    expect(sentIndices(refuse(leader, 3, 1))).toEqual([[1]])
    expect(sentIndices(leader.acknowledge(n2, 1, 1))).toEqual([[2], [3]])
  })
})

describe('a follower that has put a snapshot in force', () => {
  it('is not sent the news that the snapshot brought', () => {
    const leader = new Server([1], { trailingEntries: 0 }).lead().propose('a').saved().acknowledge(n3, 2)
    leader.do({ type: 'applied', index: index(2) }).do({ type: 'snapshotTaken', index: index(2) })
    refuse(leader, 1, 1)
    const progress = leader.progressOf(n2)
    if (progress.mode !== 'snapshot') throw new Error('no transfer is under way')
    leader.hear(n2, {
      type: 'InstallSnapshotResponse',
      term: leader.server.currentTerm,
      transferId: progress.transferId,
      status: 'installed',
      nextObjectId: 0,
      digest: 0,
      installedIndex: index(2),
    })
    expect(leader.said('AppendEntries', n2)).toEqual([])
  })
})
