import { describe, expect, it } from 'vitest'
import { step } from '../../../src/core/step.ts'
import type { Action } from '../../../src/sim/explore/action.ts'
import { claimWorld } from '../../../src/sim/explore/claims.ts'
import { explore } from '../../../src/sim/explore/explore.ts'
import { Fingerprints } from '../../../src/sim/explore/fingerprint.ts'
import { Seen } from '../../../src/sim/explore/seen.ts'
import { take, type Rules, type Step } from '../../../src/sim/explore/turn.ts'
import { bornWorld, type World } from '../../../src/sim/explore/world.ts'

const NOTHING = { crashes: 0, duplicates: 0, heartbeats: 0 }
const RULES: Rules = { step, checksSteps: true, lateDisks: false, leases: false }

describe('what can be explored besides the paper', () => {
  it.each([
    ['pre-votes', { raft: { preVote: true }, bounds: { log: 1 } }],
    ['blank entries', { raft: { noopOnElection: true }, bounds: {} }],
    ['reads', { raft: { noopOnElection: true }, bounds: { reads: 2, crashes: 0, duplicates: 0 } }],
    [
      'the check of the quorum',
      { raft: { checkQuorum: true, electionTimeoutTicks: 2 }, bounds: { ...NOTHING, ticks: 4 } },
    ],
    [
      'leases',
      {
        raft: { checkQuorum: true, electionTimeoutTicks: 3, noopOnElection: true },
        bounds: { ...NOTHING, ticks: 3, reads: 1, leases: true },
      },
    ],
  ])('%s', (_, { raft, bounds }) => {
    const walk = explore({ servers: 3, depth: 6, raft, bounds })
    expect([walk.violation, walk.worlds > 500]).toEqual([null, true])
  })

  it('everything with two servers that ask before they campaign', () => {
    const walk = explore({
      servers: 2,
      depth: 99,
      raft: { preVote: true },
      bounds: { ...NOTHING, terms: 1, log: 1, campaigns: 2 },
    })
    expect([walk.isComplete, walk.violation]).toEqual([true, null])
  })

  it('not ticks of all servers beside ticks of leaders alone', () => {
    expect(() => explore({ servers: 3, depth: 1, bounds: { ticks: 1, heartbeats: 1 } })).toThrow(
      'heartbeats are ticks of leaders alone',
    )
  })

  it.each([
    [{ ticks: 1, reads: 1 }, {}],
    [{ ticks: 0, reads: 1 }, { checkQuorum: true }],
    [{ ticks: 1, reads: 0 }, { checkQuorum: true }],
  ])('not leases without what they rest on: %j, %j', (bounds, raft) => {
    expect(() => explore({ servers: 3, depth: 1, raft, bounds: { ...NOTHING, ...bounds, leases: true } })).toThrow(
      'leases are explored with the check of the quorum, ticks and reads',
    )
  })
})

/** n1 leads term 1, and n2, elected by n3, has committed an entry of term 2. */
const deposed = (rules: Rules): World => {
  let world = bornWorld(3)
  const deliver = (type: string, from: string, to: string): void => {
    const packet = world.packets.findLastIndex((each) => each.rpc.type === type && each.from === from && each.to === to)
    world = take(world, { type: 'deliver', packet }, rules)
  }
  const elect = (server: number, id: string, voter: string): void => {
    world = take(world, { type: 'campaign', server }, rules)
    deliver('RequestVote', id, voter)
    deliver('RequestVoteResponse', voter, id)
  }
  elect(0, 'n1', 'n3')
  // n2 has not heard of term 1, and asks for it in vain before it is elected in term 2.
  world = take(world, { type: 'campaign', server: 1 }, rules)
  elect(1, 'n2', 'n3')
  deliver('AppendEntries', 'n2', 'n3')
  deliver('AppendEntriesResponse', 'n3', 'n2')
  world = take(world, { type: 'propose', server: 1 }, rules)
  deliver('AppendEntries', 'n2', 'n3')
  deliver('AppendEntriesResponse', 'n3', 'n2')
  return world
}

describe('mistakes that only these show', () => {
  it('a read that is granted without an answer to its round', () => {
    const bug: Step = (state, message) => {
      const [after, outputs] = step(state, message)
      if (message.type !== 'read' || after.server.role.type !== 'leader') return [after, outputs]
      return [after, [...outputs, { type: 'readReady', id: message.id, index: after.server.commitIndex }]]
    }
    const world = deposed(RULES)
    expect(() => take(world, { type: 'read', server: 0 }, RULES)).not.toThrow()
    expect(() => take(world, { type: 'read', server: 0 }, { ...RULES, step: bug, checksSteps: false })).toThrow(
      'Linearizability',
    )
  })

  it('a commitment of an earlier term that a later leader lacks, whichever comes first', () => {
    const world = deposed(RULES)
    expect(world.ghost.committed).toEqual([{ identity: '2', inTerm: 2 }])
    expect(() => claimWorld(world)).not.toThrow()
    // An entry of term 1 would have had to be in the log of n2, which leads term 2.
    const forged = { ...world, ghost: { ...world.ghost, committed: [{ identity: '1', inTerm: 1 }] } }
    expect(() => claimWorld(forged)).toThrow('LeaderCompleteness')
  })
})

describe('a fingerprint', () => {
  const walkOf = (...actions: readonly Action[]): World =>
    actions.reduce((world, action) => take(world, action, RULES), bornWorld(3))

  it('tells worlds apart by what the leader has heard', () => {
    const fingerprints = new Fingerprints(bornWorld(3))
    const led = walkOf({ type: 'campaign', server: 0 }, { type: 'deliver', packet: 0 }, { type: 'deliver', packet: 1 })
    const [leader, ...others] = led.servers
    if (leader?.raft.server.role.type !== 'leader') throw new Error('the test expects a leader')
    const { role } = leader.raft.server
    const progress = role.progress.map((each) => ({ ...each, active: !each.active }))
    const server = { ...leader.raft.server, role: { ...role, progress } }
    const other = { ...led, servers: [{ ...leader, raft: { ...leader.raft, server } }, ...others] }
    expect(fingerprints.of(other)).not.toBe(fingerprints.of(led))
  })

  it('is the same under all names', () => {
    const fingerprints = new Fingerprints(bornWorld(3))
    const found = [0, 1, 2].map((server) => fingerprints.of(walkOf({ type: 'campaign', server })))
    expect(new Set(found).size).toBe(1)
  })
})

describe('what was seen', () => {
  it('is counted over all its parts', () => {
    const seen = new Seen()
    for (let number = 0; number < 1_000; number++) seen.add(number * 7)
    expect([seen.size, seen.has(7), seen.has(8), seen.has(6_993)]).toEqual([1_000, true, false, true])
  })
})
