import { describe, expect, it } from 'vitest'
import type { Save } from '../../src/core/output.ts'
import type { DiskFault } from '../../src/sim/cluster/cluster.ts'
import { World } from './world.ts'

const settled = (options: ConstructorParameters<typeof World>[0] = {}): World => {
  const world = new World(options)
  world.elect()
  world.settle('x', 1)
  world.advance(50)
  return world
}

const FAULTS: readonly (readonly [DiskFault, string])[] = [
  ['full', 'disk full'],
  ['failing', 'write failed'],
]

describe('changeDisk', () => {
  it('gives a node slower writes', () => {
    const world = settled()
    world.changeDisk(world.chief, { least: 30, most: 30 })
    world.changeDisk(world.follower, { least: 20, most: 20 })
    const begun = world.time
    world.put('y', 2)
    world.advance(100)
    const [first, second] = [world.chief, world.follower].map((at) =>
      world.heard.find(({ id, time, message }) => id === at && time > begun && message.type === 'saved'),
    )
    expect([first?.time, second?.time]).toEqual([begun + 30, begun + 21])
  })

  it('lets writes under way finish as they would have', () => {
    const world = settled({ diskDelay: { least: 40, most: 40 } })
    const begun = world.time
    world.put('y', 2)
    world.advance(5)
    world.changeDisk(world.chief, { least: 0, most: 0 })
    world.put('z', 3)
    world.advance(100)
    const times = world.heard.flatMap(({ id, time, message }) =>
      id === world.chief && time > begun && message.type === 'saved' ? [time - begun] : [],
    )
    // None overtakes another.
    expect(times).toEqual([40, 40])
  })

  it('refuses times that are none', () => {
    const world = new World()
    const [id] = world.ids
    expect(() => {
      if (id !== undefined) world.changeDisk(id, { least: 2, most: 1 })
    }).toThrow('delay runs from one whole number to another')
  })
})

describe.each(FAULTS)('failDisk: %s', (fault, why) => {
  it('stops the node at its next write', () => {
    const world = settled()
    const { follower } = world
    world.failDisk(follower, fault)
    world.advance(100)
    expect(world.crashes).toEqual([])
    world.settle('y', 2)
    world.advance(10)
    expect(world.crashes).toMatchObject([{ id: follower, why }])
    expect(world.replica(follower)).toBeNull()
  })

  it('lets nothing leave that was promised on the write', () => {
    const world = settled()
    const { chief, follower } = world
    world.failDisk(follower, fault)
    const since = world.time
    world.settle('y', 2)
    world.advance(100)
    const saves = world.said.flatMap(({ id, time, output }): readonly Save[] =>
      id === follower && time >= since && output.type === 'save' ? [output] : [],
    )
    const [promise] = saves.flatMap(({ then }) => then)
    expect(promise?.rpc).toMatchObject({ type: 'AppendEntriesResponse', success: true })
    expect(world.received(chief, follower, since)).not.toContain(promise?.rpc)
    expect(world.contents(chief)).toEqual({ x: 1, y: 2 })
  })

  it('strikes again until it is mended, then the node catches up', () => {
    const world = settled()
    const { follower } = world
    world.failDisk(follower, fault)
    world.settle('y', 2)
    world.advance(10)
    world.restart(follower)
    world.settle('z', 3)
    world.advance(200)
    expect(world.crashes.map((crash) => crash.why)).toEqual([why, why])
    world.failDisk(follower, null)
    world.restart(follower)
    world.advance(500)
    expect(world.contents(follower)).toEqual({ x: 1, y: 2, z: 3 })
    expect(world.crashes).toHaveLength(2)
  })

  it('stops a leader too; the others elect another, and go on', () => {
    const world = settled()
    const old = world.chief
    world.failDisk(old, fault)
    world.put('y', 2)
    world.advance(1)
    expect(world.crashes).toMatchObject([{ id: old, why }])
    expect(world.elect()).not.toBe(old)
    world.settle('z', 3)
    world.failDisk(old, null)
    world.restart(old)
    world.advance(500)
    for (const id of world.ids) expect(world.contents(id)).toMatchObject({ x: 1, z: 3 })
  })
})

describe('failDisk: full', () => {
  it('leaves no trace of the write on the disk, and all that was there before', () => {
    const world = settled()
    const { follower } = world
    world.failDisk(follower, 'full')
    const { lastIndex } = world.replica(follower)?.raft.log ?? { lastIndex: 0 }
    world.settle('y', 2)
    world.advance(10)
    world.failDisk(follower, null)
    world.restart(follower)
    expect(world.replica(follower)?.raft.log.lastIndex).toBe(lastIndex)
    expect(lastIndex).toBe(2)
  })

  it('only gives up a snapshot of its own', () => {
    const world: World = settled({
      size: 1,
      options: { snapshotEntries: 3 },
      onOutput: (id, output) => {
        if (output.type === 'saveSnapshot' && world.time < 5_000) world.failDisk(id, 'full')
        if (output.type === 'note' && output.event === 'snapshotFailed') world.failDisk(id, null)
      },
    })
    world.settle('y', 2)
    world.settle('z', 3)
    world.advance(20)
    const notes = world.said.flatMap(({ output }) => (output.type === 'note' ? [output] : []))
    expect(notes).toContainEqual({ type: 'note', event: 'snapshotFailed', index: 3, reason: 'disk full' })
    expect(world.crashes).toEqual([])
    expect(world.replica(world.chief)?.raft.server.snapshot.lastIncludedIndex).toBe(0)
    // Nothing of it is on the disk either.
    const { chief } = world
    world.crash(chief)
    world.restart(chief)
    expect(world.replica(chief)?.raft.server.snapshot.lastIncludedIndex).toBe(0)
    world.advance(5_000)
    for (let at = 0; at < 5; at++) world.settle('w', at)
    world.advance(20)
    expect(world.replica(world.chief)?.raft.server.snapshot.lastIncludedIndex).toBeGreaterThan(3)
  })
})

describe('failDisk: failing', () => {
  /** What the next start finds of a write of one entry that failed. */
  const found = (seed: number) => {
    const world = settled({ seed })
    const { follower } = world
    world.failDisk(follower, 'failing')
    world.settle('y', 2)
    world.advance(10)
    world.failDisk(follower, null)
    world.restart(follower)
    const { lost, isTorn, isUnsynced } = world.crashes[0]?.loss ?? {}
    return { last: world.replica(follower)?.raft.log.lastIndex, lost, isTorn, isUnsynced }
  }

  it('may leave the whole write on the disk, or none of it, although nothing was promised', () => {
    const seen = Array.from({ length: 20 }, (_, seed) => found(seed))
    for (const { last, lost } of seen) expect(last).toBe(3 - (lost ?? 0))
    expect(new Set(seen.map(({ lost }) => lost))).toEqual(new Set([0, 1]))
  })

  it.each([false, true])('stops the node at a snapshot of its own, too (shared writes: %s)', (sharesWrites) => {
    const world: World = settled({
      size: 1,
      sharesWrites,
      options: { snapshotEntries: 3 },
      onOutput: (id, output) => {
        if (output.type === 'saveSnapshot') world.failDisk(id, 'failing')
      },
    })
    world.settle('y', 2)
    world.put('z', 3)
    world.advance(20)
    expect(world.crashes).toMatchObject([{ why: 'write failed' }])
  })
})

describe('a crash', () => {
  /** A leader with five writes under way dies; what of them is left depends on the seed. */
  const remnants = (seed: number) => {
    const world = settled({ seed })
    const { chief } = world
    world.changeDisk(chief, { least: 100, most: 100 })
    for (const value of [1, 2, 3, 4, 5]) world.put('y', value)
    world.advance(1)
    const { log } = world.replica(chief)?.raft ?? { log: null }
    expect(log?.lastIndex).toBe(7)
    world.crash(chief)
    const [crash] = world.crashes
    world.restart(chief)
    const last = world.replica(chief)?.raft.log.lastIndex ?? 0
    return { kept: last - 2, ...crash?.loss }
  }

  it('loses the last writes under way, never one from the middle', () => {
    const seen = Array.from({ length: 80 }, (_, seed) => remnants(seed))
    // A log with a hole would not have started.
    for (const { kept, lost } of seen) expect(kept + (lost ?? 0)).toBe(5)
    expect(new Set(seen.map(({ kept }) => kept))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
    expect(seen.some(({ isTorn }) => isTorn)).toBe(true)
    for (const { kept, isTorn } of seen) if (isTorn === true) expect(kept).toBeLessThan(5)
  })
})
