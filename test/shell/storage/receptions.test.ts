import { describe, expect, it } from 'vitest'
import type { StorageWrite } from '../../../src/shell/storage/storage.ts'
import { entriesBetween, objectsNamed, positionAt, receiving, resetTo, saving, snapshotAt } from '../support-storage.ts'
import { RecordingFiles, crashAfter } from './disk-model.ts'
import { found, openOver } from './script.ts'

/** A transfer of one object, put in force, and the beginning of another, behind it in the same batch. */
const BATCH: readonly StorageWrite[] = [
  receiving(snapshotAt(60), 0, 0, 'the whole snapshot'),
  saving(60, { snapshot: snapshotAt(60), compactTo: positionAt(60) }),
  receiving(snapshotAt(80), 0, 1, 'the first of two'),
]

it('a snapshot is read in pieces, which do not grow with it', async () => {
  const files = new RecordingFiles()
  const storage = await openOver(files)
  await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
  const objects = objectsNamed('large', 40, 300_000)
  await storage.write([{ type: 'snapshot', snapshot: snapshotAt(9), objects }])
  const again = new RecordingFiles(files.image)
  expect((await found(again))?.objects).toEqual(objects)
  expect(again.longestRead).toBeLessThan(2 << 20)
})

it('an object that is longer than a piece is read as a whole', async () => {
  const files = new RecordingFiles()
  const storage = await openOver(files)
  const objects = [...objectsNamed('short', 2), { id: 'long', data: 'é'.repeat(3 << 20) }, { id: 'last', data: '' }]
  await storage.write([resetTo({ snapshot: snapshotAt(9), base: positionAt(9) }, objects)])
  expect((await found(new RecordingFiles(files.image)))?.objects).toEqual(objects)
})

describe('a snapshot that is put in force in a batch in which the next transfer begins', () => {
  it('is on the disk once that is answered', async () => {
    const files = new RecordingFiles()
    const storage = await openOver(files)
    await storage.write([resetTo(), saving(9, { entries: entriesBetween(1, 9) })])
    await storage.write(BATCH)
    const nothingElse = crashAfter(files.operations, files.operations.length).image(() => false)
    const stored = await found(new RecordingFiles(nothingElse))
    expect(stored?.objects).toEqual([{ id: 0, data: 'the whole snapshot' }])
  })
})
