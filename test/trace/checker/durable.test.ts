import { describe, expect, it } from 'vitest'
import { INDEX_ZERO, index } from '../../../src/core/ids.ts'
import { termAt } from '../../../src/core/log/log.ts'
import {
  World,
  altered,
  brokenBy,
  known,
  lastOf,
  n1,
  n2,
  n3,
  n4,
  n5,
  stepAt,
  verdictOn,
  withOutput,
  withServer,
} from './history.ts'
import { acknowledgement, matchOf, matched, promised, writes } from './promised.ts'

describe('QD, durable on a quorum', () => {
  it('finds a leader that commits before its own disk and anybody has it', () => {
    const { history } = new World().elect(n1).propose(n1, 'a')
    const at = history.length - 1
    const told = altered(history, at, (step) => withServer(step, { commitIndex: index(2) }))
    expect(brokenBy(history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'QD', claim: 'what is committed is durable on a quorum', at })
    expect(brokenBy(told)).toEqual(['QD'])
  })

  it('finds a leader that commits with its own disk only', () => {
    const { history } = new World().elect(n1).propose(n1, 'a').write(n1)
    const told = altered(history, history.length - 1, (step) => withServer(step, { commitIndex: index(2) }))
    expect(brokenBy(told)).toEqual(['QD'])
  })

  it('takes a quorum without the leader for one', () => {
    const world = new World().elect(n1).propose(n1, 'a').deliver(n1, n2).deliver(n1, n3).write(n2).write(n3)
    world.deliver(n2, n1).deliver(n3, n1)
    expect(world.state(n1).server).toMatchObject({ commitIndex: 2, durableIndex: 1 })
    expect(brokenBy(world.history)).toEqual([])
  })

  it('counts a majority of four as three', () => {
    const { history } = new World(4).elect(n1).propose(n1, 'a').write(n1).deliver(n1, n2).write(n2)
    const { after } = new World(4).elect(n1).propose(n1, 'a').write(n1).last
    const server = { ...after.server, commitIndex: index(2) }
    const tick = { type: 'step', before: after, message: { type: 'tick' }, outputs: [] } as const
    expect(verdictOn([...history, { ...tick, after: { ...after, server } }])).toMatchObject({ check: 'QD' })
  })

  it('finds a server that takes for durable what is not', () => {
    const { history } = new World().elect(n1).propose(n1, 'a')
    const told = altered(history, history.length - 1, (step) => withServer(step, { durableIndex: index(2) }))
    expect(verdictOn(told)).toMatchObject({ check: 'QD', claim: 'what counts as durable is on the disk' })
    expect(brokenBy(told)).toEqual(['QD'])
  })
})

describe('PBS, persist before send', () => {
  it('finds an acknowledgement that leaves before its save', () => {
    const { history } = promised()
    const at = lastOf(history, n2, writes)
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => [{ ...save, then: [] }, ...save.then]),
    )
    expect(brokenBy(history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'entries are durable before they are acknowledged' })
    expect(brokenBy(told)).toEqual(['PBS'])
  })

  it('finds an acknowledgement of more than its save holds', () => {
    const { history } = promised().write(n2)
    const at = lastOf(history, n2, writes)
    const silent = altered(history, at, (step) => withOutput(step, 'save', (save) => ({ ...save, entries: [] })))
    const told = [...silent, stepAt(history, at + 1)]
    expect(verdictOn(told, ['PBS'])).toMatchObject({ check: 'PBS', at: at + 1 })
  })

  it('finds a snapshot that is acknowledged before its save', () => {
    const world = new World(3, { snapshotEntries: 2, trailingEntries: 0 }).elect(n1, [n1, n2]).propose(n1, 'a')
    const { history } = world.settle([n1, n2]).do(n1, { type: 'tick' }).settle()
    const at = lastOf(history, n3, ({ outputs }) =>
      outputs.some((output) => output.type === 'save' && output.snapshot !== null && output.then.length > 0),
    )
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => [{ ...save, then: [] }, ...save.then]),
    )
    expect(verdictOn(told)).toMatchObject({
      check: 'PBS',
      claim: 'a snapshot is durable before it is acknowledged',
      at,
    })
    expect(brokenBy(told)).toEqual(['PBS'])
  })

  it('finds a save that leaves a hole', () => {
    const { history } = promised().write(n2)
    const at = lastOf(history, n2, writes)
    const ahead = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => ({
        ...save,
        entries: save.entries.map((entry) => ({ ...entry, index: index(entry.index + 1) })),
      })),
    )
    expect(verdictOn([...ahead, stepAt(history, at + 1)])).toMatchObject({
      check: 'PBS',
      claim: 'saves leave no hole on a disk',
    })
  })
})

describe('MT, matchIndex', () => {
  it('finds a leader that counts what its follower does not hold', () => {
    const world = promised().hear(n1, n3, acknowledgement)
    expect(matchOf(world.state(n1), n3)).toBe(2)
    expect(verdictOn(world.history)).toMatchObject({ check: 'MT', at: world.history.length - 1 })
    expect(brokenBy(world.history)).toEqual(['MT'])
  })

  it('finds a matchIndex that falls', () => {
    const { history } = promised().settle().do(n1, { type: 'tick' })
    const at = history.length - 1
    expect(matchOf(stepAt(history, at).after, n3)).toBeGreaterThan(0)
    const told = altered(history, at, (step) =>
      withServer(step, { role: matched(step.after.server.role, n3, INDEX_ZERO) }),
    )
    expect(brokenBy(history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'MT', claim: 'matchIndex never falls within a term' })
    expect(brokenBy(told)).toEqual(['MT'])
  })

  it('lets it begin again in another term', () => {
    const world = new World().elect(n1).propose(n1, 'a').settle().elect(n2).elect(n1)
    expect(world.state(n1).server.currentTerm).toBe(3)
    expect(brokenBy(world.history)).toEqual([])
  })

  it('asks nothing of a follower that moved on to a later term', () => {
    const world = promised().write(n2)
    const late = known(world.mail.find(({ to }) => to === n1))
    world.mail = []
    world.elect(n3, [n3, n4, n5]).do(n3, { type: 'tick' }).settle([n2, n3, n4, n5])
    world.do(n3, { type: 'tick' }).settle([n2, n3, n4, n5])
    // What it once vouched for is overwritten when n1 hears of it.
    expect(termAt(world.state(n2).log, index(2))).toBe(2)
    world.hear(n1, n2, late.rpc)
    expect(matchOf(world.state(n1), n2)).toBe(2)
    expect(brokenBy(world.history)).toEqual([])
  })
})
