import { nodeId, term, type ObjectId } from '../../../src/core/ids.ts'
import { openLogStorage } from '../../../src/shell/storage/log-storage.ts'
import type { Files } from '../../../src/shell/storage/files.ts'
import type { Storage, StorageWrite, Stored } from '../../../src/shell/storage/storage.ts'
import { entriesBetween, objectsNamed, positionAt, receiving, resetTo, saving, snapshotAt } from '../support-storage.ts'
import type { Image, RecordingFiles } from './disk-model.ts'

export const SEGMENT_BYTES = 2048

const hardState = (currentTerm: number, votedFor: string | null) => ({
  currentTerm: term(currentTerm),
  votedFor: votedFor === null ? null : nodeId(votedFor),
})

const received = (at: number, inTerm: number, count: number): readonly StorageWrite[] =>
  Array.from({ length: count }, (_, object) => {
    const next: ObjectId = object === count - 1 ? 0 : object + 1
    return receiving(snapshotAt(at, inTerm), object, next, `object ${object} of ${at} `.repeat(20))
  })

/**
 * The life of a server's disk: birth, votes, entries of three terms, a truncation, snapshots of its own, one received
 * while entries are appended and put in force with a new hard state, batches over several sectors, segments full and left.
 */
export const SCRIPT: readonly (readonly StorageWrite[])[] = [
  [resetTo()],
  [saving(0, { hardState: hardState(1, 'a') })],
  [saving(4, { entries: entriesBetween(1, 4) })],
  [saving(20, { entries: entriesBetween(5, 20) })],
  [saving(24, { hardState: hardState(2, null), truncateFrom: 18 as never, entries: entriesBetween(18, 24, 2) })],
  [{ type: 'snapshot', snapshot: snapshotAt(15), objects: objectsNamed('own', 3, 300) }],
  [saving(24, { compactTo: positionAt(12) })],
  ...received(60, 2, 3).map((write) => [write]),
  [saving(40, { entries: entriesBetween(25, 40, 2) }), saving(41, { entries: entriesBetween(41, 41, 2) })],
  [saving(44, { entries: entriesBetween(42, 44, 2) })],
  [
    saving(60, {
      hardState: hardState(3, 'b'),
      truncateFrom: 13 as never,
      snapshot: snapshotAt(60, 2),
      compactTo: positionAt(60, 2),
    }),
  ],
  [saving(90, { entries: entriesBetween(61, 90, 3) })],
  [...received(80, 3, 1)],
  [{ type: 'snapshot', snapshot: snapshotAt(85, 3), objects: objectsNamed('second', 2, 700) }],
  [saving(90, { compactTo: positionAt(85, 3) })],
  [saving(120, { entries: entriesBetween(91, 120, 3) })],
  [saving(130, { entries: entriesBetween(121, 130, 3) })],
  [saving(131, { entries: entriesBetween(131, 131, 3) })],
  // By now the next segment waits: nothing else syncs the directory while this snapshot is written.
  [{ type: 'snapshot', snapshot: snapshotAt(110, 3), objects: objectsNamed('third', 2, 90) }],
  [receiving(snapshotAt(140, 3), 0, 1)],
  [receiving(snapshotAt(140, 3), 1, 2)],
  [saving(132, { entries: entriesBetween(132, 132, 3) })],
]

export const openOver = (files: Files): Promise<Storage> => openLogStorage(files, 'd'.repeat(32), SEGMENT_BYTES)

/** Plays the script, or its beginning; each write that is answered is marked. */
export const play = async (files: RecordingFiles, calls = SCRIPT): Promise<void> => {
  const storage = await openOver(files)
  for (const [at, writes] of calls.entries()) {
    await storage.write(writes)
    files.mark(at + 1)
  }
  await storage.close()
}

/** What an opening finds on a disk. */
export const found = async (files: RecordingFiles): Promise<Stored | null> => {
  const storage = await openOver(files)
  const stored = await storage.load()
  await storage.close()
  return stored
}

/** What the script has stored after each number of its calls. */
export const expectedStates = async (make: (image?: Image) => RecordingFiles): Promise<readonly (Stored | null)[]> => {
  const expected: (Stored | null)[] = []
  for (let calls = 0; calls <= SCRIPT.length; calls++) {
    const files = make()
    await play(files, SCRIPT.slice(0, calls))
    expected.push(await found(make(files.image)))
  }
  return expected
}
