import { describe, expect, it } from 'vitest'
import { checksum } from '../../../src/core/checksum.ts'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { INDEX_ZERO, TERM_ZERO, index, term, type NodeId } from '../../../src/core/ids.ts'
import { emptyLog, logOf, slice } from '../../../src/core/log/log.ts'
import { chainDigest } from '../../../src/core/snapshot/transfer.ts'
import { birthSnapshot, restart } from '../../../src/core/start.ts'
import type { RaftState } from '../../../src/core/state.ts'
import { World, brokenBy, known, n1, n2, n3, verdictOn, type History } from './history.ts'
import { promised } from './promised.ts'

describe('a restart', () => {
  /** A leader with three saves under way: 'a', 'b' and 'c' at 2, 3 and 4. */
  const proposing = (): World => new World().elect(n1).propose(n1, 'a').propose(n1, 'b').propose(n1, 'c')

  it.each([0, 1, 2, 3])('may keep %d saves that nobody answered for', (survivors) => {
    const world = proposing().restart(n1, survivors)
    expect(world.state(n1).log.lastIndex).toBe(1 + survivors)
    expect(brokenBy(world.history)).toEqual([])
  })

  it('must keep a save that was answered for', () => {
    const world = proposing().write(n1)
    const { history } = world.restart(n1)
    expect(brokenBy(history)).toEqual([])
    expect(brokenBy(comingBack(history, (state) => shorter(state, 1)))).toEqual(['PBS'])
  })

  it('must keep a save that somebody heard a promise of', () => {
    const world = promised()
    const before = [...world.history]
    world.spill(n2)
    world.deliver(n2, n1)
    const told = (history: History): History => {
      const fresh = promised().restart(n2).history.slice(before.length)
      return [...history, ...fresh]
    }
    expect(brokenBy(told(before))).toEqual([])
    expect(verdictOn(told(world.history))).toMatchObject({
      check: 'PBS',
      claim: expect.stringContaining('answered') as string,
    })
  })

  it('may not come back with more than was ever on its way', () => {
    const { history } = proposing().restart(n1, 3)
    const { log } = known(new World().elect(n1).propose(n1, 'a', 'b', 'c', 'd').last).after
    expect(brokenBy(comingBack(history, (state) => ({ ...state, log })))).toContain('PBS')
  })

  it('may not leave out a save from the middle', () => {
    // n2 votes for n1, takes its blank entry, and votes for n3: three saves, none answered for.
    const world = new World().do(n1, { type: 'campaign' }).write(n1).deliver(n1, n2)
    world.deliver(n1, n3).write(n3).deliver(n3, n1).deliver(n1, n2)
    const rpc = { type: 'RequestVote', term: term(2), candidateId: n3, lastLogIndex: index(1) } as const
    world.hear(n2, n3, { ...rpc, lastLogTerm: term(1) })
    expect(world.savesOf(n2)).toHaveLength(3)
    const { history } = world.restart(n2, 3)
    const disk = (currentTerm: number, votedFor: NodeId | null, entries: number) =>
      brokenBy(comingBack(history, (state) => remembering(state, currentTerm, votedFor, entries)))
    expect([disk(0, null, 0), disk(1, n1, 0), disk(1, n1, 1), disk(2, n3, 1)]).toEqual([[], [], [], []])
    expect([disk(2, n3, 0), disk(1, null, 0), disk(2, null, 1)]).toEqual([['PBS'], ['PBS'], ['PBS']])
  })

  it('must remember every term it spoke of', () => {
    const { history } = new World().elect(n1).restart(n1)
    const told = comingBack(history, (state) => remembering(state, 0, null, 0))
    expect(verdictOn(told)).toMatchObject({ check: 'MON', claim: 'a server remembers every term it ever spoke of' })
    expect(brokenBy(told)).toEqual(['MON', 'PBS'])
  })

  it('must remember a term that was saved, if nobody ever heard of it', () => {
    const world = new World(1).do(n1, { type: 'campaign' }).write(n1)
    const { history } = world.restart(n1)
    const told = comingBack(history, (state) => remembering(state, 0, null, 0))
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'a term that was saved survives' })
  })

  it('must keep its snapshot', () => {
    const world = new World(3, { snapshotEntries: 2, trailingEntries: 0 }).elect(n1).propose(n1, 'a').settle()
    const { history } = world.restart(n2)
    expect(world.state(n2).server.snapshot.lastIncludedIndex).toBe(2)
    expect(brokenBy(history)).toEqual([])
    const { snapshot } = new World().state(n2).server
    const told = comingBack(history, (state) => ({ ...state, server: { ...state.server, snapshot } }))
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'a snapshot that was saved survives' })
  })

  /**
   * n2 is asked for a snapshot at 2, puts a received one at 4 in force, and is only then told that its own is written.
   * The save that adopts the other is under way.
   */
  const takenLate = (): World => {
    const world = new World(3, { snapshotEntries: 2, trailingEntries: 0 }).elect(n1).propose(n1, 'a')
    world.deliver(n1, n2).write(n2).deliver(n2, n1).write(n1).deliver(n1, n2)
    world.do(n2, { type: 'applied', index: index(2) })
    world.settle([n1, n3]).propose(n1, 'b').settle([n1, n3]).propose(n1, 'c').settle([n1, n3])
    world.do(n1, { type: 'tick' }).deliver(n1, n2).deliver(n2, n1)
    const { role } = world.state(n1).server
    const to = role.type === 'leader' ? role.progress.find(({ id }) => id === n2) : undefined
    const transferId = to?.mode === 'snapshot' ? to.transferId : 0
    world.do(n1, { type: 'objectRead', to: n2, transferId, objectId: 0, data: 'all', nextObjectId: null })
    world.mail = world.mail.filter(({ rpc }) => rpc.type === 'InstallSnapshot')
    world.deliver(n1, n2).do(n2, { type: 'objectSaved', transferId, objectId: 0, nextObjectId: 0 })
    world.do(n2, { type: 'snapshotInstalled', transferId }).do(n2, { type: 'snapshotTaken', index: index(2) })
    return world
  }

  it('may keep its own snapshot where the save that adopts a received one is lost', () => {
    const world = takenLate()
    expect(world.state(n2).server.snapshot.lastIncludedIndex).toBe(4)
    const { history } = world.restart(n2)
    expect(world.state(n2).server.snapshot.lastIncludedIndex).toBe(2)
    expect(verdictOn(history)).toBeNull()
  })

  it('must keep its own snapshot even so', () => {
    const { history } = takenLate().restart(n2)
    const { snapshot } = new World().state(n2).server
    const told = comingBack(history, (state) => ({ ...state, server: { ...state.server, snapshot } }))
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'a snapshot that was saved survives' })
  })

  it('may come back with what its machine put in force, and the term of that, where both saves are lost', () => {
    const configuration = configurationOf([n1, n2, n3])
    const snapshot = {
      lastIncludedIndex: index(5),
      lastIncludedTerm: term(2),
      configuration,
      configurationIndex: INDEX_ZERO,
    }
    const world = new World().hear(n3, n1, {
      type: 'InstallSnapshot',
      term: term(3),
      leaderId: n1,
      transferId: 1,
      snapshot,
      startsOver: false,
      position: 0,
      objectId: 0,
      data: 'all',
      checksum: checksum('all'),
      digest: chainDigest(0, 0, checksum('all')),
      isLast: true,
    })
    world.do(n3, { type: 'objectSaved', transferId: 1, objectId: 0, nextObjectId: 0 })
    world.do(n3, { type: 'snapshotInstalled', transferId: 1 })
    const hardState = { currentTerm: TERM_ZERO, votedFor: null }
    const disk = { id: n3, hardState, snapshot: birthSnapshot(configuration), entries: [], lastApplied: index(5) }
    const state = restart({ ...disk, installed: snapshot })
    expect(state.server.currentTerm).toBe(2)
    const told = (found: RaftState) =>
      verdictOn([...world.history, { type: 'crash', id: n3 }, { type: 'start', state: found }], ['PBS', 'MON', 'VO'])
    expect(told(state)).toBeNull()
    expect(told({ ...state, server: { ...state.server, votedFor: n2 } })).toMatchObject({ check: 'PBS' })
    expect(told({ ...state, server: { ...state.server, currentTerm: term(4) } })).toMatchObject({ check: 'PBS' })
  })

  /** The same history, whose last server started otherwise. */
  const comingBack = (history: History, change: (state: RaftState) => RaftState): History => {
    const told = history.at(-1)
    if (told?.type !== 'start') throw new Error('the test expects a start')
    return [...history.slice(0, -1), { type: 'start', state: change(told.state) }]
  }

  const shorter = (state: RaftState, lastIndex: number): RaftState => ({
    ...state,
    log: logOf(INDEX_ZERO, TERM_ZERO, slice(state.log, index(1), index(lastIndex))),
  })

  const remembering = (state: RaftState, inTerm: number, votedFor: NodeId | null, entries: number): RaftState => ({
    ...(entries === 0 ? { ...state, log: emptyLog() } : shorter(state, entries)),
    server: { ...state.server, currentTerm: term(inTerm), votedFor },
  })
})
