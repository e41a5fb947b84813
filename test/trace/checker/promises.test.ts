import { describe, expect, it } from 'vitest'
import { INDEX_ZERO, index } from '../../../src/core/ids.ts'
import {
  altered,
  brokenBy,
  known,
  lastOf,
  n1,
  n2,
  stepAt,
  verdictOn,
  withOutput,
  type History,
  type StepTaken,
  type World,
} from './history.ts'
import { acknowledgement, matchOf, matched, promised, writes } from './promised.ts'

describe('a promise that is heard', () => {
  it('stands for its save before the disk has answered', () => {
    const world = promised()
    world.spill(n2)
    world.deliver(n2, n1)
    expect(matchOf(world.state(n1), n2)).toBe(2)
    expect(brokenBy(world.history)).toEqual([])
  })

  it('vouches for every earlier save too, and for no later one', () => {
    const world = promised().propose(n1, 'b').deliver(n1, n2)
    const early = brokenBy([...world.history, ...heardOf(world, world.savesOf(n2)[0])])
    const late = brokenBy([...world.history, ...heardOf(world, world.savesOf(n2)[1])])
    expect([early, late]).toEqual([[], []])
    const { after } = known(heardOf(world, world.savesOf(n2)[0])[0])
    const tooMuch: StepTaken = {
      type: 'step',
      before: after,
      message: { type: 'tick' },
      after: { ...after, server: { ...after.server, role: matched(after.server.role, n2, index(3)) } },
      outputs: [],
    }
    expect(brokenBy([...world.history, ...heardOf(world, world.savesOf(n2)[0]), tooMuch])).toEqual(['MT'])
  })

  const heardOf = (world: World, save: ReturnType<World['savesOf']>[number] | undefined): StepTaken[] => {
    const send = known(known(save).then[0])
    const before = world.state(n1)
    const matchIndex = send.rpc.type === 'AppendEntriesResponse' && send.rpc.success ? send.rpc.matchIndex : INDEX_ZERO
    const after = { ...before, server: { ...before.server, role: matched(before.server.role, n2, matchIndex) } }
    return [{ type: 'step', before, message: { type: 'receive', from: n2, rpc: send.rpc }, after, outputs: [] }]
  }

  it('is known by itself, not by one that says the same', () => {
    const world = promised()
    expect(JSON.stringify(world.savesOf(n2)[0]?.then[0]?.rpc)).toBe(JSON.stringify({ ...acknowledgement, round: 1 }))
    world.hear(n1, n2, { ...acknowledgement, round: 1 })
    expect(matchOf(world.state(n1), n2)).toBe(2)
    expect(verdictOn(world.history)).toMatchObject({ check: 'MT', at: world.history.length - 1 })
    expect(brokenBy(world.history)).toEqual(['MT'])
  })

  it('is known by the step it came from, where it went through a file', () => {
    const { history, at } = heardAsCopy()
    expect(brokenBy(told(history, at), true)).toEqual([])
    expect(brokenBy(told(history, at - 1), true)).toEqual(['MT'])
  })

  it('is known by its text, where nobody says which step it came from', () => {
    const { history } = heardAsCopy()
    expect(brokenBy(told(history, null), true)).toEqual([])
    expect(brokenBy(told(history, null), false)).toEqual(['MT'])
  })

  it('is not known by a text that had left before', () => {
    const world = promised().write(n2).propose(n1, 'b').deliver(n1, n2)
    const at = world.history.length - 1
    const send = { type: 'send', to: n1, rpc: { ...acknowledgement, round: 1 } } as const
    world.hear(n1, n2, { ...acknowledgement, round: 1 })
    // What n1 heard may be the earlier one: n2 need not have what it promises in the same words once more.
    const repeated = [
      ...altered(world.history, at, (step) => withOutput(step, 'save', (save) => ({ ...save, then: [send] }))),
      stepAt(world.history, at + 1),
    ]
    const restarted = world.restart(n2).history.slice(at + 2)
    expect(world.state(n2).log.lastIndex).toBe(2)
    expect(brokenBy([...told(repeated, null), ...restarted], true)).toEqual([])
    expect(brokenBy([...told(repeated, at), ...restarted], true)).toEqual(['PBS'])
  })

  /** n1 hears what n2 promises, as a file would have it: equal, but not the same object. */
  const heardAsCopy = () => {
    const world = promised().hear(n1, n2, { ...acknowledgement, round: 1 })
    return { history: world.history, at: lastOf(world.history, n2, writes) }
  }

  /** The same history with numbered steps, the last message from a certain one. */
  const told = (history: History, src: number | null): History =>
    history.map((each, i) =>
      each.type === 'step' ? { ...each, numbers: { i, src: i === history.length - 1 ? src : null } } : each,
    )
})
