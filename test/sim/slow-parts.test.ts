import { describe, expect, it } from 'vitest'
import type { NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import { kvMachine } from '../../src/machine/kv/kv.ts'
import { World } from './world.ts'

/* Disks that share writes as the shell does, and machines that answer later. */

type Options = ConstructorParameters<typeof World>[0]

const exactly = (time: number) => ({ least: time, most: time })

/** A leader of one, or of all, with nothing under way. */
const settled = (options: Options): World => {
  const world = new World({ tickInterval: 10, ...options })
  world.elect()
  world.settle('x', 1)
  world.advance(200)
  return world
}

/** When a server heard a kind of message, since then. */
const times = (world: World, id: NodeId, type: Message['type'], since: number): readonly number[] =>
  world.heard.flatMap((each) =>
    each.id === id && each.time >= since && each.message.type === type ? [each.time - since] : [],
  )

describe('writes that are shared', () => {
  const shared = (options: Options = {}): World => settled({ size: 1, sharesWrites: true, ...options })
  const slowly = (world: World): World => {
    world.changeDisk(world.chief, exactly(40))
    return world
  }

  it('hold what came while the disk was busy, and are answered once', () => {
    const world = slowly(shared())
    const since = world.time
    for (const value of [1, 2, 3]) world.put('y', value)
    world.advance(200)
    expect(times(world, world.chief, 'saved', since)).toEqual([40, 80])
    expect(world.contents(world.chief)).toMatchObject({ y: 3 })
  })

  it('are one for each save where disks do not share', () => {
    const world = slowly(settled({ size: 1 }))
    const since = world.time
    for (const value of [1, 2, 3]) world.put('y', value)
    world.advance(200)
    expect(times(world, world.chief, 'saved', since)).toEqual([40, 40, 40])
  })

  it('do not wait for a snapshot that is written beside them', () => {
    const world = slowly(shared())
    const since = world.time
    world.submit(world.chief, { type: 'capture' })
    world.advance(5)
    world.put('y', 1)
    world.advance(200)
    expect(times(world, world.chief, 'snapshotTaken', since)).toEqual([40])
    expect(times(world, world.chief, 'saved', since)).toEqual([45])
  })

  it('are begun with the snapshots that gathered meanwhile, which end no earlier', () => {
    const world = slowly(shared())
    const since = world.time
    world.put('y', 1)
    world.advance(1)
    world.put('y', 2)
    world.submit(world.chief, { type: 'capture' })
    world.advance(1)
    world.changeDisk(world.chief, exactly(10))
    world.advance(200)
    expect(times(world, world.chief, 'saved', since)).toEqual([40, 50])
    expect(times(world, world.chief, 'snapshotTaken', since)).toEqual([50])
  })
})

describe('a machine that takes time', () => {
  it('answers later, one thing after another', () => {
    const world = settled({ size: 1, machineDelay: exactly(30), options: { applyEntriesMax: 1 } })
    const since = world.time
    for (const value of [1, 2]) world.put('y', value)
    world.advance(200)
    expect(times(world, world.chief, 'applied', since)).toEqual([30, 60])
    expect(world.contents(world.chief)).toMatchObject({ y: 2 })
  })

  it('captures the state of the index that it is asked for, although more is committed by then', () => {
    const world = settled({ size: 1, machineDelay: exactly(30), options: { snapshotEntries: 4 } })
    for (let value = 0; value < 20; value++) world.put('y', value)
    world.advance(2_000)
    const { chief } = world
    const before = world.replica(chief)?.raft.server.snapshot.lastIncludedIndex ?? 0
    world.crash(chief)
    world.restart(chief)
    // A server that restarts holds its snapshot alone: entry i put the value i − 3.
    expect(world.replica(chief)?.raft.server.lastApplied).toBe(before)
    expect(world.contents(chief)).toEqual({ x: 1, y: before - 3 })
  })

  const withLateFollower = (installTime: number): { readonly world: World; readonly late: NodeId } => {
    const world = settled({
      machine: kvMachine(),
      machineDelay: exactly(0),
      installDelay: exactly(installTime),
      options: { snapshotEntries: 5, trailingEntries: 0 },
    })
    const late = world.follower
    world.crash(late)
    for (let value = 0; value < 12; value++) world.settle('y', value)
    world.restart(late)
    return { world, late }
  }

  it('puts a snapshot in force over many ticks, and catches up', () => {
    const { world, late } = withLateFollower(300)
    const since = world.time
    world.advance(2_000)
    const [installed] = times(world, late, 'snapshotInstalled', since)
    expect(
      world.heard.filter(
        ({ id, message, time }) =>
          id === late &&
          message.type === 'tick' &&
          time >= since + (installed ?? 0) - 300 &&
          time < since + (installed ?? 0),
      ),
    ).toHaveLength(30)
    expect(world.contents(late)).toEqual(world.contents(world.chief))
  })

  it('that dies while it puts a snapshot in force has the state of before', () => {
    const { world, late } = withLateFollower(300)
    const isInstalling = (): boolean => world.replica(late)?.raft.server.receiving?.phase === 'install'
    expect(world.runUntil(isInstalling, 1_000)).toBe(true)
    world.advance(100)
    world.crash(late)
    world.restart(late)
    expect(world.contents(late)).not.toMatchObject({ y: 11 })
    world.advance(2_000)
    expect(world.contents(late)).toEqual(world.contents(world.chief))
  })
})
