import { describe, expect, it } from 'vitest'
import { Server, n2, n3 } from './server.ts'

/** A leader whose first entry is committed, in round 1. */
const leading = (options = {}) => new Server([], options).lead().propose('x').saved().acknowledge(n2, 1, 1)

const read = (server: Server, mode: 'quorum' | 'lease') => server.do({ type: 'read', id: 7, mode })

describe('a quorum read', () => {
  it('waits for a round of heartbeats that began after it', () => {
    const leader = read(leading(), 'quorum')
    expect(leader.outputOf('readReady')).toEqual([])
    expect(leader.acknowledge(n2, 1, 2).outputOf('readReady')).toEqual([{ type: 'readReady', id: 7, index: 1 }])
  })

  it('takes no proof from an earlier round', () => {
    expect(read(leading(), 'quorum').acknowledge(n3, 1, 1).outputOf('readReady')).toEqual([])
  })

  it('waits for the first commitment of the term', () => {
    const leader = read(new Server([]).lead().acknowledge(n2, 0, 1), 'quorum').acknowledge(n2, 0, 2)
    expect(leader.outputOf('readReady')).toEqual([])
    expect(leader.propose('x').saved().acknowledge(n2, 1, 2).outputOf('readReady')[0]?.index).toBe(1)
  })

  it('that comes during a round shares the next with all others, which begins at once', () => {
    const leader = read(read(read(leading(), 'quorum'), 'quorum'), 'quorum')
    expect(leader.said('AppendEntries')).toEqual([])
    leader.acknowledge(n2, 1, 2)
    expect([leader.outputOf('readReady').length, leader.said('AppendEntries').map(({ round }) => round)]).toEqual([
      1,
      [3, 3],
    ])
    expect(leader.acknowledge(n3, 1, 3).outputOf('readReady')).toHaveLength(2)
    expect(leader.said('AppendEntries').filter(({ round }) => round > 3)).toEqual([])
  })

  it('is refused where as many wait as may', () => {
    const leader = read(read(leading({ pendingReadsMax: 2 }), 'quorum'), 'quorum')
    expect(leader.outputOf('refused')).toEqual([])
    expect(read(leader, 'quorum').outputOf('refused')[0]).toMatchObject({ id: 7, reason: 'busy', leader: 'n1' })
  })

  it('is refused by a follower', () => {
    expect(read(new Server([1]), 'quorum').outputOf('refused')[0]?.reason).toBe('not-leader')
  })

  it('is refused when leadership is lost', () => {
    const leader = read(leading(), 'quorum')
    leader.hear(n3, { type: 'RequestVoteResponse', term: 9 as never, voteGranted: false })
    expect(leader.outputOf('refused')[0]).toMatchObject({ id: 7, reason: 'not-leader' })
  })
})

describe('a lease read', () => {
  it('is served at once within the lease', () => {
    expect(read(leading({ checkQuorum: true }), 'lease').outputOf('readReady')[0]?.index).toBe(1)
  })

  it('is refused when the lease has run out, drift deducted', () => {
    const leader = leading({ checkQuorum: true, leaseDriftTicks: 2 }).tick(6)
    expect(read(leader, 'lease').outputOf('readReady').length).toBe(1)
    expect(read(leader.tick(), 'lease').outputOf('refused')[0]?.reason).toBe('no-lease')
  })

  it('reckons from the latest round that was answered, not from the first of several', () => {
    const leader = new Server([], { checkQuorum: true, leaseDriftTicks: 0, heartbeatTicks: 2 }).lead()
    leader.propose('x').saved().tick(4).acknowledge(n2, 1, 3)
    // The third round began with the fourth tick.
    expect(read(leader.tick(8), 'lease').outputOf('readReady')).toHaveLength(1)
    expect(read(leader.tick(), 'lease').outputOf('refused')).toHaveLength(1)
  })

  it('is refused where quorums are not checked', () => {
    expect(read(leading(), 'lease').outputOf('refused')[0]?.reason).toBe('no-lease')
  })
})
