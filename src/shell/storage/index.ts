import { randomBytes } from 'node:crypto'
import { SECTOR } from '../../codec/frames.ts'
import { UsageError } from '../../core/assert.ts'
import { StorageError, type Storage } from './storage.ts'
import { describeFailure, makeDirectory } from './directory.ts'
import { filesIn, type Files } from './files.ts'
import { acquireLock, type LockOptions } from './lock.ts'
import { SEGMENT_BYTES, openLogStorage } from './log-storage.ts'
import { REPAIRED } from './recovery.ts'

/*
 * The log on disk.
 *
 *     LOCK              held by the process that runs
 *     MANIFEST          the segments there are; replaced by renaming when a segment begins
 *     log-00000007      a segment: zeros, filled with frames from the front; the last one is open
 *     objects-00000003  the objects of a snapshot, or of one that is being received
 *
 * A write is a batch of records; a batch is one frame in the open segment, and durable after one fdatasync. Everything
 * the log holds follows from its records in order (contents.ts), and entries are where they were appended. A segment
 * begins with what all before it hold, so that those without an entry that counts may go.
 *
 * Snapshots are files that count once a record says so: first the file is durable, then the record adopts it, in the
 * same batch as the truncation and the hard state that belong to it, and then the file of the one before is removed. A
 * snapshot that is being received grows in a file of its own, and each record says how far it counts; the save that puts
 * it in force adopts that same file.
 *
 * Opening reads the manifest, and the segments that it lists, frame by frame (recovery.ts). Only the last frame may be
 * unfinished, where a crash tore its write (codec/frames.ts: how such a write differs from damage): zeros take its place.
 * Before anything rests on what was found, it is synced: a process that was killed may have written it to the memory of
 * the system only. Files that nothing refers to are what a crash left, and are removed, unless they hold writes that the manifest should list. Anything else that does not check is refused: a server that has
 * forgotten a vote or an entry it has acknowledged must not run.
 *
 * What looks like a crash, and is taken for one: the open segment, or the whole directory, set back to an earlier copy of itself, and
 * whole sectors of the last batch set to zero.
 *
 * A write or a sync that fails ends the storage: what is on the disk is known again once it is opened anew. A failed
 * sync is never repeated, as the second may succeed though the first has lost the bytes.
 */

export interface LogStorageOptions extends LockOptions {
  /** Takes a repaired copy as it is, with what it has lost. Default false. */
  readonly isLossAccepted?: boolean
  /** Length of a segment, in bytes, unless a batch needs more. Default 4 MiB; at least a sector. */
  readonly segmentBytes?: number
}

/**
 * A directory as a node's disk. It is made where it is not there.
 * @throws StorageError when the directory cannot be made or used, is in use, holds other files, or is damaged.
 * @throws UsageError when segmentBytes is less than a sector.
 */
export const openStorage = async (
  directory: string,
  { segmentBytes = SEGMENT_BYTES, isLossAccepted = false, ...lock }: LogStorageOptions = {},
): Promise<Storage> => {
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < SECTOR)
    throw new UsageError('segmentBytes is a whole number, 512 or more', { segmentBytes })
  await makeDirectory(directory)
  const release = await acquireLock(directory, lock).catch((error: unknown) => {
    throw error instanceof StorageError ? error : new StorageError(describeFailure(directory, error), { cause: error })
  })
  try {
    const files = filesIn(directory)
    await checkRepaired(files, isLossAccepted)
    const storage = await openLogStorage(files, randomBytes(16).toString('hex'), segmentBytes)
    return {
      load: () => storage.load(),
      write: (writes) => storage.write(writes),
      close: () => storage.close().finally(release),
    }
  } catch (error) {
    await release()
    // The log knows its files by name only.
    throw new StorageError(`${directory}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** @throws StorageError for a repaired copy whose losses are not accepted. Once they are, it is a log like any other. */
const checkRepaired = async (files: Files, isLossAccepted: boolean): Promise<void> => {
  if (!(await files.list()).includes(REPAIRED)) return
  if (!isLossAccepted) {
    const losses = new TextDecoder().decode(await files.read(REPAIRED)).trim()
    throw new StorageError(
      `this is a repaired copy, and what it has lost may have been promised to others: it may vote twice in a term, or have the cluster lose what it had committed. Let the server join anew, or start it with --accept-data-loss. ${losses}`,
    )
  }
  await files.remove(REPAIRED)
  await files.syncDirectory()
}
