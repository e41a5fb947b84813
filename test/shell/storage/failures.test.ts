import { describe, expect, it } from 'vitest'
import { openLogStorage } from '../../../src/shell/storage/log-storage.ts'
import { SnapshotNotStored, StorageError, type Stored } from '../../../src/shell/storage/storage.ts'
import { promised } from '../../../src/shell/storage/disk-queue.ts'
import { entriesBetween, objectsNamed, resetTo, saving, snapshotAt } from '../support-storage.ts'
import { A, B, newReplica, nodeOver, voteRequest } from '../support-node.ts'
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
