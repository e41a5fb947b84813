import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import type { Save } from '../../src/core/output.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import type { ReceivedObject } from '../../src/machine/replica-state.ts'
import { SimDisk, type DiskWrite, type OwnSnapshot } from '../../src/sim/cluster/disk.ts'

const n1 = nodeId('n1')
const configuration = configurationOf([n1])

const entry = (at: number, inTerm = 1): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: 20,
  command: { text: `${at} – ünïcode 🚀` },
})

/** Writes entry `at`, unless told otherwise. */
const save = (at: number, changes: Partial<Save> = {}): Save => ({
  type: 'save',
  sequence: at,
  hardState: null,
  truncateFrom: null,
  entries: [entry(at)],
  snapshot: null,
  compactTo: null,
  lastIndex: index(at),
  then: [],
  ...changes,
})

const all = (): boolean => true
const none = (): boolean => false

const snapshotAt = (at: number): SnapshotMeta => ({
  lastIncludedIndex: index(at),
  lastIncludedTerm: term(1),
  configuration,
  configurationIndex: index(0),
})

const ownSnapshot = (at: number): DiskWrite => ({
  type: 'snapshot',
  snapshot: snapshotAt(at),
  objects: () => [{ id: 0, data: `own ${at}` }],
})

const object = (objectId: number, at = 5): ReceivedObject => ({
  type: 'storeObject',
  snapshot: snapshotAt(at),
  objectId,
  data: `object ${objectId} of ${at}`,
  digest: objectId + 100,
  nextObjectId: objectId + 1,
})

const diskWith = (...writes: readonly DiskWrite[]): SimDisk => {
  const disk = new SimDisk({ id: n1, configuration })
  for (const write of writes) disk.enqueue(write)
  return disk
}

const done = (disk: SimDisk): SimDisk => {
  while (disk.waitingCount > 0) disk.complete()
  return disk
}

const indices = (disk: SimDisk): readonly number[] => disk.read().remains.entries.map((each) => each.index)

const FOUR = [1, 2, 3, 4].map((at) => save(at))

describe('a disk', () => {
  it('begins with nothing but the birth of the cluster', () => {
    const { remains, objects, received } = diskWith().read()
    expect(remains).toMatchObject({ id: n1, hardState: { currentTerm: 0, votedFor: null }, entries: [] })
    expect(remains.snapshot).toEqual({ ...snapshotAt(0), lastIncludedTerm: 0 })
    expect([objects, received]).toEqual([[], []])
  })

  it('writes in order, one at a time', () => {
    const disk = diskWith(...FOUR)
    expect(disk.next).toBe(FOUR[0])
    expect([...disk.complete(), ...disk.complete()]).toEqual(FOUR.slice(0, 2))
    expect(indices(disk)).toEqual([1, 2])
    expect(disk.waitingCount).toBe(2)
    expect(done(disk).next).toBeNull()
    expect(() => disk.complete()).toThrow(InvariantViolation)
  })

  it('truncates, appends and compacts, in this order', () => {
    const hardState = { currentTerm: term(2), votedFor: n1 }
    const last = save(3, {
      hardState,
      truncateFrom: index(3),
      entries: [entry(3, 2)],
      compactTo: { index: index(2), term: term(1) },
    })
    const { remains } = done(diskWith(...FOUR, ownSnapshot(2), last)).read()
    expect(remains).toMatchObject({ hardState, base: { index: 2, term: 1 }, entries: [entry(3, 2)] })
  })

  it('refuses a hole in the log', () => {
    expect(() => done(diskWith(save(1), save(3)))).toThrow('saved entries continue the log')
  })

  it('keeps the latest snapshot, whichever came last', () => {
    const disk = done(diskWith(...FOUR, ownSnapshot(3), ownSnapshot(2)))
    expect(disk.read().remains.snapshot.lastIncludedIndex).toBe(3)
    expect(disk.read().objects).toEqual([{ id: 0, data: 'own 3' }])
  })

  it('forgets a write that failed', () => {
    const disk = diskWith(save(1), ownSnapshot(1), save(2))
    disk.complete()
    disk.refuse()
    expect(indices(done(disk))).toEqual([1, 2])
    expect(disk.read().remains.snapshot.lastIncludedIndex).toBe(0)
  })
})

describe('objects that are received', () => {
  it('are kept beside the snapshot that counts', () => {
    const { remains, received } = done(diskWith(object(0), object(1))).read()
    expect(received.map(({ id }) => id)).toEqual([0, 1])
    expect(remains.received).toEqual({ snapshot: snapshotAt(5), nextObjectId: 2, digest: 101 })
    expect(remains.snapshot.lastIncludedIndex).toBe(0)
  })

  it('may come twice', () => {
    const { received } = done(diskWith(object(0), object(1), object(1))).read()
    expect(received).toEqual([0, 1].map((id) => ({ id, data: `object ${id} of 5` })))
  })

  it('make room for those of another snapshot', () => {
    const { received } = done(diskWith(object(0), object(1), object(0, 7))).read()
    expect(received).toEqual([{ id: 0, data: 'object 0 of 7' }])
  })

  it('become the snapshot with the save that adopts it', () => {
    const adopt = save(5, { entries: [], snapshot: snapshotAt(5), compactTo: { index: index(5), term: term(1) } })
    const { remains, objects, received } = done(diskWith(object(0), object(1), adopt)).read()
    expect(remains).toMatchObject({ snapshot: snapshotAt(5), base: { index: 5 }, entries: [] })
    expect(remains.received).toBeUndefined()
    expect(objects.map(({ id }) => id)).toEqual([0, 1])
    expect(received).toEqual([])
  })

  it('have to be there when they are adopted', () => {
    const adopt = save(7, { entries: [], snapshot: snapshotAt(7) })
    expect(() => done(diskWith(object(0), adopt))).toThrow('a snapshot that is adopted was received before')
  })
})

describe('a crash', () => {
  it.each([0, 1, 2, 3, 4])('keeps the first writes, %d of four', (survivors) => {
    const disk = diskWith(...FOUR)
    expect(disk.crash(survivors)).toMatchObject({ lost: 4 - survivors, isTorn: false })
    expect(indices(disk)).toEqual([1, 2, 3, 4].slice(0, survivors))
    expect(disk.waitingCount).toBe(0)
  })

  it('leaves alone what was written before', () => {
    const disk = diskWith(...FOUR)
    disk.complete()
    disk.crash(0)
    expect(indices(disk)).toEqual([1])
    disk.enqueue(save(2))
    expect(indices(done(disk))).toEqual([1, 2])
  })

  it('may come when nothing waits', () => {
    expect(diskWith().crash(0, none)).toMatchObject({ lost: 0, isTorn: false })
    expect(diskWith(...FOUR).crash(4, none)).toMatchObject({ lost: 0, isTorn: false })
  })

  const WRITES: readonly (readonly [string, DiskWrite])[] = [
    ['a save', save(2, { hardState: { currentTerm: term(1), votedFor: n1 } })],
    ['a snapshot', ownSnapshot(1)],
    ['a received object', object(0)],
  ]

  /** So large that its frame takes several sectors. */
  const large = (write: DiskWrite): DiskWrite =>
    write.type === 'save' ? { ...write, entries: [{ ...entry(2), command: 'x'.repeat(1_500) } as Entry] } : write

  it.each(WRITES)('that leaves out any sector of %s discards it', (_, write) => {
    const before = done(diskWith(save(1))).read()
    for (let missing = 0; missing < 4; missing++)
      for (let place = 0; place < 32; place++) {
        const disk = done(diskWith(save(1)))
        disk.enqueue(large(write))
        disk.enqueue(save(2))
        const loss = disk.crash(0, (sector) => sector !== missing, place)
        // A sector that the write does not reach cannot be missing.
        if (loss.lost === 1) continue
        expect(loss.lost, `sector ${missing}, place ${place}`).toBe(2)
        expect(JSON.stringify(disk.read())).toBe(JSON.stringify(before))
      }
  })

  it('tells a torn write from one of which nothing was written', () => {
    const saves = (): SimDisk => diskWith(large(save(1)))
    expect(saves().crash(0, (sector) => sector === 0)).toEqual({ lost: 1, isTorn: true, isUnsynced: false })
    expect(saves().crash(0, none)).toEqual({ lost: 1, isTorn: false, isUnsynced: true })
  })

  it('loses what has gathered for a batch that was not begun', () => {
    const disk = diskWith()
    disk.gather(save(1))
    expect(disk.begin()).toBe(true)
    disk.gather(save(2))
    disk.gather(save(3))
    expect([disk.begin(), disk.crash(0, all)]).toEqual([false, { lost: 1, isTorn: false, isUnsynced: false }])
    expect(indices(disk)).toEqual([1])
  })

  it('loses a batch as a whole', () => {
    const disk = diskWith()
    for (const at of [1, 2]) disk.gather(large(save(at)))
    disk.begin()
    disk.crash(0, (sector) => sector < 3)
    expect(indices(disk)).toEqual([])
  })

  it('may keep a snapshot that was written beside, and not before what waits', () => {
    const kept = done(diskWith(save(1)))
    kept.writeBeside(ownSnapshot(1) as OwnSnapshot)
    kept.crash(0)
    expect(kept.read().remains.snapshot.lastIncludedIndex).toBe(1)
    const dropped = diskWith(save(1))
    dropped.writeBeside(ownSnapshot(1) as OwnSnapshot)
    dropped.crash(0)
    expect(dropped.read().remains.snapshot.lastIncludedIndex).toBe(0)
  })

  it.each(WRITES)('that comes after all of %s keeps it', (_, write) => {
    const torn = done(diskWith(save(1)))
    torn.enqueue(write)
    torn.enqueue(save(2))
    expect(torn.crash(0, all)).toMatchObject({ lost: 1, isTorn: false })
    expect(torn.read()).toEqual(expect.objectContaining({ objects: done(diskWith(save(1), write)).read().objects }))
    expect(JSON.stringify(torn.read())).toBe(JSON.stringify(done(diskWith(save(1), write)).read()))
  })

  it('tears the first of those that are lost, behind those that survive', () => {
    const disk = diskWith(...FOUR)
    expect(disk.crash(2, none)).toMatchObject({ lost: 2, isUnsynced: true })
    expect(indices(disk)).toEqual([1, 2])
    const whole = diskWith(...FOUR)
    expect(whole.crash(2, all)).toMatchObject({ lost: 1, isTorn: false })
    expect(indices(whole)).toEqual([1, 2, 3])
  })
})
