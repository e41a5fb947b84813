import { describe, expect, it } from 'vitest'
import type { Options } from '../../src/core/config.ts'
import { UsageError } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { Server, append, command, n2 } from './server.ts'

/** A follower with ten entries of ten bytes, all committed and handed out. */
const ten = (options: Partial<Options>): Server =>
  new Server(Array<number>(10).fill(1), options).hear(n2, append(1, [10, 1], [], 10))

const applied = (server: Server, upTo: number): Server => server.do({ type: 'applied', index: index(upTo) })

const asked = (server: Server): readonly number[] =>
  server.outputOf('takeSnapshot').map(({ snapshot }) => snapshot.lastIncludedIndex)

describe('a snapshot is asked for', () => {
  it('once so many entries are applied, not one sooner', () => {
    expect(asked(applied(ten({ applyEntriesMax: 9, snapshotEntries: 10 }), 9))).toEqual([])
    expect(asked(applied(ten({ snapshotEntries: 10 }), 10))).toEqual([10])
  })

  it('counted from the last one on', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 5 }), 5)
    expect(asked(server)).toEqual([5])
    server.do({ type: 'snapshotTaken', index: index(5) })
    expect(asked(applied(server, 10))).toEqual([10])
  })

  it('once so many bytes are applied, not one sooner', () => {
    expect(asked(applied(ten({ snapshotBytes: 100 }), 10))).toEqual([10])
    expect(asked(applied(ten({ snapshotBytes: 101 }), 10))).toEqual([])
  })

  it('not for bytes that are not applied yet: it could not cover them', () => {
    expect(asked(applied(ten({ applyEntriesMax: 9, snapshotBytes: 100 }), 9))).toEqual([])
  })

  it('not for bytes that are covered and stay in the log', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotBytes: 50 }), 5)
    // What trails goes with the snapshot; a log of 100 bytes is still above the limit.
    server.do({ type: 'snapshotTaken', index: index(5) })
    expect([server.state.log.bytes, asked(server)]).toEqual([50, []])
    expect(asked(applied(server, 9))).toEqual([])
    expect(asked(applied(server, 10))).toEqual([10])
  })

  it('never where both limits are off', () => {
    expect(asked(applied(ten({ snapshotEntries: 0, snapshotBytes: 0 }), 10))).toEqual([])
  })

  it('after every single entry, if so wished', () => {
    const server = applied(ten({ applyEntriesMax: 1, snapshotEntries: 1 }), 1)
    expect(asked(server)).toEqual([1])
    server.do({ type: 'snapshotTaken', index: index(1) })
    expect(asked(applied(server, 2))).toEqual([2])
  })

  it('one at a time', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 1 }), 5)
    expect(asked(server)).toEqual([5])
    expect(asked(applied(server, 10))).toEqual([])
  })

  it('as soon as one is taken, when enough was applied while it was written', () => {
    const server = applied(applied(ten({ applyEntriesMax: 5, snapshotEntries: 5 }), 5), 10)
    expect(asked(server)).toEqual([])
    expect(asked(server.do({ type: 'snapshotTaken', index: index(5) }))).toEqual([10])
  })

  it('once all that was handed out is applied, not in the midst of it', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 3 }), 3)
    expect(asked(server)).toEqual([])
    expect(asked(applied(server, 5))).toEqual([5])
  })

  it('before more is handed out', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 5 }), 5)
    expect(server.outputs.map(({ type }) => type)).toEqual(['takeSnapshot', 'apply'])
  })

  it('again after a failure, when as much has gathered again', () => {
    const server = applied(applied(ten({ applyEntriesMax: 2, snapshotEntries: 4 }), 2), 4)
    server.do({ type: 'snapshotFailed', index: index(4), reason: 'disk full' })
    expect(server.outputOf('note')).toMatchObject([{ event: 'snapshotFailed', index: 4, reason: 'disk full' }])
    expect(asked(applied(server, 6))).toEqual([])
    expect(asked(applied(server, 8))).toEqual([8])
  })

  it('again after a failure, when as many bytes have gathered again', () => {
    const server = applied(applied(ten({ applyEntriesMax: 2, snapshotBytes: 40 }), 2), 4)
    server.do({ type: 'snapshotFailed', index: index(4), reason: 'disk full' })
    expect(asked(applied(server, 6))).toEqual([])
    expect(asked(applied(server, 8))).toEqual([8])
  })

  it('no second time, when an older one fails late', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 5 }), 5)
    server.do({ type: 'snapshotTaken', index: index(5) })
    applied(server, 10).do({ type: 'snapshotFailed', index: index(5), reason: 'disk full' })
    expect(server.server.snapshotRequested).toBe(10)
  })

  it('still, when an older one than that is taken meanwhile', () => {
    const server = applied(ten({ applyEntriesMax: 5, snapshotEntries: 1 }), 5)
    server.do({ type: 'snapshotTaken', index: index(3) })
    expect(server.server.snapshotRequested).toBe(5)
  })
})

describe('a snapshot taken', () => {
  const taken = (at: number, options: Partial<Options>): Server =>
    applied(ten(options), 10).do({ type: 'snapshotTaken', index: index(at) })

  it('lets go of everything before it', () => {
    const server = taken(10, { trailingEntries: 0 })
    expect([server.state.log.baseIndex, server.outputOf('save')[0]?.compactTo]).toEqual([10, { index: 10, term: 1 }])
  })

  it('leaves the entries that are to trail behind it', () => {
    expect(taken(10, { trailingEntries: 4 }).state.log.baseIndex).toBe(6)
  })

  it('compacts nothing while all of it is to trail', () => {
    const server = taken(10, { trailingEntries: 10 })
    expect([server.state.log.baseIndex, server.outputOf('save')]).toEqual([0, []])
  })

  it('leaves nothing behind when the log is at its limit in bytes', () => {
    expect(taken(10, { trailingEntries: 8, snapshotBytes: 81 }).state.log.baseIndex).toBe(2)
    expect(taken(10, { trailingEntries: 8, snapshotBytes: 80 }).state.log.baseIndex).toBe(10)
  })

  it('carries the configuration of its last entry, be it that entry itself', () => {
    const change = (at: number, ...names: readonly string[]): Entry => ({
      type: 'configuration',
      index: index(at),
      term: term(1),
      bytes: 0,
      configuration: configurationOf(names.map((name) => nodeId(name))),
    })
    const [first, second] = [change(2, 'n1', 'n2'), change(4, 'n1', 'n2', 'n4')]
    const server = new Server([], { trailingEntries: 0 })
      .hear(n2, append(1, [0, 0], [command(1, 1), first, command(3, 1), second], 4))
      .saved()
    for (const [at, names, later] of [
      [3, ['n1', 'n2'], 1],
      [4, ['n1', 'n2', 'n4'], 0],
    ] as const) {
      applied(server, 4).do({ type: 'snapshotTaken', index: index(at) })
      expect(server.server.snapshot.configuration.voters).toEqual(names)
      expect(server.server.configurations).toHaveLength(1 + later)
    }
  })

  it('of what was not applied yet is the caller’s mistake', () => {
    const server = applied(ten({ applyEntriesMax: 9 }), 9)
    expect(() => server.do({ type: 'snapshotTaken', index: index(10) })).toThrow(UsageError)
  })

  it('a second time, or after a later one, is ignored', () => {
    const server = taken(7, { trailingEntries: 0 })
    for (const late of [7, 6]) {
      server.do({ type: 'snapshotTaken', index: index(late) })
      expect([server.ignored, server.server.snapshot.lastIncludedIndex]).toEqual([['older snapshot'], 7])
    }
  })
})
