import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { configurationOf, type Configuration } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { Server, THREE, append, command, logOfTerms, n2, n3, snapshotAt } from './server.ts'

describe('AppendEntries', () => {
  it('takes nothing away when it repeats what is there', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(1, [0, 0], logOfTerms(1)))
    expect(server.state.log.lastIndex).toBe(3)
  })

  it('replaces a conflicting suffix in one save', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(2, [1, 1], [command(2, 2)]))
    expect(server.outputOf('save')).toMatchObject([{ truncateFrom: 2, entries: [{ index: 2, term: 2 }], lastIndex: 2 }])
  })

  it('is acknowledged only with the save of its entries', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [command(2, 1)]))
    expect([server.sends.length, server.said('AppendEntriesResponse')[0]]).toMatchObject([
      0,
      { success: true, matchIndex: 2 },
    ])
  })

  it('commits no more than it verified', () => {
    const server = new Server([1, 1, 1]).hear(n2, append(2, [1, 1], [], 3))
    expect(server.server.commitIndex).toBe(1)
  })

  it('of an older term is answered with the current one', () => {
    const server = new Server([3]).hear(n2, append(2, [1, 3]))
    expect(server.said('AppendEntriesResponse')).toEqual([
      {
        type: 'AppendEntriesResponse',
        term: 3,
        success: false,
        rejectedIndex: 1,
        conflictIndex: 0,
        conflictTerm: 0,
        round: 0,
      },
    ])
  })

  it('that contradicts what is committed changes nothing', () => {
    const server = new Server([1, 1]).hear(n2, append(2, [2, 1], [], 2))
    const { log } = server.state
    server.hear(n2, append(2, [1, 1], [command(2, 2)]))
    expect([server.contradictions, server.state.log === log]).toEqual([
      ['an append contradicts a committed entry'],
      true,
    ])
  })

  it('that contradicts the compacted end of the log changes nothing', () => {
    const server = new Server(
      [],
      {},
      { snapshot: snapshotAt(5, 2), hardState: { currentTerm: term(2), votedFor: null } },
    )
    const { log } = server.state
    server.hear(n2, append(2, [0, 0], logOfTerms(1, 1, 1, 1, 1, 1)))
    expect([server.contradictions, server.state.log === log]).toEqual([
      ['an append contradicts a committed entry'],
      true,
    ])
  })

  it('with entries that do not follow each other is malformed', () => {
    expect(new Server([1]).hear(n2, append(1, [1, 1], [command(3, 1)])).ignored).toEqual(['malformed'])
  })
})

describe('a configuration', () => {
  const FOUR = configurationOf(['n1', 'n2', 'n3', 'n4'].map((name) => nodeId(name)))
  const FIVE = configurationOf(['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => nodeId(name)))
  const change = (at: number, inTerm: number, configuration: Configuration): Entry => ({
    type: 'configuration',
    index: index(at),
    term: term(inTerm),
    bytes: 0,
    configuration,
  })
  const changed = (): Server => new Server([1]).hear(n2, append(1, [1, 1], [change(2, 1, FOUR), change(3, 1, FIVE)]))
  const inForce = (server: Server) => server.server.configurations.map((record) => [record.index, record.configuration])

  it('is in force as soon as it is appended (section 6)', () => {
    expect(inForce(changed())).toEqual([
      [0, THREE],
      [2, FOUR],
      [3, FIVE],
    ])
  })

  it.each([
    [2, [[0, THREE]]],
    [
      3,
      [
        [0, THREE],
        [2, FOUR],
      ],
    ],
  ])('gives way to the one before when it is truncated, from %d on', (from, left) => {
    const prev: readonly [number, number] = [from - 1, 1]
    expect(inForce(changed().hear(n3, { ...append(2, prev, [command(from, 2)]), leaderId: n3 }))).toEqual(left)
  })

  it('stays when what follows it is truncated', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1], [change(2, 1, FOUR), command(3, 1)]))
    expect(inForce(server.hear(n3, { ...append(2, [2, 1], [command(3, 2)]), leaderId: n3 }))).toHaveLength(2)
  })

  it('gives way to another one at its place', () => {
    const server = changed().hear(n3, { ...append(2, [1, 1], [change(2, 2, FIVE)]), leaderId: n3 })
    expect(inForce(server)).toEqual([
      [0, THREE],
      [2, FIVE],
    ])
  })
})

describe('a save', () => {
  it('answered late does not vouch for what has replaced it since (etcd-io/raft ABA)', () => {
    const server = new Server([1]).hear(n2, append(2, [1, 1], [command(2, 2), command(3, 2)]))
    server.hear(n3, { ...append(3, [1, 1], [command(2, 3), command(3, 3)]), leaderId: n3 })
    server.do({ type: 'saved', sequence: 1, lastIndex: index(3) })
    expect(server.server.durableIndex).toBe(1)
    expect(server.saved().server.durableIndex).toBe(3)
  })

  it('that nobody asked for is the caller’s mistake', () => {
    expect(() => new Server([1]).do({ type: 'saved', sequence: 1, lastIndex: index(1) })).toThrow(UsageError)
  })

  it('counts for the leader’s own copy, not before', () => {
    const leader = new Server([]).lead().propose('x').acknowledge(n2, 1)
    expect(leader.server.commitIndex).toBe(0)
    expect(leader.saved().server.commitIndex).toBe(1)
  })
})

/** Figure 7: the leader of term 8, and what followers may hold. */
const LEADER = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
const FIGURE_7: readonly (readonly [string, readonly number[], number])[] = [
  ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6], 1],
  ['b', [1, 1, 1, 4], 1],
  ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], 0],
  ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], 0],
  ['e', [1, 1, 1, 4, 4, 4, 4], 1],
  ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], 1],
]

describe('conflict hints', () => {
  it.each(FIGURE_7)('bring follower %s of Figure 7 (%j) in line after %d refusals', (_, terms, refusals) => {
    const leader = new Server(LEADER, {}, { hardState: { currentTerm: 7 as never, votedFor: null } }).lead()
    const follower = new Server(terms)
    let refused = 0
    for (let trip = 0; trip < 20; trip++) {
      const [rpc] = leader.said('AppendEntries', n2)
      if (rpc === undefined) break
      // The follower is called n1 too; only its answers matter.
      const [answer] = follower.hear(n2, { ...rpc, leaderId: n2 }).said('AppendEntriesResponse')
      follower.saved()
      if (answer === undefined) break
      if (!answer.success) refused++
      leader.hear(n2, answer)
    }
    expect(leader.progressOf(n2).matchIndex).toBe(10)
    expect(refused).toBe(refusals)
  })
})

describe('pipelining', () => {
  const replicating = (options = {}) => new Server([], { ...options }).lead().acknowledge(n2, 0)

  it('stops at the limit in messages', () => {
    const leader = replicating({ inflightMessagesMax: 2 })
    leader.propose(1).propose(2)
    expect(leader.propose(3).said('AppendEntries', n2)).toEqual([])
  })

  it('stops at the limit in bytes', () => {
    const leader = replicating({ inflightBytesMax: 15 })
    leader.propose(1)
    expect(leader.propose(2).said('AppendEntries', n2).length).toBe(1)
    expect(leader.propose(3).said('AppendEntries', n2)).toEqual([])
  })

  it('still counts what an acknowledgement did not reach', () => {
    const leader = replicating({ inflightMessagesMax: 3 }).propose(1).propose(2).propose(3).acknowledge(n2, 1)
    expect(leader.progressOf(n2)).toMatchObject({ inflight: [{ lastIndex: 2 }, { lastIndex: 3 }] })
    expect(leader.propose(4).said('AppendEntries', n2)).toHaveLength(1)
    expect(leader.propose(5).said('AppendEntries', n2)).toEqual([])
  })

  it('goes on with an acknowledgement', () => {
    const leader = replicating({ inflightMessagesMax: 1 }).propose(1).propose(2)
    expect(leader.acknowledge(n2, 1).said('AppendEntries', n2)[0]?.entries.length).toBe(1)
  })

  it('sends a batch of proposals as one message', () => {
    const leader = replicating().propose(1, 2, 3, 4)
    expect(leader.said('AppendEntries', n2).map(({ entries }) => entries.length)).toEqual([4])
  })

  it('cuts a batch at the limit of a message', () => {
    const leader = replicating({ messageEntriesMax: 3 }).propose(1, 2, 3, 4)
    expect(leader.said('AppendEntries', n2).map(({ entries }) => entries.length)).toEqual([3, 1])
  })

  it('sends an entry above the limit alone', () => {
    const leader = replicating({ messageBytesMax: 5 }).propose('a long command', 'another')
    expect(leader.said('AppendEntries', n2).map(({ entries }) => entries.length)).toEqual([1, 1])
  })

  it('falls back to probing when a message was lost', () => {
    const leader = replicating().propose(1).propose(2)
    const { currentTerm: term } = leader.server
    const failure = {
      success: false,
      rejectedIndex: index(2),
      conflictIndex: index(0),
      conflictTerm: 0 as never,
    } as const
    leader.hear(n2, { type: 'AppendEntriesResponse', term, round: 1, ...failure })
    expect(leader.progressOf(n2)).toMatchObject({ mode: 'probe', nextIndex: 1, paused: true })
  })

  it('lets no late acknowledgement lower matchIndex', () => {
    const leader = replicating().propose(1, 2).acknowledge(n2, 2).acknowledge(n2, 1)
    expect(leader.progressOf(n2).matchIndex).toBe(2)
  })
})

describe('commitment', () => {
  it('waits for an entry of the leader’s own term (Figure 8)', () => {
    const leader = new Server([1, 1]).lead().acknowledge(n2, 2)
    expect(leader.server.commitIndex).toBe(0)
    expect(leader.propose('x').acknowledge(n2, 3).server.commitIndex).toBe(0)
    expect(leader.saved().server.commitIndex).toBe(3)
  })

  it('hands entries out once they are on the own disk', () => {
    const leader = new Server([]).lead().propose('x').acknowledge(n2, 1).acknowledge(n3, 1)
    expect([leader.server.commitIndex, leader.server.applyingIndex]).toEqual([1, 0])
    expect(leader.saved().outputOf('apply')[0]?.entries[0]?.index).toBe(1)
  })
})

describe('applied', () => {
  const handedOut = (): Server => new Server([1, 1, 1]).hear(n2, append(1, [3, 1], [], 2))

  it('of more than was handed out is the caller’s mistake', () => {
    expect(() => handedOut().do({ type: 'applied', index: index(3) })).toThrow(UsageError)
  })

  it('of less than before changes nothing', () => {
    const server = handedOut().do({ type: 'applied', index: index(2) })
    const before = server.server
    expect(server.do({ type: 'applied', index: index(1) }).server).toEqual(before)
    expect(server.outputs).toEqual([])
  })

  it('lets the next batch go out', () => {
    const server = new Server([1, 1, 1], { applyEntriesMax: 2 }).hear(n2, append(1, [3, 1], [], 3))
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([1, 2])
    server.do({ type: 'applied', index: index(2) })
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([3])
  })
})

describe('propose', () => {
  it('is refused by a follower, with the leader’s name', () => {
    const server = new Server([1]).hear(n2, append(1, [1, 1])).propose('x')
    expect(server.outputOf('refused')).toEqual([{ type: 'refused', id: 'p', reason: 'not-leader', leader: n2 }])
  })

  it('is refused when too much waits to be committed', () => {
    const leader = new Server([], { uncommittedEntriesMax: 2 }).lead().propose(1, 2)
    expect(leader.propose(3).outputOf('refused')[0]?.reason).toBe('busy')
  })

  it('is accepted whatever earlier terms left uncommitted', () => {
    const leader = new Server([1, 1, 1, 1], { uncommittedEntriesMax: 2 }).lead()
    expect(leader.propose('x').outputOf('accepted')[0]?.firstIndex).toBe(5)
  })

  it('without commands is the caller’s mistake', () => {
    expect(() => new Server([]).lead().propose()).toThrow(UsageError)
  })
})
