import { describe, expect, it } from 'vitest'
import { checksum } from '../../../src/core/checksum.ts'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { INDEX_ZERO, TERM_ZERO, index, term } from '../../../src/core/ids.ts'
import type { Rpc, SnapshotMeta } from '../../../src/core/rpc.ts'
import { chainDigest } from '../../../src/core/snapshot/transfer.ts'
import type { Server } from '../../../src/core/state.ts'
import {
  World,
  altered,
  brokenBy,
  has,
  known,
  lastOf,
  n1,
  n2,
  n3,
  stepAt,
  verdictOn,
  withOutput,
  withServer,
  type History,
} from './history.ts'

const OPTIONS = { snapshotEntries: 2, trailingEntries: 0 }

/** A blank entry and 'a', applied by all three, and 'b' by the leader. */
const applied = (): World => new World().elect(n1).propose(n1, 'a').settle().propose(n1, 'b').settle()

/** n3 was away while n1 and n2 compacted their logs; n1 has given it a snapshot of two objects. */
const installed = (): World => {
  const world = new World(3, OPTIONS).elect(n1, [n1, n2]).propose(n1, 'a').settle([n1, n2])
  return world.do(n1, { type: 'tick' }).settle()
}

/** A whole snapshot in one object, from a leader of term 1. */
const offer = (transferId: number): Rpc => ({
  type: 'InstallSnapshot',
  term: term(1),
  leaderId: n1,
  transferId,
  snapshot: {
    lastIncludedIndex: index(5),
    lastIncludedTerm: term(1),
    configuration: configurationOf([n1, n2, n3]),
    configurationIndex: INDEX_ZERO,
  },
  startsOver: true,
  position: 0,
  objectId: 0,
  data: 'all',
  checksum: checksum('all'),
  digest: chainDigest(0, 0, checksum('all')),
  isLast: true,
})

/** The state machine of n1 is asked for a snapshot. */
const captured = (): World => new World(3, OPTIONS).elect(n1).propose(n1, 'a').settle()

describe('AIO, applied in order', () => {
  const { history } = applied()
  const at = lastOf(history, n2, has('apply'))

  it('lets every entry be applied once', () => {
    expect(brokenBy(history)).toEqual([])
  })

  it('finds an entry that is applied twice', () => {
    const told = altered(history, at, (step) => withOutput(step, 'apply', (apply) => [apply, apply]))
    expect(verdictOn(told)).toMatchObject({ check: 'AIO', claim: 'entries are applied in order, each once', at })
    expect(brokenBy(told)).toEqual(['AIO'])
  })

  it('finds an entry that is left out', () => {
    const first = history.findIndex(
      (told) => told.type === 'step' && told.before.server.id === n2 && has('apply')(told),
    )
    expect(first).toBeLessThan(at)
    const silent = altered(history, first, (step) => withOutput(step, 'apply', () => []))
    const told = [...silent, ...history.slice(first + 1)]
    expect(verdictOn(told)).toMatchObject({ check: 'AIO' })
    expect(brokenBy(told)).toEqual(['AIO'])
  })

  it('lets a restart begin again after its snapshot', () => {
    const world = applied().restart(n2).do(n1, { type: 'tick' }).settle()
    expect(world.state(n2).server.lastApplied).toBe(3)
    expect(brokenBy(world.history)).toEqual([])
  })

  it('finds a snapshot that takes a machine back', () => {
    const world = installed()
    const there = lastOf(world.history, n3, has('installSnapshot'))
    expect(brokenBy(world.history)).toEqual([])
    const told = altered(world.history, there, (step) =>
      withOutput(step, 'installSnapshot', (install) => [install, install]),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'AIO', claim: 'a state machine never goes back', at: there })
    expect(brokenBy(told)).toEqual(['AIO'])
  })

  it('lets a machine that rejects a snapshot be asked again', () => {
    const world = new World()
    for (const transferId of [1, 2]) {
      world.hear(n3, n1, offer(transferId))
      world.do(n3, { type: 'objectSaved', transferId, objectId: 0, nextObjectId: 0 })
      expect(has('installSnapshot')(world.last)).toBe(true)
      world.do(n3, { type: 'objectRejected', transferId, reason: 'unusable' })
    }
    expect(verdictOn(world.history, ['AIO'])).toBeNull()
  })
})

describe('SF, what a snapshot says of itself', () => {
  const { history } = captured()
  const at = lastOf(history, n1, has('takeSnapshot'))

  const labelled = (change: (snapshot: SnapshotMeta) => Partial<SnapshotMeta>): History =>
    altered(history, at, (step) =>
      withOutput(step, 'takeSnapshot', ({ snapshot }) => ({
        type: 'takeSnapshot',
        snapshot: { ...snapshot, ...change(snapshot) },
      })),
    )

  it('is true', () => {
    expect(brokenBy(history)).toEqual([])
    expect(brokenBy(labelled(() => ({})))).toEqual([])
  })

  it('is the term of its last entry', () => {
    const told = labelled(() => ({ lastIncludedTerm: term(2) }))
    expect(verdictOn(told)).toMatchObject({
      check: 'SF',
      claim: 'the term of a snapshot is that of its last entry',
      at,
    })
    expect(brokenBy(told)).toEqual(['SF'])
  })

  it.each([
    ['members', { configuration: configurationOf([n1, n2]) }],
    ['the place where they were named', { configurationIndex: index(1) }],
  ])('is the configuration in force: %s (CFG)', (_, forged) => {
    const told = labelled(() => forged)
    expect(verdictOn(told)).toMatchObject({ check: 'CFG', at })
    expect(brokenBy(told)).toEqual(['CFG'])
  })

  it('is asked of snapshots that were taken, too', () => {
    const taken = lastOf(history, n1, ({ message }) => message.type === 'snapshotTaken')
    const { snapshot } = stepAt(history, taken).after.server
    const told = altered(history, taken, (step) =>
      withServer(step, { snapshot: { ...snapshot, lastIncludedTerm: TERM_ZERO } }),
    )
    expect(brokenBy(told)).toEqual(['SF'])
  })
})

describe('SF, the objects of a snapshot', () => {
  const { history } = installed()

  it('are two, sent and put in force', () => {
    expect(history.filter((told) => told.type === 'step' && has('saveObject')(told))).toHaveLength(2)
    expect(brokenBy(history)).toEqual([])
  })

  it('are those that were sent', () => {
    const at = lastOf(history, n3, has('saveObject'))
    const other = altered(history, at, (step) =>
      withOutput(step, 'saveObject', (save) => ({ ...save, data: 'of another snapshot' })),
    )
    const told = [...other, ...history.slice(at + 1)]
    expect(verdictOn(told)).toMatchObject({ check: 'SF', claim: 'the objects of a snapshot are all of that snapshot' })
    expect(brokenBy(told)).toEqual(['SF'])
  })

  it('do not count where the first of another snapshot came after them', () => {
    const at = history.findIndex((told) => told.type === 'step' && has('saveObject')(told))
    const before = altered(history, at, (step) =>
      withOutput(step, 'saveObject', (save) => [{ ...save, objectId: 5, data: 'of an older transfer' }, save]),
    )
    expect(brokenBy([...before, ...history.slice(at + 1)])).toEqual([])
    const after = altered(history, at, (step) =>
      withOutput(step, 'saveObject', (save) => [save, { ...save, objectId: 5, data: 'of an older transfer' }]),
    )
    expect(brokenBy([...after, ...history.slice(at + 1)])).toEqual(['SF'])
  })

  it('are not compared where nobody saw them sent', () => {
    const at = lastOf(history, n3, has('installSnapshot'))
    const { before } = stepAt(history, at)
    expect(brokenBy([{ type: 'start', state: before }, stepAt(history, at)])).toEqual([])
  })
})

describe('MON, what never goes back', () => {
  const { history } = captured().propose(n1, 'b', 'c').settle().do(n1, { type: 'tick' })
  const at = history.length - 1
  const { server, log } = stepAt(history, at).before

  it('holds for what really happened', () => {
    expect(server.snapshot.lastIncludedIndex).toBe(4)
    expect(brokenBy(history)).toEqual([])
  })

  it.each<[string, Partial<Server>]>([
    ['currentTerm', { currentTerm: TERM_ZERO }],
    ['commitIndex', { commitIndex: index(3) }],
    ['applyingIndex', { applyingIndex: index(3) }],
    ['lastApplied', { lastApplied: index(3) }],
    ['the snapshot', { snapshot: { ...server.snapshot, lastIncludedIndex: index(3) } }],
  ])('finds a fall of %s', (_, fields) => {
    const told = altered(history, at, (step) => withServer({ ...step, outputs: [] }, fields))
    expect(verdictOn(told)).toMatchObject({ check: 'MON', claim: 'nothing that rises falls within a life', at })
    expect(brokenBy(told)).toEqual(['MON'])
  })

  it.each<[string, Partial<Server>]>([
    ['a machine ahead of what is committed', { lastApplied: index(5) }],
    ['a snapshot ahead of its machine', { snapshot: { ...server.snapshot, lastIncludedIndex: index(5) } }],
  ])('finds %s', (_, fields) => {
    const told = altered(history, at, (step) => withServer({ ...step, outputs: [] }, fields))
    const claim = 'a server applies what is committed, and commits what it has'
    expect(verdictOn(told)).toMatchObject({ check: 'MON', claim, at })
  })

  it('finds a commitIndex beyond the log', () => {
    expect(log.lastIndex).toBe(4)
    const told = altered(history, at, (step) => withServer({ ...step, outputs: [] }, { commitIndex: index(5) }))
    expect(verdictOn(told)).toMatchObject({ check: 'MON' })
  })
})

describe('READ, a read sees what was committed before it was asked', () => {
  const { history } = applied().do(n1, { type: 'read', id: 'r', mode: 'quorum' }).settle()
  const at = lastOf(history, n1, has('readReady'))

  it('lets it see just that', () => {
    expect(stepAt(history, at).outputs).toContainEqual({ type: 'readReady', id: 'r', index: 3 })
    expect(brokenBy(history)).toEqual([])
  })

  it('finds one that sees less', () => {
    const told = altered(history, at, (step) =>
      withOutput(step, 'readReady', (ready) => ({ ...ready, index: index(2) })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'READ', at })
    expect(brokenBy(told)).toEqual(['READ'])
  })

  it('goes by what was committed anywhere, not at the server that was asked', () => {
    const world = new World().elect(n1).settle()
    world.elect(n2, [n2, n3]).propose(n2, 'b').settle([n2, n3])
    world.do(n1, { type: 'read', id: 'r', mode: 'quorum' })
    const asked = world.history.length - 1
    const told = altered(world.history, asked, (step) => ({
      ...step,
      outputs: [...step.outputs, { type: 'readReady', id: 'r', index: step.after.server.commitIndex }],
    }))
    expect(brokenBy(world.history)).toEqual([])
    expect(brokenBy(told)).toEqual(['READ'])
  })

  it('does not ask for what was committed after it was asked', () => {
    const world = applied().do(n1, { type: 'read', id: 'r', mode: 'quorum' })
    world.propose(n1, 'c').settle()
    const ready = lastOf(world.history, n1, has('readReady'))
    expect(stepAt(world.history, ready).outputs).toContainEqual({ type: 'readReady', id: 'r', index: 3 })
    expect(world.state(n1).server.commitIndex).toBe(4)
    expect(brokenBy(world.history)).toEqual([])
  })
})

describe('what the ghost knows', () => {
  it('begins with nothing', () => {
    const { history } = new World()
    expect(known(history[0])).toMatchObject({ type: 'start', state: { server: { commitIndex: INDEX_ZERO } } })
    expect(brokenBy(history)).toEqual([])
  })
})
