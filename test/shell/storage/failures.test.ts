import { describe, expect, it } from 'vitest'
import { openLogStorage } from '../../../src/shell/storage/log-storage.ts'
import { SnapshotNotStored, StorageError, type Stored } from '../../../src/shell/storage/storage.ts'
import { promised } from '../../../src/shell/storage/disk-queue.ts'
import { entriesBetween, objectsNamed, resetTo, saving, snapshotAt } from '../support-storage.ts'
import { A, B, newReplica, nodeOver, turn, voteRequest } from '../support-node.ts'
import type { Files } from '../../../src/shell/storage/files.ts'
import { RecordingFiles } from './disk-model.ts'
import { SCRIPT, expectedStates, found, openOver, play } from './script.ts'

const errorOf = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code })

/** Files whose operations fail with this error once `limit` of them were carried out, until it is raised. */
const failing = (limit: number, code: string, image?: RecordingFiles['image']) => {
  const disk = { limit }
  const files = new RecordingFiles(image, { failAt: (operation) => (operation >= disk.limit ? errorOf(code) : null) })
  return { files, disk }
}

const EXPECTED = await expectedStates((image) => new RecordingFiles(image))

describe('a disk that fails at any operation', () => {
  const whole = new RecordingFiles()

  it.each(['EIO', 'ENOSPC'])('with %s: nothing that was answered is missing after a restart', async (code) => {
    await play(whole)
    for (let limit = 0; limit < whole.operations.length; limit++) {
      const { files } = failing(limit, code)
      const failure: unknown = await play(files).catch((error: unknown) => error)
      const answered = files.operations.reduce(
        (last, operation) => (operation.type === 'mark' ? operation.value : last),
        0,
      )
      if (failure !== undefined)
        expect(failure).toSatisfy((error) => error instanceof StorageError || error instanceof SnapshotNotStored)
      const stored: Stored | null = await found(new RecordingFiles(files.image))
      expect([EXPECTED[answered], EXPECTED[answered + 1] ?? EXPECTED[answered]]).toContainEqual(stored)
    }
  })
})

/** Plays the script to its end, or to where the storage ends; a snapshot that finds no room is left out. */
const playOn = async (files: Files): Promise<void> => {
  const storage = await openOver(files)
  for (const writes of SCRIPT) {
    try {
      await storage.write(writes)
    } catch (error) {
      if (error instanceof StorageError) break
    }
  }
  await storage.close()
}

describe('a disk that fails once', () => {
  const whole = new RecordingFiles()

  it.each(['EIO', 'ENOSPC'])('with %s at any sync is not asked for that sync again', async (code) => {
    await play(whole)
    for (const [at, { type }] of whole.operations.entries()) {
      if (type !== 'sync' && type !== 'syncDirectory') continue
      let isFirst = true
      const files = new RecordingFiles(new Map(), {
        failAt: (operation) => {
          if (operation < at || !isFirst) return null
          isFirst = false
          return errorOf(code)
        },
      })
      await playOn(files).catch(() => undefined)
      expect(files.retried).toEqual([])
    }
  })
})

/** Files whose objects are written once the gate opens. */
const gated = (files: RecordingFiles, gate: Promise<void>): Files => ({
  list: () => files.list(),
  read: (name, from, to) => files.read(name, from, to),
  size: (name) => files.size(name),
  open: (name) => files.open(name),
  rename: (from, to) => files.rename(from, to),
  remove: (name) => files.remove(name),
  syncDirectory: () => files.syncDirectory(),
  create: async (name) => {
    const file = await files.create(name)
    if (!name.startsWith('objects')) return file
    return { ...file, write: (bytes, at) => gate.then(() => file.write(bytes, at)) }
  },
})

it('a storage that is closed while a snapshot is written touches nothing any more once that has ended', async () => {
  const files = new RecordingFiles()
  let open = (): void => undefined
  const storage = await openOver(gated(files, new Promise((resolve) => (open = resolve))))
  await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
  const objects = objectsNamed('four', 3)
  const written = storage.write([{ type: 'snapshot', snapshot: snapshotAt(4), objects }])
  const refused: unknown = written?.catch((error: unknown) => error)
  // By then its first object waits.
  await turn()
  let isClosed = false
  const closing = storage.close().then(() => (isClosed = true))
  await turn()
  expect(isClosed).toBe(false)
  open()
  await closing
  const { length } = files.operations
  expect(await refused).toBeInstanceOf(StorageError)
  await turn()
  expect(files.operations.length).toBe(length)
})

describe('a full disk', () => {
  it('ends the storage at a save, and says what to do; what was asked before is not there', async () => {
    const { files, disk } = failing(Infinity, 'ENOSPC')
    const storage = await openOver(files)
    await storage.write([resetTo()])
    disk.limit = files.operations.length
    await expect(storage.write([saving(1, { entries: entriesBetween(1, 1) })])).rejects.toThrow(
      'the disk is full: free some space, and start again',
    )
    disk.limit = Infinity
    // A second attempt may succeed though the first has lost bytes.
    await expect(storage.write([saving(1, { entries: entriesBetween(1, 1) })])).rejects.toThrow('the disk is full')
    expect((await found(new RecordingFiles(files.image)))?.remains.entries).toEqual([])
  })

  it('costs a snapshot, and nothing else: the storage goes on, and takes the next one', async () => {
    const { files, disk } = failing(Infinity, 'ENOSPC')
    const storage = await openOver(files)
    await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
    const snapshot = { type: 'snapshot' as const, snapshot: snapshotAt(4), objects: objectsNamed('four', 3) }
    disk.limit = files.operations.length + 1
    await expect(storage.write([snapshot])).rejects.toThrow(SnapshotNotStored)
    disk.limit = Infinity
    await storage.write([saving(10, { entries: entriesBetween(10, 10) })])
    await storage.write([snapshot])
    await storage.close()
    const stored = await found(new RecordingFiles(files.image))
    expect([stored?.remains.entries.length, stored?.objects]).toEqual([10, objectsNamed('four', 3)])
  })

  it('is an end for a snapshot, too, where the disk fails in another way', async () => {
    const { files, disk } = failing(Infinity, 'EIO')
    const storage = await openOver(files)
    await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
    disk.limit = files.operations.length + 1
    await expect(
      storage.write([{ type: 'snapshot', snapshot: snapshotAt(4), objects: objectsNamed('four', 3) }]),
    ).rejects.toThrow(StorageError)
    disk.limit = Infinity
    await expect(storage.write([saving(9)])).rejects.toThrow('the disk failed: EIO')
  })

  it('silences the node: what it promised on the write never leaves, and a restart knows nothing of it', async () => {
    const { files, disk } = failing(Infinity, 'ENOSPC')
    const storage = await openLogStorage(files, 'd')
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    node.replace(node.replica)
    const durable = (): Promise<void> => promised((callback) => node.whenDurable(callback))
    await durable()
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    await durable()
    disk.limit = files.operations.length
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    await expect(durable()).rejects.toThrow('the disk is full')
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(3) })
    for (let tick = 0; tick < 50; tick++) node.deliver({ type: 'tick' })
    const sent = events.flatMap((event) => (event.type === 'send' ? [event.rpc.term] : []))
    expect(sent).toEqual([1])
    expect((await found(new RecordingFiles(files.image)))?.remains.hardState).toEqual({ currentTerm: 1, votedFor: B })
  })
})

it('the script has a call for each state that is expected', () => {
  expect(EXPECTED.length).toBe(SCRIPT.length + 1)
})
