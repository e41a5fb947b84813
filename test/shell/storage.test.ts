import { readdir } from 'node:fs/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { openStorage } from '../../src/shell/storage/index.ts'
import { StorageError, type Storage, type StorageWrite, type Stored } from '../../src/shell/storage/storage.ts'
import {
  BIRTH,
  TemporaryDirectories,
  entriesBetween,
  objectsNamed,
  positionAt,
  receiving,
  resetTo,
  saving,
  snapshotAt,
} from './support-storage.ts'

const directories = new TemporaryDirectories()
afterAll(() => directories.remove())

/** Writes each list in a call of its own, in a new directory, and loads what another process would find there. */
const after = async (...calls: readonly (readonly StorageWrite[])[]): Promise<Stored | null> => {
  const directory = await directories.make()
  const storage = await openStorage(directory)
  for (const writes of calls) await storage.write(writes)
  await storage.close()
  return reload(directory)
}

const reload = async (directory: string): Promise<Stored | null> => {
  const storage = await openStorage(directory)
  const stored = await storage.load()
  await storage.close()
  return stored
}

const opened = async (...calls: readonly (readonly StorageWrite[])[]): Promise<Storage> => {
  const storage = await openStorage(await directories.make())
  for (const writes of calls) await storage.write(writes)
  return storage
}

const LOG = saving(5, { entries: entriesBetween(1, 5) })

describe('a log on disk keeps', () => {
  it('nothing where no node ever lived', async () => {
    expect(await after()).toBeNull()
  })

  it('the birth of a server', async () => {
    expect(await after([resetTo()])).toEqual({ remains: BIRTH, objects: [], received: [] })
  })

  it('the hard state', async () => {
    const hardState = { currentTerm: term(4), votedFor: nodeId('b') }
    expect((await after([resetTo()], [saving(0, { hardState })]))?.remains).toEqual({ ...BIRTH, hardState })
  })

  it('entries of every kind', async () => {
    const entries = [
      ...entriesBetween(1, 1),
      { type: 'noop' as const, index: index(2), term: term(1), bytes: 0 },
      {
        type: 'configuration' as const,
        index: index(3),
        term: term(2),
        bytes: 9,
        configuration: BIRTH.snapshot.configuration,
      },
      {
        type: 'command' as const,
        index: index(4),
        term: term(2),
        bytes: 9,
        command: ['\ud800', null, 0.1, { ü: '🂡' }],
      },
    ]
    expect((await after([resetTo()], [saving(4, { entries })]))?.remains.entries).toEqual(entries)
  })

  it('the entries before a truncation and those that replace the rest', async () => {
    const replaced = saving(4, { truncateFrom: index(3), entries: entriesBetween(3, 4, 2) })
    const expected = [...entriesBetween(1, 2), ...entriesBetween(3, 4, 2)]
    expect((await after([resetTo()], [LOG], [replaced]))?.remains.entries).toEqual(expected)
    expect((await after([resetTo(), LOG, replaced]))?.remains.entries).toEqual(expected)
  })

  it('the entries after a compaction, once a snapshot covers it', async () => {
    const objects = objectsNamed('four', 3)
    const stored = await after(
      [resetTo(), LOG],
      [{ type: 'snapshot', snapshot: snapshotAt(4), objects }],
      [saving(5, { compactTo: positionAt(3) })],
    )
    expect(stored).toEqual({
      remains: { ...BIRTH, snapshot: snapshotAt(4), base: positionAt(3), entries: entriesBetween(4, 5) },
      objects,
      received: [],
    })
  })

  it('the objects of an unfinished transfer', async () => {
    const [first, second] = [receiving(snapshotAt(9), 0, 'x'), receiving(snapshotAt(9), 'x', 'y')]
    const stored = await after([resetTo()], [first], [second])
    expect(stored?.remains.received).toEqual({ snapshot: snapshotAt(9), nextObjectId: 'y', digest: 7 })
    expect(stored?.received.map(({ id }) => id)).toEqual([0, 'x'])
  })

  it('only the latest transfer', async () => {
    const calls = [
      receiving(snapshotAt(9), 0, 'x'),
      receiving(snapshotAt(9), 'x', 'y'),
      receiving(snapshotAt(12), 0, 'z'),
    ]
    const stored = await after([resetTo()], calls)
    expect(stored?.remains.received?.snapshot).toEqual(snapshotAt(12))
    expect(stored?.received).toEqual([{ id: 0, data: 'object 0' }])
  })

  it('a received snapshot as its own, in one write with the log that it replaces', async () => {
    const stored = await after(
      [resetTo(), LOG],
      [receiving(snapshotAt(9, 3), 0, 'x')],
      [
        receiving(snapshotAt(9, 3), 'x', 0),
        saving(9, { truncateFrom: index(1), snapshot: snapshotAt(9, 3), compactTo: positionAt(9, 3) }),
      ],
    )
    expect(stored).toEqual({
      remains: { ...BIRTH, snapshot: snapshotAt(9, 3), base: positionAt(9, 3) },
      objects: [
        { id: 0, data: 'object 0' },
        { id: 'x', data: 'object x' },
      ],
      received: [],
    })
  })

  it('of a transfer that is complete but was not put in force, nothing: it cannot be resumed', async () => {
    const stored = await after([resetTo()], [receiving(snapshotAt(9), 0, 0)])
    expect(stored).toEqual({ remains: BIRTH, objects: [], received: [] })
  })

  it('the fields of one save in their order: truncate, append, adopt, compact', async () => {
    const hardState = { currentTerm: term(3), votedFor: null }
    const all = saving(8, {
      hardState,
      truncateFrom: index(4),
      entries: entriesBetween(4, 8, 3),
      snapshot: snapshotAt(6, 3),
      compactTo: positionAt(6, 3),
    })
    const stored = await after([resetTo(), LOG, receiving(snapshotAt(6, 3), 0, 0), all])
    expect(stored?.remains).toEqual({
      ...BIRTH,
      hardState,
      snapshot: snapshotAt(6, 3),
      base: positionAt(6, 3),
      entries: entriesBetween(7, 8, 3),
    })
  })

  it('nothing of what was there before a reset', async () => {
    const remains = { ...BIRTH, snapshot: snapshotAt(3), base: positionAt(2), entries: entriesBetween(3, 4) }
    const directory = await directories.make()
    const storage = await openStorage(directory)
    await storage.write([resetTo(), LOG, receiving(snapshotAt(9), 0, 'x')])
    await storage.write([{ type: 'snapshot', snapshot: snapshotAt(5), objects: objectsNamed('five', 4) }])
    await storage.write([resetTo(remains, objectsNamed('three', 2))])
    await storage.close()
    expect(await reload(directory)).toEqual({ remains, objects: objectsNamed('three', 2), received: [] })
    expect((await readdir(directory)).filter((name) => name.startsWith('objects-'))).toHaveLength(1)
  })

  it('entries in order up to the greatest index', async () => {
    const base = positionAt(Number.MAX_SAFE_INTEGER - 12)
    const entries = entriesBetween(base.index + 1, Number.MAX_SAFE_INTEGER - 1)
    const stored = await after([resetTo({ base, snapshot: snapshotAt(base.index), entries }, objectsNamed('big', 1))])
    expect(stored?.remains.entries).toEqual(entries)
  })
})

describe('a snapshot that is written beside other writes', () => {
  const big = { type: 'snapshot' as const, snapshot: snapshotAt(4), objects: objectsNamed('four', 5, 700_000) }

  it('lets later ones overtake it', async () => {
    const storage = await opened([resetTo(), LOG])
    const order: string[] = []
    const snapshot = storage.write([big])?.then(() => order.push('snapshot'))
    const save = storage.write([saving(6, { entries: entriesBetween(6, 6) })])?.then(() => order.push('save'))
    await Promise.all([snapshot, save])
    expect(order).toEqual(['save', 'snapshot'])
    expect((await storage.load())?.objects).toEqual(big.objects)
    await storage.close()
  })

  it('comes to nothing when a received one covers more by then', async () => {
    const storage = await opened([resetTo(), LOG])
    const snapshot = storage.write([big])
    await storage.write([
      receiving(snapshotAt(9, 3), 0, 0),
      saving(9, { truncateFrom: index(1), snapshot: snapshotAt(9, 3), compactTo: positionAt(9, 3) }),
    ])
    await snapshot
    expect((await storage.load())?.remains.snapshot).toEqual(snapshotAt(9, 3))
    await storage.close()
  })

  it('comes to nothing when a reset was asked for by then', async () => {
    const storage = await opened([resetTo(), LOG])
    await Promise.all([storage.write([big]), storage.write([resetTo()])])
    expect(await storage.load()).toEqual({ remains: BIRTH, objects: [], received: [] })
    await storage.close()
  })
})

describe('a log on disk refuses', () => {
  const refused: readonly (readonly [string, StorageWrite, RegExp])[] = [
    ['entries that leave a hole', saving(8, { entries: entriesBetween(7, 8) }), /entry 7 does not follow/],
    ['to compact what no snapshot covers', saving(5, { compactTo: positionAt(3) }), /no stored snapshot/],
    ['a save that ends elsewhere', saving(7), /ends at index 7/],
    ['to adopt what was not received', saving(5, { snapshot: snapshotAt(9) }), /not all stored/],
    ['an object without those before it', receiving(snapshotAt(9), 'x', 'y'), /does not follow/],
  ]
  it.each(refused)('%s, and everything after that', async (_, write, reason) => {
    const storage = await opened([resetTo(), LOG])
    await expect(storage.write([write])).rejects.toThrow(reason)
    await expect(storage.write([saving(6, { entries: entriesBetween(6, 6) })])).rejects.toThrow(StorageError)
    await expect(storage.load()).rejects.toThrow(reason)
    await storage.close()
  })

  it('a change to a server that was never stored', async () => {
    const storage = await opened()
    await expect(storage.write([LOG])).rejects.toThrow(/as a whole/)
    await storage.close()
  })

  it('everything once it is closed, but ends what was under way', async () => {
    const storage = await opened([resetTo()])
    const written = storage.write([LOG])
    const closing = storage.close()
    await expect(storage.write([saving(5)])).rejects.toThrow(/closed/)
    await expect(storage.load()).rejects.toThrow(/closed/)
    await written
    await closing
    await storage.close()
  })
})
