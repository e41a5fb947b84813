import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import { Dice } from '../../src/sim/dice.ts'
import { TIMEOUTS_TO_CONVERGE, converge, coreOf, heal } from '../../src/sim/liveness.ts'
import { ELECTION_TIMEOUT_MS, TICK_MS, mixOf } from '../../src/sim/profile.ts'
import { World } from './world.ts'

const NOBODY = { openCount: 0 }

const slow = (options: ConstructorParameters<typeof World>[0] = {}): World =>
  new World({ tickInterval: TICK_MS, options: { electionTimeoutTicks: 10, ...options.options }, ...options })

describe('coreOf', () => {
  it('draws every majority, and nothing less', () => {
    for (let size = 1; size <= 9; size++) {
      const ids = Array.from({ length: size }, (_, at) => nodeId(`n${at + 1}`))
      const dice = new Dice('core', size)
      const sizes = new Set<number>()
      const drawn = new Set<NodeId>()
      for (let time = 0; time < 200; time++) {
        const core = coreOf({ ids, configuration: configurationOf(ids) }, dice)
        expect(new Set(core).size).toBe(core.length)
        sizes.add(core.length)
        for (const id of core) drawn.add(id)
      }
      const majority = Math.floor(size / 2) + 1
      expect([...sizes].toSorted()).toEqual(Array.from({ length: size - majority + 1 }, (_, at) => majority + at))
      expect([...drawn].toSorted()).toEqual(ids)
    }
  })
})

describe('heal', () => {
  it('leaves whoever is not of the core down, or cut off from it', () => {
    const ends = Array.from({ length: 20 }, (_, seed) => {
      const world = slow({ size: 5, network: { lossRate: 1 } })
      const core = world.ids.slice(0, 3)
      heal(world, core, new Dice('ending', seed), { ...mixOf('calm', 1), options: { checkQuorum: false } })
      const isDown = world.ids.map((id) => world.replica(id) === null)
      expect(isDown.slice(0, 3)).toEqual([false, false, false])
      expect(converge(world, core, NOBODY)).toBeNull()
      const strangers = world.ids.slice(3).flatMap((id) => world.received(id, core[0] ?? id))
      expect(strangers).toEqual([])
      expect(isDown[3]).toBe(isDown[4])
      return isDown[3]
    })
    expect(new Set(ends)).toEqual(new Set([true, false]))
  })
})

describe('a bridge', () => {
  it('leaves one link at most, to one server of the core, and does not keep the core from order', () => {
    let bridges = 0
    for (let seed = 0; seed < 40; seed++) {
      const world = slow({ size: 5, seed })
      world.advance(3_000)
      const leader = world.leader()
      const core = world.ids.filter((id) => id !== leader).slice(0, 3)
      const options = { checkQuorum: true, preVote: true }
      if (heal(world, core, new Dice('ending', seed), { ...mixOf('calm', 1), options }) !== 'bridged') continue
      bridges++
      expect(converge(world, core, NOBODY)).toBeNull()
      const since = world.time
      world.advance(5_000)
      expect(world.leader()).not.toBe(leader)
      const heard = core.filter((id) => world.received(id, leader ?? id, since).length > 0)
      expect(heard.length).toBeLessThanOrEqual(1)
    }
    expect(bridges).toBeGreaterThan(10)
  })

  it('does not link two servers that are a quorum: they would keep a leader that the core does not see', () => {
    for (let seed = 0; seed < 20; seed++) {
      const world = slow({ seed })
      world.advance(3_000)
      const core = world.ids.filter((id) => id !== world.leader())
      const options = { checkQuorum: true, preVote: true }
      expect(heal(world, core, new Dice('ending', seed), { ...mixOf('calm', 1), options })).toBe('isolated')
      expect(converge(world, core, NOBODY)).toBeNull()
    }
  })
})

describe('converge', () => {
  it('is content with a cluster in order, soon', () => {
    const world = slow({ size: 5 })
    expect(converge(world, world.ids, NOBODY)).toBeNull()
    expect(world.time).toBeLessThan(10 * ELECTION_TIMEOUT_MS)
    expect(world.leader()).not.toBeNull()
  })

  it('gives up after so many timeouts', () => {
    const world = slow({ size: 5, network: { lossRate: 1 } })
    expect(converge(world, world.ids, NOBODY)).toBe('nobody leads')
    expect(world.time).toBe(TIMEOUTS_TO_CONVERGE * ELECTION_TIMEOUT_MS)
  })

  it('misses a majority', () => {
    const world = slow({ size: 4 })
    const core = world.ids.slice(0, 2)
    for (const id of world.ids.slice(2)) world.crash(id)
    expect(converge(world, core, NOBODY)).toBe('nobody leads')
  })

  it('misses a server of the core that is down', () => {
    const world = slow()
    world.crash(world.follower)
    expect(converge(world, world.ids, NOBODY)).toBe('a server is down')
  })

  it('misses one that hears nobody', () => {
    const world = slow()
    const chief = world.elect()
    const { follower } = world
    for (const id of world.ids) if (id !== follower) world.cut(id, follower)
    expect(converge(world, world.ids, NOBODY)).not.toBeNull()
    world.heal()
    expect(converge(world, world.ids, NOBODY)).toBeNull()
    expect(chief).not.toBe(follower)
  })

  it('misses an answer to a client', () => {
    expect(converge(slow(), slow().ids, { openCount: 1 })).toBe('a request is not answered')
  })

  it('misses a server that does not have what was applied', () => {
    const world = slow()
    const { follower, chief } = { chief: world.elect(), follower: world.follower }
    world.settle('x', 1)
    world.changeDisk(follower, { least: 1_000_000, most: 1_000_000 })
    world.put('y', 2)
    world.crash(world.followers.find((id) => id !== follower) ?? chief)
    expect(converge(world, [chief, follower], NOBODY)).not.toBeNull()
  })

  it('lets a leader without a blank entry of its own commit what it found', () => {
    const world = slow({ options: { noopOnElection: false, electionTimeoutTicks: 10 } })
    const old = world.elect()
    world.settle('x', 1)
    world.put('y', 2)
    // The followers have it; nobody knows that it is committed.
    world.advance(1)
    world.crash(old)
    const core = world.ids.filter((id) => id !== old)
    expect(converge(world, core, NOBODY)).toBeNull()
    for (const id of core) expect(world.contents(id)).toEqual({ x: 1, y: 2 })
  })
})

describe('the first command of a term without a blank entry', () => {
  it('has an id of its own in each term: a server that leads again may not have answered the one before', () => {
    const options = { electionTimeoutTicks: 10, noopOnElection: false, checkQuorum: false, preVote: false }
    const world = slow({ options })
    for (let term = 0; term < 3; term++) {
      converge(world, world.ids, NOBODY)
      world.campaign(world.follower)
      world.advance(100)
    }
    const ids = world.said.flatMap(({ output }) => (output.type === 'accepted' ? [output.id] : []))
    expect(ids.length).toBeGreaterThan(1)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
