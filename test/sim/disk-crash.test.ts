import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/core/entry.ts'
import { index, term } from '../../src/core/ids.ts'
import type { DiskWrite } from '../../src/sim/cluster/disk-contents.ts'
import { SimDisk, type CrashChoice, type CrashLoss } from '../../src/sim/cluster/disk.ts'
import {
  n1,
  configuration,
  entry,
  save,
  all,
  none,
  snapshotAt,
  ownSnapshot,
  object,
  lastObject,
  diskWith,
  done,
  indices,
  FOUR,
} from './disk-support.ts'

describe('a crash', () => {
  it.each([0, 1, 2, 3, 4])('keeps the first writes, %d of four', (survivors) => {
    const disk = diskWith(...FOUR)
    expect(disk.crash({ survivors: survivors })).toMatchObject({ lost: 4 - survivors, isTorn: false })
    expect(indices(disk)).toEqual([1, 2, 3, 4].slice(0, survivors))
    expect(disk.waitingCount).toBe(0)
  })

  it('leaves alone what was written before', () => {
    const disk = diskWith(...FOUR)
    disk.complete()
    disk.crash({ survivors: 0 })
    expect(indices(disk)).toEqual([1])
    disk.enqueue(save(2))
    expect(indices(done(disk))).toEqual([1, 2])
  })

  it('may come when nothing waits', () => {
    expect(diskWith().crash({ survivors: 0, isWritten: none })).toMatchObject({ lost: 0, isTorn: false })
    expect(diskWith(...FOUR).crash({ survivors: 4, isWritten: none })).toMatchObject({ lost: 0, isTorn: false })
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
        const loss = disk.crash({ survivors: 0, isWritten: (sector) => sector !== missing, place })
        // A sector that the write does not reach cannot be missing.
        if (loss.lost === 1) continue
        expect(loss.lost, `sector ${missing}, place ${place}`).toBe(2)
        expect(JSON.stringify(disk.read())).toBe(JSON.stringify(before))
      }
  })

  it('tells a torn write from one of which nothing was written', () => {
    const saves = (): SimDisk => diskWith(large(save(1)))
    expect(saves().crash({ survivors: 0, isWritten: (sector) => sector === 0 })).toEqual({
      lost: 1,
      isTorn: true,
      isUnsynced: false,
    })
    expect(saves().crash({ survivors: 0, isWritten: none })).toEqual({ lost: 1, isTorn: false, isUnsynced: true })
  })

  it('loses what has gathered for a batch that was not begun', () => {
    const disk = diskWith()
    disk.gather(save(1))
    expect(disk.begin().hasBatch).toBe(true)
    disk.gather(save(2))
    disk.gather(save(3))
    expect(disk.begin().hasBatch).toBe(false)
    expect(disk.crash({ survivors: 0, isWritten: all })).toEqual({ lost: 1, isTorn: false, isUnsynced: false })
    expect(indices(disk)).toEqual([1])
  })

  it('loses a batch as a whole', () => {
    const disk = diskWith()
    for (const at of [1, 2]) disk.gather(large(save(at)))
    disk.begin()
    disk.crash({ survivors: 0, isWritten: (sector) => sector < 3 })
    expect(indices(disk)).toEqual([])
  })

  /** A snapshot that is being written beside a batch of one save. */
  const withSnapshotBeside = (): SimDisk => {
    const disk = diskWith()
    disk.gather(save(1))
    disk.gather(ownSnapshot(1))
    disk.begin()
    return disk
  }
  const snapshotAfter = (disk: SimDisk, choice: CrashChoice): number => {
    disk.crash(choice)
    return disk.read().remains.snapshot.lastIncludedIndex
  }

  it('keeps a snapshot that was written beside, or not, once the batch it began with is durable', () => {
    const batchDone = (): SimDisk => {
      const disk = withSnapshotBeside()
      disk.complete()
      disk.gather(save(2))
      disk.begin()
      return disk
    }
    expect(snapshotAfter(batchDone(), { survivors: 0, isKept: all })).toBe(1)
    expect(snapshotAfter(batchDone(), { survivors: 0, isKept: none })).toBe(0)
    expect(snapshotAfter(withSnapshotBeside(), { survivors: 1, isKept: all })).toBe(1)
  })

  it('loses a snapshot with the batch that it began with, or when it has not begun', () => {
    expect(snapshotAfter(withSnapshotBeside(), { survivors: 0, isKept: all })).toBe(0)
    const gathered = diskWith()
    gathered.gather(ownSnapshot(1))
    expect(snapshotAfter(gathered, { survivors: 0, isKept: all })).toBe(0)
  })

  it.each(WRITES)('that comes after all of %s keeps it', (_, write) => {
    const torn = done(diskWith(save(1)))
    torn.enqueue(write)
    torn.enqueue(save(2))
    expect(torn.crash({ survivors: 0, isWritten: all })).toMatchObject({ lost: 1, isTorn: false })
    expect(torn.read()).toEqual(expect.objectContaining({ objects: done(diskWith(save(1), write)).read().objects }))
    expect(JSON.stringify(torn.read())).toBe(JSON.stringify(done(diskWith(save(1), write)).read()))
  })

  it('tears the first of those that are lost, behind those that survive', () => {
    const disk = diskWith(...FOUR)
    expect(disk.crash({ survivors: 2, isWritten: none })).toMatchObject({ lost: 2, isUnsynced: true })
    expect(indices(disk)).toEqual([1, 2])
    const whole = diskWith(...FOUR)
    expect(whole.crash({ survivors: 2, isWritten: all })).toMatchObject({ lost: 1, isTorn: false })
    expect(indices(whole)).toEqual([1, 2, 3])
  })
})

describe('a disk of bytes', () => {
  const ofBytes = (): SimDisk => new SimDisk({ id: n1, configuration }, true)
  const share = (disk: SimDisk, writes: readonly DiskWrite[]): void => {
    for (const write of writes) disk.gather(write)
    disk.begin()
  }
  const LIFE: readonly (readonly DiskWrite[])[] = [
    [save(1), save(2, { hardState: { currentTerm: term(1), votedFor: n1 } })],
    [save(3), save(3, { truncateFrom: index(3), entries: [entry(3, 2)] })],
    [object(0), object(1)],
    [
      lastObject(2),
      save(5, {
        entries: [],
        truncateFrom: index(1),
        snapshot: snapshotAt(5),
        compactTo: { index: index(5), term: term(1) },
      }),
    ],
    [save(6), save(7), object(0, 9)],
  ]

  it('reads back what a disk without bytes holds', () => {
    const [bytes, plain] = [ofBytes(), diskWith()]
    for (const disk of [bytes, plain])
      for (const writes of LIFE) {
        share(disk, writes)
        disk.complete()
      }
    expect(bytes.read()).toEqual(plain.read())
    expect(bytes.read().remains).toMatchObject({ snapshot: { lastIncludedIndex: 5 }, received: { nextObjectId: 1 } })
  })

  it('reads back what it holds after any number of segments', () => {
    const disk = ofBytes()
    for (let at = 1; at <= 400; at++) disk.enqueue(save(at))
    expect(indices(done(disk))).toEqual(Array.from({ length: 400 }, (_, at) => at + 1))
    disk.enqueue(ownSnapshot(400))
    expect(done(disk).read().objects).toEqual([{ id: 0, data: 'own 400' }])
  })

  it('holds a batch larger than a segment', () => {
    const disk = ofBytes()
    disk.enqueue({ ...save(1), entries: [{ ...entry(1), command: 'x'.repeat(50_000) } as Entry] })
    expect(indices(done(disk))).toEqual([1])
  })

  it('goes on after torn writes, one after another', () => {
    const disk = ofBytes()
    const seen: CrashLoss[] = []
    for (let life = 0; life < 100; life++) {
      disk.enqueue(save(life + 1))
      disk.complete()
      disk.enqueue({ ...save(life + 2), entries: [{ ...entry(life + 2), command: 'x'.repeat(life * 20) } as Entry] })
      seen.push(disk.crash({ survivors: 0, isWritten: (sector) => sector % 2 === life % 2 && life % 3 > 0 }))
      const kept = seen.at(-1)?.lost === 0 ? life + 2 : life + 1
      expect(indices(disk), `life ${life}`).toEqual(Array.from({ length: kept }, (_, at) => at + 1))
      if (kept === life + 2) disk.enqueue({ ...save(life + 1), truncateFrom: index(life + 2), entries: [] })
      done(disk)
    }
    expect([seen.some(({ isTorn }) => isTorn), seen.some(({ isUnsynced }) => isUnsynced)]).toEqual([true, true])
  })
})
