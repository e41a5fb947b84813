import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { Server, append, command, n2, n3, snapshotAt } from '../core/server.ts'
import { Cluster, s1, s2, s3 } from './cluster.ts'
import { failure } from './rpcs.ts'

const COMPACT = { trailingEntries: 0 }

/** A follower with four entries of term 1, of which so many are applied. */
const applied = (upTo: number, options = {}): Server =>
  new Server([1, 1, 1, 1], { ...COMPACT, ...options })
    .hear(n2, append(1, [4, 1], [], upTo))
    .do({ type: 'applied', index: index(upTo) })

const snapshotTaken = (server: Server, at: number): Server => server.do({ type: 'snapshotTaken', index: index(at) })

describe('7 a snapshot', () => {
  it('may be taken by a follower, without a word to the leader', () => {
    const server = snapshotTaken(applied(3), 3)
    expect([server.state.log.baseIndex, server.sends, server.promised]).toEqual([3, [], []])
  })

  it('covers only what is committed and applied', () => {
    expect(() => snapshotTaken(applied(3), 4)).toThrow(UsageError)
  })

  it('names the last entry it replaces, and its term', () => {
    const server = new Server([1, 2], COMPACT)
      .hear(n2, append(7, [2, 2], [], 2))
      .do({ type: 'applied', index: index(2) })
    expect(snapshotTaken(server, 2).server.snapshot).toMatchObject({ lastIncludedIndex: 2, lastIncludedTerm: 2 })
  })

  it('serves the consistency check for the first entry after it', () => {
    const server = snapshotTaken(applied(4), 4)
    const said = server.hear(n2, append(1, [4, 1], [command(5, 1)])).said('AppendEntriesResponse')
    expect(said).toMatchObject([{ success: true, matchIndex: 5 }])
  })

  it('names the configuration of its last entry, not a later one', () => {
    const change = (at: number, name: string): Entry => ({
      type: 'configuration',
      index: index(at),
      term: term(1),
      bytes: 0,
      configuration: configurationOf([nodeId('n1'), n2, nodeId(name)]),
    })
    const server = new Server([1], COMPACT)
      .hear(n2, append(1, [1, 1], [change(2, 'n3'), command(3, 1), change(4, 'n4')]))
      .saved()
      .hear(n2, append(1, [4, 1], [], 4))
      .do({ type: 'applied', index: index(4) })
    expect(snapshotTaken(server, 3).server.snapshot).toMatchObject({
      configurationIndex: 2,
      configuration: { voters: ['n1', 'n2', 'n3'] },
    })
  })

  it('once complete, lets all entries up to its last one go, from memory and disk', () => {
    const server = snapshotTaken(applied(3), 3)
    expect(server.outputOf('save')).toMatchObject([{ compactTo: { index: 3, term: 1 }, truncateFrom: null }])
  })

  it('leaves the entries after its last one', () => {
    expect(snapshotTaken(applied(3), 3).state.log).toMatchObject({ baseIndex: 3, lastIndex: 4 })
  })

  it('replaces the one before', () => {
    const server = snapshotTaken(snapshotTaken(applied(4), 2), 4)
    expect([server.server.snapshot.lastIncludedIndex, server.state.log.baseIndex]).toEqual([4, 4])
  })

  it('is due when the part of the log that it would cover has reached a fixed size in bytes', () => {
    // Entries of 10 bytes each; the fourth is not applied yet.
    expect(applied(3, { snapshotBytes: 30 }).outputOf('takeSnapshot')).toMatchObject([
      { snapshot: { lastIncludedIndex: 3 } },
    ])
  })

  it('is not due before that', () => {
    expect(applied(3, { snapshotBytes: 31 }).outputOf('takeSnapshot')).toEqual([])
  })

  it('while it is written holds up nothing: entries are appended and applied meanwhile', () => {
    const server = applied(3, { snapshotBytes: 30 })
    server
      .hear(n2, append(1, [4, 1], [command(5, 1)]))
      .saved()
      .hear(n2, append(1, [5, 1], [], 5))
    expect(server.outputOf('apply')[0]?.entries.map((entry) => entry.index)).toEqual([4, 5])
  })

  it('survives a restart in place of the entries', () => {
    const cluster = new Cluster(3).campaign(s1).propose(s1, 'a', 'b').tick().snapshot(s2).crash(s2).restart(s2)
    expect([cluster.log(s2).baseIndex, cluster.server(s2).lastApplied, cluster.applied(s2).length]).toEqual([2, 2, 2])
  })
})

/** A leader that has discarded entries 1 to 4, all of term 1. */
const compacted = (options = {}): Server =>
  new Server([], options, {
    snapshot: snapshotAt(4, 1),
    entries: [command(5, 1)],
    hardState: { currentTerm: term(1), votedFor: null },
  }).lead()

describe('7 a leader sends its snapshot', () => {
  it('to a follower whose next entry it has discarded', () => {
    const server = compacted().hear(n2, failure(2, 5, [2, 1]))
    expect(server.outputOf('readObject')).toMatchObject([{ to: n2, snapshot: { lastIncludedIndex: 4 } }])
  })

  it('to nobody whose next entry it still has', () => {
    const server = compacted().hear(n2, failure(2, 5, [4, 1]))
    expect([server.outputOf('readObject'), server.said('AppendEntries', n2)]).toMatchObject([
      [],
      [{ prevLogIndex: 4, entries: [{ index: 5 }] }],
    ])
  })

  it('and goes on with the log after it at once', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s1, s2).propose(s1, 'a', 'b').snapshot(s1).propose(s1, 'c')
    cluster.connect(s1, s2, s3).tick()
    expect(cluster.terms(s3)).toEqual([null, 1, 1])
  })

  it('and the state machines end up the same', () => {
    const cluster = new Cluster(3).campaign(s1).connect(s1, s2).propose(s1, 'a', 'b').snapshot(s1).propose(s1, 'c')
    cluster.connect(s1, s2, s3).tick(3)
    expect(cluster.applied(s3)).toEqual(cluster.applied(s1))
  })

  it('to each follower on its own: the others are not held up', () => {
    const server = compacted().hear(n2, failure(2, 5, [2, 1]))
    expect(server.propose('x').said('AppendEntries', n3)).toMatchObject([{ entries: [{ index: 6 }] }])
  })
})
