import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { index, nodeId, term, type ObjectId } from '../../src/core/ids.ts'
import type { Save } from '../../src/core/output.ts'
import type { SnapshotMeta } from '../../src/core/rpc.ts'
import type { CapturedObject } from '../../src/machine/capture.ts'
import type { ReceivedObject } from '../../src/machine/replica-state.ts'
import type { StorageWrite, StoredRemains } from '../../src/shell/storage/storage.ts'

/** Directories that go when the tests of a file are over. */
export class TemporaryDirectories {
  private readonly made: string[] = []

  async make(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'raft-storage-'))
    this.made.push(directory)
    return directory
  }

  async remove(): Promise<void> {
    for (const directory of this.made.splice(0)) await rm(directory, { recursive: true, force: true })
  }
}

export const entryAt = (at: number, inTerm = 1, text = `command ${at}`): Entry => ({
  type: 'command',
  index: index(at),
  term: term(inTerm),
  bytes: text.length,
  command: { text },
})

export const entriesBetween = (from: number, to: number, inTerm = 1): readonly Entry[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => entryAt(from + at, inTerm))

export const CONFIGURATION = configurationOf([nodeId('a'), nodeId('b'), nodeId('c')], [nodeId('d')])

export const snapshotAt = (at: number, inTerm = 1): SnapshotMeta => ({
  lastIncludedIndex: index(at),
  lastIncludedTerm: term(inTerm),
  configuration: CONFIGURATION,
  configurationIndex: index(Math.min(at, 1)),
})

export const positionAt = (at: number, inTerm = 1): StoredRemains['base'] => ({ index: index(at), term: term(inTerm) })

export const objectsNamed = (name: string, count: number, length = 10): readonly CapturedObject[] =>
  Array.from({ length: count }, (_, at) => ({
    id: at === 0 ? 0 : `after ${at}`,
    data: `${name} é ${at} `.padEnd(length, '.'),
  }))

export const saving = (lastIndex: number, fields: Partial<Save> = {}): Save => ({
  type: 'save',
  sequence: 1,
  hardState: null,
  truncateFrom: null,
  entries: [],
  snapshot: null,
  compactTo: null,
  lastIndex: index(lastIndex),
  then: [],
  ...fields,
})

export const receiving = (
  snapshot: SnapshotMeta,
  objectId: ObjectId,
  nextObjectId: ObjectId,
  data = `object ${objectId}`,
): ReceivedObject => ({ type: 'storeObject', snapshot, objectId, data, digest: 7, nextObjectId })

export const BIRTH: StoredRemains = {
  id: nodeId('a'),
  hardState: { currentTerm: term(0), votedFor: null },
  snapshot: snapshotAt(0, 0),
  base: positionAt(0, 0),
  entries: [],
}

export const resetTo = (
  remains: Partial<StoredRemains> = {},
  objects: readonly CapturedObject[] = [],
): Extract<StorageWrite, { type: 'reset' }> => ({ type: 'reset', remains: { ...BIRTH, ...remains }, objects })
