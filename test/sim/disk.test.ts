import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { index, term } from '../../src/core/ids.ts'
import {
  n1,
  entry,
  save,
  snapshotAt,
  ownSnapshot,
  object,
  lastObject,
  diskWith,
  done,
  indices,
  FOUR,
} from './disk-support.ts'

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

  it.each([
    ['twice', [object(0), object(1), object(1)]],
    ['with one left out', [object(0), object(2)]],
    ['of another snapshot', [object(0), object(1, 7)]],
  ])('are refused %s, as the log of the shell does', (_, objects) => {
    expect(() => done(diskWith(...objects))).toThrow('a received object follows the stored ones of its snapshot')
  })

  it('make room for those of another snapshot', () => {
    const { received } = done(diskWith(object(0), object(1), object(0, 7))).read()
    expect(received).toEqual([{ id: 0, data: 'object 0 of 7' }])
  })

  it('become the snapshot with the save that adopts it', () => {
    const adopt = save(5, { entries: [], snapshot: snapshotAt(5), compactTo: { index: index(5), term: term(1) } })
    const { remains, objects, received } = done(diskWith(object(0), lastObject(1), adopt)).read()
    expect(remains).toMatchObject({ snapshot: snapshotAt(5), base: { index: 5 }, entries: [] })
    expect(remains.received).toBeUndefined()
    expect(objects.map(({ id }) => id)).toEqual([0, 1])
    expect(received).toEqual([])
  })

  it('have to be there when they are adopted', () => {
    const adopt = save(7, { entries: [], snapshot: snapshotAt(7) })
    for (const others of [object(0), lastObject(0)])
      expect(() => done(diskWith(others, adopt))).toThrow('a snapshot that is adopted was received before')
  })
})
