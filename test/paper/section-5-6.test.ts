import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { optionsOf } from '../../src/core/config.ts'
import type { NodeId } from '../../src/core/ids.ts'
import { Dice } from '../../src/sim/dice.ts'
import { Server } from '../core/server.ts'
import { Cluster, s1, s2, s3 } from './cluster.ts'

/**
 * Clocks and a network that keep no time at all: a server's timer runs out whenever the dice say so, and messages
 * arrive in any order, some never. Returns the servers that led each term, as far as anybody saw.
 */
const anyTiming = (cluster: Cluster, seed: number): ReadonlyMap<number, ReadonlySet<NodeId>> => {
  const dice = new Dice('timing', seed)
  const leaders = new Map<number, Set<NodeId>>()
  for (let event = 0; event < 300; event++) {
    const id = dice.pick(cluster.ids) ?? s1
    const what = dice.integer(0, 20)
    if (what === 0) cluster.do(id, { type: 'campaign' })
    else if (what < 4) cluster.do(id, { type: 'tick' })
    else if (what < 7) cluster.do(id, { type: 'propose', id: event, commands: [`${event}`] })
    else if (what === 7) cluster.flight.splice(dice.integer(0, cluster.flight.length + 1), 1)
    else cluster.deliverAt(dice.integer(0, cluster.flight.length + 1))
    for (const leader of cluster.leaders()) {
      const { currentTerm } = cluster.server(leader)
      leaders.set(currentTerm, (leaders.get(currentTerm) ?? new Set<NodeId>()).add(leader))
    }
  }
  return leaders
}

const commandsOf = (cluster: Cluster, id: NodeId): readonly unknown[] =>
  cluster.applied(id).map((entry) => ('command' in entry ? entry.command : null))

describe('5.6 safety does not depend on timing', () => {
  const runs = Array.from({ length: 40 }, (_, seed) => {
    const cluster = new Cluster(3)
    return { leaders: anyTiming(cluster, seed), cluster }
  })

  it('no term has two leaders', () => {
    const numbers = runs.flatMap(({ leaders }) => [...leaders.values()].map((each) => each.size))
    expect(Math.max(...numbers)).toBe(1)
  })

  it('no two servers apply different commands', () => {
    const differing = runs.flatMap(({ cluster }) => {
      const lists = cluster.ids.map((id) => commandsOf(cluster, id)).sort((a, b) => b.length - a.length)
      const [longest = []] = lists
      return lists.filter((list) => list.some((each, at) => each !== longest[at]))
    })
    expect(differing).toEqual([])
  })

  it('though leaders came and went, and commands were applied', () => {
    const terms = runs.map(({ leaders }) => leaders.size)
    const applied = runs.map(({ cluster }) => Math.max(...cluster.ids.map((id) => cluster.applied(id).length)))
    expect([Math.max(...terms) > 3, applied.filter((count) => count > 0).length > 20]).toEqual([true, true])
  })
})

describe('5.6 broadcast time, election timeout, time between failures', () => {
  it('an election timeout that heartbeats cannot meet is refused', () => {
    expect(() => optionsOf({ heartbeatTicks: 10, electionTimeoutTicks: 10 })).toThrow(UsageError)
  })

  it('heartbeats in time keep everybody from starting elections', () => {
    const cluster = new Cluster(5, { heartbeatTicks: 9 }).campaign(s1).tick(1000)
    expect([cluster.leaders(), cluster.server(s1).currentTerm]).toEqual([[s1], 1])
  })

  it('a leader whose messages do not arrive in time is replaced', () => {
    const cluster = new Cluster(3, { electionTimeoutTicks: 50 }).campaign(s1)
    expect(
      cluster
        .connect(s2, s3)
        .tick(150)
        .leaders()
        .filter((id) => id !== s1),
    ).toHaveLength(1)
  })

  it('when the leader crashes there is another after about an election timeout', () => {
    const late = Array.from({ length: 30 }, (_, seed) => {
      const cluster = new Cluster(5, { electionTimeoutTicks: 50 }, seed).campaign(s1).tick(20).crash(s1)
      let ticks = 0
      while (cluster.leaders().length === 0 && ticks < 1000) {
        cluster.tick()
        ticks++
      }
      return ticks
    })
    // From one timeout to two, if no votes split.
    expect([Math.min(...late) >= 50, late.filter((ticks) => ticks < 100).length >= 25]).toEqual([true, true])
  })

  it('a leader that reaches nobody makes no progress', () => {
    expect(new Server([]).lead().propose('x').saved().tick(100).server.commitIndex).toBe(0)
  })
})
