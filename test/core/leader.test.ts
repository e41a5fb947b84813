import { describe, expect, it } from 'vitest'
import type { Options } from '../../src/core/config.ts'
import { index, term } from '../../src/core/ids.ts'
import type { Remains } from '../../src/core/start.ts'
import { newLeader } from '../../src/core/role.ts'
import { Server, command, n2, n3, snapshotAt } from './server.ts'

/* What a leader makes of what its followers say, late, twice, or not at all. */

const rejected = (leader: Server, at: number, conflictIndex: number, conflictTerm = 0): Server =>
  leader.hear(n2, {
    type: 'AppendEntriesResponse',
    term: leader.server.currentTerm,
    success: false,
    rejectedIndex: index(at),
    conflictIndex: index(conflictIndex),
    conflictTerm: term(conflictTerm),
    round: 0,
  })

const leading = (terms: readonly number[], options: Partial<Options> = {}): Server =>
  new Server(terms, { heartbeatTicks: 1, ...options }).lead()

/** A leader with a snapshot at 4, whose log begins there unless more remains. */
const compacted = (remains: Partial<Remains> = {}): Server =>
  new Server(
    [],
    { heartbeatTicks: 1 },
    { snapshot: snapshotAt(4, 1), hardState: { currentTerm: term(1), votedFor: null }, ...remains },
  ).lead()

describe('heartbeats reach a follower', () => {
  it('whose log is not known', () => {
    expect(leading([1]).tick().said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 1, entries: [] }])
  })

  it('whose log is known', () => {
    expect(leading([1]).acknowledge(n2, 1).tick().said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 1 }])
  })

  it('that is being sent a snapshot', () => {
    const leader = rejected(compacted(), 4, 0)
    expect(leader.progressOf(n2).mode).toBe('snapshot')
    expect(leader.tick().said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 4, entries: [] }])
  })

  it('that needs a snapshot and is not heard of: it may have come back', () => {
    const leader = rejected(compacted(), 4, 0)
    const progress = leader.progressOf(n2)
    if (progress.mode !== 'snapshot') throw new Error('no transfer is under way')
    leader.do({ type: 'objectReadFailed', to: n2, transferId: progress.transferId, reason: 'gone' }).tick(30)
    expect(leader.progressOf(n2)).toMatchObject({ mode: 'probe', active: false, nextIndex: 1 })
    leader.tick()
    expect([leader.outputOf('readObject'), leader.said('AppendEntries', n2)]).toMatchObject([[], [{ prevLogIndex: 4 }]])
  })
})

describe('a new leader', () => {
  it('knows nothing of its followers, and suspects nobody', () => {
    const follower = {
      mode: 'probe',
      matchIndex: 0,
      nextIndex: 5,
      active: true,
      ackedRound: 0,
      sentCommit: 0,
      window: 64,
    }
    expect(newLeader([n2, n3], index(4), 64)).toEqual({
      type: 'leader',
      progress: [n2, n3].map((id) => ({ id, ...follower, paused: false })),
      termStartIndex: 5,
      heartbeatElapsedTicks: 0,
      round: 0,
      ackedRound: 0,
      reads: { front: [], middle: [], back: [] },
      clockTicks: 0,
      roundsStarted: [],
      leaseTicks: -1,
      shortSilence: [],
      transfersStarted: 0,
      failedTransfers: [],
    })
  })

  it('counts time from its election on', () => {
    const leader = new Server([], { checkQuorum: true, electionTimeoutTicks: 4 }).tick(3)
    expect(leader.lead().server.electionElapsedTicks).toBe(0)
  })
})

describe('a refusal', () => {
  it('that was answered already starts no second probe', () => {
    const leader = rejected(leading([1, 1, 1]), 3, 1, 1)
    expect(leader.said('AppendEntries', n2)).toMatchObject([{ prevLogIndex: 1 }])
    rejected(leader, 3, 1, 1)
    expect([leader.ignored, leader.said('AppendEntries', n2)]).toEqual([['stale response'], []])
  })

  it('older than an acknowledgement does not interrupt the stream', () => {
    const leader = leading([1, 1, 1]).acknowledge(n2, 2)
    rejected(leader, 2, 1, 1)
    expect([leader.ignored, leader.progressOf(n2).mode]).toEqual([['stale response'], 'replicate'])
  })

  it('of an index that the log does not reach is no answer to anything sent', () => {
    const leader = leading([1, 1, 1]).acknowledge(n2, 2)
    rejected(leader, 4, 1, 1)
    expect([leader.ignored, leader.progressOf(n2).mode]).toEqual([['stale response'], 'replicate'])
  })

  it('with a hint below the base leads to a snapshot', () => {
    expect(rejected(compacted(), 4, 3, 1).progressOf(n2).mode).toBe('snapshot')
  })
})

describe('an acknowledgement', () => {
  it('of more than there is, is malformed', () => {
    const leader = leading([1]).acknowledge(n2, 2)
    expect([leader.ignored, leader.progressOf(n2).matchIndex]).toEqual([['malformed'], 0])
  })

  it('that commits is told to everybody at once', () => {
    const leader = leading([1]).acknowledge(n2, 1).acknowledge(n3, 1).propose('x').saved().acknowledge(n2, 2)
    expect(leader.said('AppendEntries', n2)).toMatchObject([{ leaderCommit: 2, entries: [] }])
    // n3 has not answered yet: the next message to it will tell.
    expect(leader.acknowledge(n3, 2).said('AppendEntries', n3)).toMatchObject([{ leaderCommit: 2 }])
  })

  it('that commits nothing new is told to nobody', () => {
    const leader = leading([1]).acknowledge(n2, 1).acknowledge(n3, 1).propose('x').saved().acknowledge(n2, 2)
    leader.acknowledge(n3, 2).acknowledge(n3, 2)
    expect(leader.said('AppendEntries')).toEqual([])
  })

  it.each([
    [1, null],
    [2, 'abandoned'],
    [3, 'abandoned'],
    [4, 'installed'],
  ] as const)('of %d ends the transfer of a snapshot at 4, of a log from 2 on: %s', (matchIndex, outcome) => {
    const trailing = { base: { index: index(2), term: term(1) }, entries: [command(3, 1), command(4, 1)] }
    const leader = rejected(compacted(trailing), 4, 0).acknowledge(n2, matchIndex)
    expect(leader.outputOf('transferEnded').map((ended) => ended.outcome)).toEqual(outcome === null ? [] : [outcome])
    expect(leader.progressOf(n2).mode).toBe(outcome === null ? 'snapshot' : 'replicate')
  })
})

describe('the window of a follower', () => {
  it('is full when its bytes are reached exactly', () => {
    // The entry that begins the term is of another size than those proposed.
    const leader = leading([]).acknowledge(n2, 0).propose('12345678')
    const [entry] = leader.said('AppendEntries', n2)[0]?.entries ?? []
    const exact = leading([], { inflightBytesMax: entry?.bytes ?? 0 })
      .acknowledge(n2, 0)
      .propose('12345678')
    expect(exact.propose('1').said('AppendEntries', n2)).toEqual([])
    const roomy = leading([], { inflightBytesMax: (entry?.bytes ?? 0) + 1 })
      .acknowledge(n2, 0)
      .propose('12345678')
    expect(roomy.propose('1').said('AppendEntries', n2)).toHaveLength(1)
  })
})
