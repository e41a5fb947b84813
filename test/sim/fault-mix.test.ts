import { describe, expect, it, vi } from 'vitest'
import { Faults, type Victims } from '../../src/sim/faults.ts'
import { converge } from '../../src/sim/liveness.ts'
import { FAULTS, TICK_MS, mixOf, type Fault } from '../../src/sim/profile.ts'
import { Tally, type Mark } from '../../src/trace/checker/index.ts'
import { World } from './world.ts'

/** By which call of a cluster a fault comes, and what counts it. */
const CALLS: Readonly<Record<Fault, readonly [call: keyof Victims, mark: Mark | null]>> = {
  split: ['partition', 'partition healed'],
  'isolate leader': ['partition', 'partition healed'],
  'one way': ['cut', 'one-way link'],
  'cut links': ['cut', 'partition healed'],
  clog: ['clog', null],
  campaign: ['campaign', null],
  rivals: ['cut', null],
  crash: ['crash', null],
  'crash between outputs': ['crashWithin', null],
  'power cut': ['crash', null],
  pause: ['pause', 'server paused'],
  'slow disk': ['changeDisk', null],
  'full disk': ['failDisk', null],
  'failing disk': ['failDisk', null],
}

const play = (fault: Fault, seed: number) => {
  const world = new World({ size: 5, seed, tickInterval: TICK_MS })
  const spy = vi.spyOn(world, CALLS[fault][0] as 'crash')
  const tally = new Tally()
  const span = { least: 100, most: 400 }
  const faults = new Faults(
    world,
    { ...mixOf('chaos', seed), faults: [fault], pause: span, duration: span },
    seed,
    tally,
  )
  for (let round = 0; round < 50; round++) {
    if (world.leader() !== null) world.put('x', round)
    world.advance(200)
  }
  return { world, faults, tally, spy }
}

describe.each(FAULTS)('%s', (fault) => {
  const { world, faults, tally, spy } = play(fault, 3)
  const marks = tally.marks

  it('strikes again and again, and is counted', () => {
    expect(spy.mock.calls.length).toBeGreaterThan(10)
    const [, mark] = CALLS[fault]
    if (mark !== null) expect(marks[mark]).toBeGreaterThan(5)
  })

  it('is over in the end, with everybody up and in order', () => {
    faults.end()
    spy.mockClear()
    world.crashes.length = 0
    expect(world.ids.map((id) => world.replica(id) === null)).toEqual([false, false, false, false, false])
    expect(converge(world, world.ids, { openCount: 0 })).toBeNull()
    world.advance(5_000)
    expect(spy).not.toHaveBeenCalled()
    expect(world.crashes).toEqual([])
  })
})

describe('a mixture of faults', () => {
  it('follows from its seed', () => {
    const [one, same, other] = [1, 1, 2].map((seed) => play('crash', seed).spy.mock.calls)
    expect(one).toEqual(same)
    expect(one).not.toEqual(other)
  })

  it('leaves everybody alone where there is none', () => {
    const world = new World({ tickInterval: TICK_MS })
    const tally = new Tally()
    new Faults(world, { ...mixOf('calm', 1), faults: [] }, 1, tally)
    world.advance(10_000)
    expect(world.crashes).toEqual([])
    expect(world.fates.filter(([fate]) => fate !== 'overtaken')).toEqual([])
  })
})
