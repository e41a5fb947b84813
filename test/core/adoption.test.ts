import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, term } from '../../src/core/ids.ts'
import type { Save } from '../../src/core/output.ts'
import type { InstallSnapshot, SnapshotMeta } from '../../src/core/rpc.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { adoptionOf, type Remains } from '../../src/core/start.ts'
import { Server, append, command, logOfTerms, n1, n2, snapshotAt } from './server.ts'

/*
 * A state machine with a disk of its own, apart from the log's: a crash finds either of them ahead of the other. What
 * is put in force is durable in the machine before it says so, and the save that adopts it comes later.
 */

const MACHINE_AT = index(2)
const RECEIVED = snapshotAt(5, 2)

const offer: InstallSnapshot = {
  type: 'InstallSnapshot',
  term: term(2),
  leaderId: n2,
  transferId: 1,
  snapshot: RECEIVED,
  startsOver: false,
  position: 0,
  objectId: 0,
  data: 'all',
  checksum: checksum('all'),
  digest: chainDigest(0, 0, checksum('all')),
  isLast: true,
}

const before = (entries: readonly Entry[]): Remains => ({
  id: n1,
  hardState: { currentTerm: term(1), votedFor: n1 },
  snapshot: snapshotAt(0, 0),
  base: { index: index(0), term: term(0) },
  entries,
  lastApplied: MACHINE_AT,
})

/** The log's disk after one more save: truncate, append, adopt, compact. */
const performed = (disk: Remains, save: Save): Remains => {
  const { hardState, truncateFrom, snapshot, compactTo } = save
  const kept = disk.entries.filter((entry) => truncateFrom === null || entry.index < truncateFrom)
  const base = compactTo ?? disk.base ?? { index: index(0), term: term(0) }
  return {
    ...disk,
    hardState: hardState ?? disk.hardState,
    snapshot: snapshot ?? disk.snapshot,
    base,
    entries: [...kept, ...save.entries].filter((entry) => entry.index > base.index),
  }
}

const restarted = (disk: Remains): Server => new Server([], {}, disk)

/** A whole installation: what the disk is asked for on the way, in order. */
const install = (entries: readonly Entry[]): readonly Save[] => {
  const server = restarted(before(entries)).hear(n2, offer)
  const saves = [...server.outputOf('save')]
  server.do({ type: 'objectSaved', transferId: 1, objectId: 0, nextObjectId: 0 })
  server.do({ type: 'snapshotInstalled', transferId: 1 })
  return [...saves, ...server.outputOf('save')]
}

const LOGS: readonly [string, readonly Entry[]][] = [
  ['shorter than the snapshot', logOfTerms(1, 1)],
  ['that contradicts it', logOfTerms(1, 1, 1, 1, 1, 1)],
  ['that agrees and goes on', logOfTerms(1, 1, 1, 1, 2, 2)],
]

/** How many saves are durable, and what the machine says. A machine that has not installed cannot be adopted. */
const CRASHES: readonly [number, SnapshotMeta | null][] = [
  [0, null],
  [1, null],
  [0, RECEIVED],
  [1, RECEIVED],
  [2, RECEIVED],
]

const crashed = (entries: readonly Entry[], durable: number, installed: SnapshotMeta | null): Remains => {
  const disk = install(entries).slice(0, durable).reduce(performed, before(entries))
  return installed === null ? disk : { ...disk, installed, lastApplied: installed.lastIncludedIndex }
}

const cases = LOGS.slice(0, 2).flatMap(([log, entries]) =>
  CRASHES.map(([durable, installed]) => [log, durable, installed === null ? 'old' : 'received', entries] as const),
)

describe.each(cases)('with a log %s, %i saves durable and the %s state in the machine', (_, durable, is, entries) => {
  const disk = crashed(entries, durable, is === 'received' ? RECEIVED : null)

  it('a restart finds the log where the machine is', () => {
    const { server, state } = restarted(disk)
    expect([server.lastApplied, state.log.lastIndex >= server.lastApplied]).toEqual([disk.lastApplied, true])
  })

  it('what is saved from then on survives the next crash', () => {
    const adoption = adoptionOf(disk)
    const adoptedDisk = adoption === null ? disk : performed(disk, adoption)
    const server = restarted(disk).hear(n2, append(2, [0, 0], [], 0))
    const saves = [...server.outputOf('save')]
    const { lastIndex, lastTerm } = server.state.log
    server.hear(n2, append(2, [lastIndex, lastTerm], [command(lastIndex + 1, 2)]))
    const after = [...saves, ...server.outputOf('save')].reduce(performed, adoptedDisk)
    expect(restarted(after).state.log.lastIndex).toBe(lastIndex + 1)
  })
})

describe('a snapshot that only the machine has adopted', () => {
  const ahead = (entries: readonly Entry[]): Remains => ({
    ...before(entries),
    installed: RECEIVED,
    lastApplied: RECEIVED.lastIncludedIndex,
  })

  it('keeps a log that agrees with it, and what follows', () => {
    const agreeing = { ...ahead(logOfTerms(1, 1, 1, 1, 2, 2)), hardState: { currentTerm: term(2), votedFor: null } }
    expect(restarted(agreeing).state.log.lastIndex).toBe(6)
    expect(adoptionOf(agreeing)).toMatchObject({ truncateFrom: null, compactTo: null, snapshot: RECEIVED })
  })

  it('brings the configuration in force there', () => {
    expect(restarted(ahead([])).server.configurations).toEqual([
      { index: RECEIVED.configurationIndex, configuration: RECEIVED.configuration },
    ])
  })

  it('raises a term that did not reach the disk, with no vote in it', () => {
    const { server } = restarted(ahead([]))
    expect([server.currentTerm, server.votedFor]).toEqual([2, null])
    expect(adoptionOf(ahead([]))?.hardState).toEqual({ currentTerm: 2, votedFor: null })
  })

  it('is no news to a log that has adopted it, or a later one', () => {
    const adopted = { ...ahead([]), snapshot: snapshotAt(6, 2), base: { index: index(6), term: term(2) } }
    expect(adoptionOf({ ...adopted, hardState: { currentTerm: term(2), votedFor: null } })).toBeNull()
  })
})
