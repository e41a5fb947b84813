import { afterAll, describe, expect, it } from 'vitest'
import { index, term } from '../../src/core/ids.ts'
import { promised } from '../../src/shell/disk-queue.ts'
import { levelStorageOver, openDatabase, openLevelStorage } from '../../src/shell/level-storage.ts'
import { StorageError, type StorageWrite, type Stored } from '../../src/shell/storage.ts'
import { A, B, newReplica, nodeOver, voteRequest } from './support-node.ts'
import {
  TemporaryDirectories,
  entriesBetween,
  failingAfter,
  keysOf,
  objectsNamed,
  positionAt,
  receiving,
  resetTo,
  saving,
  snapshotAt,
} from './support-storage.ts'

const directories = new TemporaryDirectories()
afterAll(() => directories.remove())

/** Calls of write, of which several take more than one batch. */
const CALLS: readonly (readonly StorageWrite[])[] = [
  [resetTo({}, [])],
  [saving(20, { hardState: { currentTerm: term(1), votedFor: null }, entries: entriesBetween(1, 20) })],
  [{ type: 'snapshot', snapshot: snapshotAt(10), objects: objectsNamed('ten', 3, 600_000) }],
  [saving(20, { compactTo: positionAt(8) })],
  [{ type: 'snapshot', snapshot: snapshotAt(15), objects: objectsNamed('fifteen', 4, 700_000) }],
  [receiving(snapshotAt(40, 2), 0, 'x', 'first'.repeat(1000))],
  [saving(18, { truncateFrom: index(19), compactTo: positionAt(15) })],
  [
    receiving(snapshotAt(40, 2), 'x', 0),
    saving(40, { truncateFrom: index(16), snapshot: snapshotAt(40, 2), compactTo: positionAt(40, 2) }),
  ],
  [saving(42, { entries: entriesBetween(41, 42, 2) })],
  [resetTo({ snapshot: snapshotAt(5), base: positionAt(5) }, objectsNamed('reset', 3, 700_000))],
]

/** What is stored before the first call, and after each. */
const states = async (): Promise<readonly (Stored | null)[]> => {
  const storage = await openLevelStorage(await directories.make())
  const found = [await storage.load()]
  for (const writes of CALLS) {
    await storage.write(writes)
    found.push(await storage.load())
  }
  await storage.close()
  return found
}

interface Crash {
  readonly directory: string
  /** Calls that resolved, and all batches that were carried out. */
  readonly resolved: number
  readonly batches: number
}

const crashAfter = async (batches: number): Promise<Crash> => {
  const directory = await directories.make()
  const database = failingAfter(await openDatabase(directory), batches)
  const storage = await levelStorageOver(database)
  let resolved = 0
  try {
    for (const writes of CALLS) {
      await storage.write(writes)
      resolved++
    }
  } catch (error) {
    expect(error).toBeInstanceOf(StorageError)
  }
  // What closing does by itself, it does to no data: the directory is as the last batch left it.
  await storage.close()
  return { directory, resolved, batches: database.batches.length }
}

describe('a crash between any two batches', () => {
  it('leaves what was there before the write, or after it, and nothing of the other', async () => {
    const expected = await states()
    const total = (await crashAfter(Infinity)).batches
    expect(total).toBeGreaterThan(CALLS.length + 8)
    for (let batches = 0; batches <= total; batches++) {
      const { directory, resolved } = await crashAfter(batches)
      const storage = await openLevelStorage(directory)
      const stored = await storage.load()
      await storage.close()
      expect([expected[resolved], expected[resolved + 1] ?? expected[resolved]]).toContainEqual(stored)
      const database = await openDatabase(directory)
      const keys = await keysOf(database)
      await database.close()
      expect(keys.filter((key) => key.startsWith('object/'))).toHaveLength(
        (stored?.objects.length ?? 0) + (stored?.received.length ?? 0),
      )
    }
  })

  it('after a restart leaves the snapshot that was there, whose place the next one does not take', async () => {
    const directory = await directories.make()
    const first = await openLevelStorage(directory)
    await first.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
    await first.write([{ type: 'snapshot', snapshot: snapshotAt(4), objects: objectsNamed('four', 3, 700_000) }])
    await first.close()
    const second = await levelStorageOver(failingAfter(await openDatabase(directory), 2))
    const next = { type: 'snapshot' as const, snapshot: snapshotAt(9), objects: objectsNamed('nine', 4, 700_000) }
    await expect(second.write([next])).rejects.toThrow(/ENOSPC/)
    await second.close()
    const third = await openLevelStorage(directory)
    expect((await third.load())?.objects).toEqual(objectsNamed('four', 3, 700_000))
    await third.close()
  })

  it('leaves a storage that goes on', async () => {
    for (const batches of [3, 4, 8, 10]) {
      const { directory } = await crashAfter(batches)
      const storage = await openLevelStorage(directory)
      const objects = objectsNamed('again', 2, 700_000)
      await storage.write([resetTo({ snapshot: snapshotAt(3), base: positionAt(3) }, objects)])
      expect((await storage.load())?.objects).toEqual(objects)
      await storage.close()
    }
  })
})

describe('a full disk', () => {
  it('stops the node: what it promised on the write never leaves, and a restart knows nothing of it', async () => {
    const directory = await directories.make()
    const storage = await levelStorageOver(failingAfter(await openDatabase(directory), 2))
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    node.replace(node.replica)
    const durable = (): Promise<void> => promised((callback) => node.whenDurable(callback))
    await durable()
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    await durable()
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    await storage.close()
    const votes = events.flatMap((event) => (event.type === 'send' ? [event.rpc.term] : []))
    expect(votes).toEqual([1])
    expect(String(events.find((event) => event.type === 'failed')?.error)).toMatch(/ENOSPC/)
    const after = await openLevelStorage(directory)
    expect((await after.load())?.remains.hardState).toEqual({ currentTerm: 1, votedFor: B })
    await after.close()
  })
})

describe('objects that nothing refers to any more', () => {
  const first = receiving(snapshotAt(9), 0, 'x')
  const own = { type: 'snapshot' as const, snapshot: snapshotAt(9), objects: objectsNamed('nine', 2) }
  const cases: readonly (readonly [string, StorageWrite, number])[] = [
    ['a snapshot of its own covers what is being received', own, 2],
    ['the transfer begins again', first, 1],
    ['everything is replaced', resetTo({}, objectsNamed('reset', 1)), 1],
  ]
  it.each(cases)('go at once when %s', async (_, write, count) => {
    const database = await openDatabase(await directories.make())
    const storage = await levelStorageOver(database)
    await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) }), first])
    await storage.write([receiving(snapshotAt(9), 'x', 'y')])
    await storage.write([write])
    expect((await keysOf(database)).filter((key) => key.startsWith('object/'))).toHaveLength(count)
    await storage.close()
  })
})

describe('batches', () => {
  it('are one for a write without large objects, however many saves share it', async () => {
    const database = failingAfter(await openDatabase(await directories.make()), Infinity)
    const storage = await levelStorageOver(database)
    await storage.write([resetTo()])
    await storage.write(
      Array.from({ length: 50 }, (_, at) => saving(at + 1, { entries: entriesBetween(at + 1, at + 1) })),
    )
    await storage.write([{ type: 'snapshot', snapshot: snapshotAt(9), objects: objectsNamed('small', 3) }])
    expect(database.batches).toHaveLength(3)
    await storage.close()
  })

  it('are none for saves that only keep promises in order', async () => {
    const database = failingAfter(await openDatabase(await directories.make()), 1)
    const storage = await levelStorageOver(database)
    await storage.write([resetTo()])
    await storage.write([saving(0), saving(0)])
    await storage.write([])
    await storage.close()
  })

  it('hold a bounded part of a large snapshot, made as it is written', async () => {
    const database = failingAfter(await openDatabase(await directories.make()), Infinity)
    const storage = await levelStorageOver(database)
    await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
    let made = 0
    let aheadMax = 0
    const written = (): number => database.batches.flat().filter(({ key }) => key.startsWith('object/')).length
    const objects = function* () {
      for (const object of objectsNamed('large', 200, 100_000)) {
        made++
        aheadMax = Math.max(aheadMax, made - written())
        yield object
      }
    }
    await storage.write([{ type: 'snapshot', snapshot: snapshotAt(9), objects: objects() }])
    expect(made).toBe(200)
    expect(aheadMax).toBeLessThan(20)
    await storage.close()
  })
})
