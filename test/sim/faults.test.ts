import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import type { NodeId } from '../../src/core/ids.ts'
import { World } from './world.ts'

const settled = (options: ConstructorParameters<typeof World>[0] = {}): World => {
  const world = new World(options)
  world.elect()
  world.settle('x', 1)
  world.advance(50)
  return world
}

describe('cut', () => {
  it('loses what is sent in one direction, and nothing in the other', () => {
    const world = settled()
    const { chief, follower } = world
    const since = world.time + 1
    world.cut(follower, chief)
    world.advance(200)
    expect(world.received(chief, follower, since + 1)).toEqual([])
    expect(world.received(follower, chief, since).length).toBeGreaterThan(10)
    expect(world.fates).toContainEqual(['lost', follower, chief])
    expect(world.fates).not.toContainEqual(['lost', chief, follower])
  })

  it('loses what is under way', () => {
    const world = settled({ diskDelay: { least: 0, most: 0 }, network: { delay: { least: 5, most: 5 }, lossRate: 0 } })
    const { chief, follower } = world
    world.put('y', 2)
    world.advance(2)
    const since = world.time
    world.cut(chief, follower)
    world.advance(100)
    expect(world.received(follower, chief, since)).toEqual([])
  })

  it('leaves everybody else alone, until it is healed', () => {
    const world = settled()
    const { chief, followers } = world
    const [one, other] = followers as [NodeId, NodeId]
    world.cut(chief, one)
    world.settle('y', 2)
    world.advance(30)
    expect([one, other].map((id) => world.contents(id)?.['y'])).toEqual([undefined, 2])
    world.heal()
    world.advance(1_000)
    expect(world.contents(one)).toEqual({ x: 1, y: 2 })
  })
})

describe('clog', () => {
  it('holds back what is sent on one link, loses nothing, and delivers it in order', () => {
    const world = settled()
    const { chief, follower } = world
    const begun = world.time
    world.clog(chief, follower, 60)
    world.advance(60)
    expect(world.received(follower, chief, begun + 2)).toEqual([])
    expect(world.received(chief, follower, begun)).toEqual([])
    const held = world.sent(chief, follower, begun)
    expect(held.length).toBeGreaterThan(3)
    world.advance(1)
    const arrived = world.received(follower, chief, begun + 61)
    expect(arrived.slice(0, held.length)).toEqual(held)
    expect(world.fates.filter(([fate]) => fate === 'clogged')).toHaveLength(held.length)
  })

  it('holds nothing back on other links', () => {
    const world = settled()
    const { chief, followers } = world
    const [one, other] = followers as [NodeId, NodeId]
    const begun = world.time
    world.clog(chief, one, 60)
    world.advance(60)
    expect(world.received(other, chief, begun).length).toBeGreaterThan(3)
  })

  it('holds nothing back any more once it is healed', () => {
    const world = settled()
    const { chief, follower } = world
    world.clog(chief, follower, 10_000)
    world.heal()
    world.settle('y', 2)
    world.advance(20)
    expect(world.contents(follower)).toEqual({ x: 1, y: 2 })
  })
})

describe('pause', () => {
  it('keeps a node from taking anything in', () => {
    const world = settled()
    const { chief, follower } = world
    world.pause(follower)
    const count = world.heard.filter(({ id }) => id === follower).length
    world.settle('y', 2)
    world.submit(follower, { type: 'propose', id: 'p', commands: [] })
    world.advance(100)
    expect(world.sent(chief, follower).length).toBeGreaterThan(0)
    expect(world.heard.filter(({ id }) => id === follower)).toHaveLength(count)
    expect(world.contents(follower)).toEqual({ x: 1 })
  })

  it('keeps all of it, in order, for when it goes on', () => {
    const world = settled()
    const { chief, follower } = world
    const since = world.time
    world.pause(follower)
    world.settle('y', 2)
    world.advance(95)
    world.resume(follower)
    const sent = world.sent(chief, follower, since)
    world.runUntil(() => false, 1)
    const taken = world.received(follower, chief, since)
    expect(sent.length).toBeGreaterThan(5)
    expect(taken.slice(0, sent.length)).toEqual(sent)
    world.advance(20)
    expect(world.contents(follower)).toEqual({ x: 1, y: 2 })
  })

  it('costs it no ticks: it takes them when it goes on', () => {
    const world = settled()
    const { follower, chief } = world
    world.pause(follower)
    world.pause(follower)
    const since = world.time + 1
    world.advance(500)
    world.resume(follower)
    world.resume(follower)
    expect([world.ticks(follower, since), world.ticks(chief, since)]).toEqual([50, 50])
    world.advance(100)
    expect(world.ticks(follower, since)).toBe(60)
  })

  it('lets it take those ticks before the messages that wait', () => {
    const world = settled()
    const { follower } = world
    world.pause(follower)
    const since = world.heard.length
    world.advance(95)
    world.resume(follower)
    world.runUntil(() => false, 1)
    const taken = world.heard.slice(since).filter(({ id }) => id === follower)
    const types = taken.map(({ message }) => message.type)
    // A tick each ten units, of 95.
    expect(types.indexOf('receive')).toBeGreaterThanOrEqual(9)
  })

  it('lets a leader find out that it was deposed meanwhile', () => {
    const world = settled({ size: 5 })
    const old = world.chief
    world.pause(old)
    expect(world.runUntil(() => world.leader() !== old, 2_000)).toBe(true)
    world.settle('y', 2)
    world.resume(old)
    world.advance(100)
    expect(world.replica(old)?.raft.server.role.type).toBe('follower')
    expect(world.contents(old)).toEqual({ x: 1, y: 2 })
  })

  it('ends with a crash, which forgets what was kept', () => {
    const world = settled()
    const { chief, follower } = world
    world.pause(follower)
    const since = world.time + 1
    world.settle('y', 2)
    world.crash(follower)
    world.restart(follower)
    expect(world.received(follower, chief, since)).toEqual([])
    world.advance(100)
    expect(world.ticks(follower, since)).toBe(10)
    expect(world.contents(follower)).toEqual({ x: 1, y: 2 })
  })
})

describe('changeClock', () => {
  it('gives a node another time between its ticks', () => {
    const world = settled()
    const { chief, followers } = world
    const [slow, fast] = followers as [NodeId, NodeId]
    world.changeClock(slow, 20)
    world.changeClock(fast, 5)
    world.advance(20)
    const since = world.time + 1
    world.advance(200)
    expect([chief, slow, fast].map((id) => world.ticks(id, since))).toEqual([20, 10, 40])
  })

  it('refuses an interval that would stop time, or lose the ticks', () => {
    const world = new World()
    for (const interval of [0, -1, 0.5, Number.NaN])
      expect(() => {
        world.changeClock(world.follower, interval)
      }, String(interval)).toThrow(UsageError)
  })
})

describe('crashWithin', () => {
  /** A leader is about to answer a proposal with several outputs. Both that step and what comes of it are seen. */
  const proposing = (outputs: number | null) => {
    const world = settled()
    const { chief, followers } = world
    const since = world.time + 1
    world.crashWithin(chief, outputs)
    world.submit(chief, { type: 'propose', id: 'p', commands: [{ op: 'put', key: 'y', value: 2 }] }, 1)
    world.runUntil(() => world.heard.some(({ message }) => message.type === 'propose' && message.id === 'p'), 5)
    const said = world.said.filter(({ id, time }) => id === chief && time >= since).map(({ output }) => output)
    world.advance(3)
    const heard = followers.flatMap((id) => world.received(id, chief, since))
    return { world, chief, said, heard }
  }

  it('carries out exactly so many outputs', () => {
    const { said: all, world: whole } = proposing(null)
    expect(whole.crashes).toEqual([])
    expect(all.map(({ type }) => type)).toEqual(['accepted', 'save', 'send', 'send'])
    for (let outputs = 0; outputs <= all.length + 1; outputs++) {
      const { world, chief, said, heard } = proposing(outputs)
      expect(said).toEqual(all.slice(0, outputs))
      expect(heard).toEqual(said.flatMap((output) => (output.type === 'send' ? [output.rpc] : [])))
      const isBetween = outputs > 0 && outputs < all.length
      expect(world.crashes).toMatchObject([{ id: chief, why: isBetween ? 'killed between outputs' : 'killed' }])
      expect(world.replica(chief)).toBeNull()
    }
  })

  it('waits for a step that has any output', () => {
    const world = settled()
    const { follower, chief } = world
    world.cut(chief, follower)
    world.advance(2)
    world.crashWithin(follower, 0)
    const since = world.time + 1
    expect(world.runUntil(() => world.crashes.length > 0, 1_000)).toBe(true)
    // It stood ticks without a word, up to the one at which it would have campaigned.
    expect(world.ticks(follower, since)).toBeGreaterThan(5)
    expect(world.said.filter(({ id, time }) => id === follower && time >= since)).toEqual([])
  })

  it('is over after the crash', () => {
    const { world, chief } = proposing(1)
    world.restart(chief)
    world.elect()
    world.settle('z', 3)
    world.advance(100)
    expect(world.crashes).toHaveLength(1)
    expect(world.contents(chief)).toMatchObject({ x: 1, z: 3 })
  })
})
