import type { Entry } from '../core/entry.ts'
import { FIRST_OBJECT, successor, type Index, type Term } from '../core/ids.ts'
import type { CapturedObject } from '../machine/capture.ts'
import { isCapturedObject, isEntry, isHead, type Head, type ObjectRun } from './decode-stored.ts'
import {
  ENTRIES,
  HEADS,
  OBJECTS,
  damaged,
  entryKey,
  objectKey,
  unseal,
  writeOf,
  type Database,
  type KeyRange,
} from './level-keys.ts'
import type { Stored } from './storage.ts'

/** What an iterator reads ahead. */
const READ_AHEAD_BYTES = 1 << 20

/** The head and the number of the write that made it; null and 0 where nothing was ever written. */
export const readHead = async (database: Database): Promise<{ readonly head: Head | null; readonly write: number }> => {
  let found: { readonly head: Head; readonly write: number } | null = null
  for await (const [key, value] of read(database, HEADS)) {
    if (found !== null) throw damaged(key, `it follows head ${found.write}, so a write between them is lost`)
    if (!isHead(value)) throw damaged(key, 'it is not the head of a server')
    found = { head: value, write: writeOf(key) }
  }
  if (found !== null) return found
  for await (const [key] of read(database, ENTRIES)) throw damaged(key, 'there is no head to it')
  return { head: null, write: 0 }
}

/** Deletes objects that nothing refers to: a crash left them. Needs no sync, as the next opening does the same. */
export const sweep = async (database: Database, kept: readonly ObjectRun[]): Promise<void> => {
  let from = OBJECTS.gte
  for (const { generation, count } of kept.toSorted((a, b) => a.generation - b.generation)) {
    await database.clear({ gte: from, lt: objectKey(generation, 0) })
    from = objectKey(generation, count)
  }
  await database.clear({ gte: from, lt: OBJECTS.lt })
}

/** Everything that the head says is there. @throws StorageError when it is not, or is more, or makes no sense. */
export const readAll = async (database: Database, head: Head): Promise<Stored> => {
  const { id, hardState, snapshot, base, received } = head
  const entries = await readEntries(database, base, head.lastIndex)
  const objects = await readObjects(database, head.objects)
  const remains = { id, hardState, snapshot, base, entries }
  // A transfer that is complete, but was not put in force with its last object, has nothing left to resume.
  if (received === null || received.nextObjectId === FIRST_OBJECT) return { remains, objects, received: [] }
  return {
    remains: {
      ...remains,
      received: { snapshot: received.snapshot, nextObjectId: received.nextObjectId, digest: received.digest },
    },
    objects,
    received: await readObjects(database, received.objects),
  }
}

const readEntries = async (
  database: Database,
  base: { readonly index: Index; readonly term: Term },
  lastIndex: Index,
): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  let previous = base
  for await (const [key, value] of read(database, ENTRIES)) {
    const expected = successor(previous.index)
    if (expected > lastIndex) throw damaged(key, `it is past the end of the log, ${lastIndex}`)
    if (key !== entryKey(expected)) throw damaged(entryKey(expected), `${key} is in its place`)
    if (!isEntry(value)) throw damaged(key, 'it is not an entry')
    if (value.index !== expected || value.term < previous.term)
      throw damaged(
        key,
        `index ${value.index} of term ${value.term} does not follow ${previous.index} of term ${previous.term}`,
      )
    entries.push(value)
    previous = value
  }
  if (previous.index !== lastIndex) throw damaged(entryKey(lastIndex), `the stored log ends at ${previous.index}`)
  return entries
}

const readObjects = async (
  database: Database,
  { generation, count }: ObjectRun,
): Promise<readonly CapturedObject[]> => {
  const objects: CapturedObject[] = []
  const range = { gte: objectKey(generation, 0), lt: objectKey(generation, count) }
  for await (const [key, value] of read(database, range)) {
    const expected = objectKey(generation, objects.length)
    if (key !== expected) throw damaged(expected, 'it is missing')
    if (!isCapturedObject(value)) throw damaged(key, 'it is not a snapshot object')
    objects.push({ id: value.id, data: value.data })
  }
  if (objects.length !== count) throw damaged(objectKey(generation, objects.length), 'it is missing')
  return objects
}

async function* read(database: Database, range: KeyRange): AsyncGenerator<readonly [string, unknown]> {
  for await (const [key, value] of database.iterator({ ...range, highWaterMarkBytes: READ_AHEAD_BYTES }))
    yield [key, unseal(key, value)]
}
