import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { FIRST_OBJECT, index, nodeId, term } from '../../src/core/ids.ts'
import type { Save } from '../../src/core/output.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import type { ReceivedObject } from '../../src/machine/replica-state.ts'
import type { DiskWrite } from '../../src/sim/cluster/disk-contents.ts'
import { SimDisk } from '../../src/sim/cluster/disk.ts'

/* Writes of one server, and disks with them. */

export const n1 = nodeId('n1')
export const configuration = configurationOf([n1])

export const entry = (at: number, inTerm = 1): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: 20,
  command: { text: `${at} – ünïcode 🚀` },
})

/** Writes entry `at`, unless told otherwise. */
export const save = (at: number, changes: Partial<Save> = {}): Save => ({
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

export const all = (): boolean => true
export const none = (): boolean => false

export const snapshotAt = (at: number): SnapshotMeta => ({
  lastIncludedIndex: index(at),
  lastIncludedTerm: term(1),
  configuration,
  configurationIndex: index(0),
})

export const ownSnapshot = (at: number): DiskWrite => ({
  type: 'snapshot',
  snapshot: snapshotAt(at),
  objects: () => [{ id: 0, data: `own ${at}` }],
})

export const object = (objectId: number, at = 5): ReceivedObject => ({
  type: 'storeObject',
  snapshot: snapshotAt(at),
  objectId,
  data: `object ${objectId} of ${at}`,
  digest: objectId + 100,
  nextObjectId: objectId + 1,
})

/** The last one of a transfer. */
export const lastObject = (objectId: number, at = 5): ReceivedObject => ({
  ...object(objectId, at),
  nextObjectId: FIRST_OBJECT,
})

export const diskWith = (...writes: readonly DiskWrite[]): SimDisk => {
  const disk = new SimDisk({ id: n1, configuration })
  for (const write of writes) disk.enqueue(write)
  return disk
}

export const done = (disk: SimDisk): SimDisk => {
  while (disk.waitingCount > 0) disk.complete()
  return disk
}

export const indices = (disk: SimDisk): readonly number[] => disk.read().remains.entries.map((each) => each.index)

export const FOUR = [1, 2, 3, 4].map((at) => save(at))
