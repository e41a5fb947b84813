import { ClassicLevel } from 'classic-level'
import type { CapturedObject } from '../machine/capture.ts'
import type { Head, ObjectRun } from './decode-stored.ts'
import { describeFailure, prepareDirectory, syncDirectory } from './level-directory.ts'
import { headKey, objectKey, seal, type Database, type Operation } from './level-keys.ts'
import { WritePlan, type StagedWrite } from './level-plan.ts'
import { readAll, readHead, sweep } from './level-read.ts'
import { StorageError, type Storage, type Stored, type StorageWrite } from './storage.ts'

/** Characters of objects in one batch, at most, but for a single larger object. */
const BATCH_CHARACTERS_MAX = 1 << 20
/** Keys deleted in one batch when objects go. */
const BATCH_DELETIONS_MAX = 1000

/**
 * A directory as a node's disk. Every write is one atomic batch of LevelDB, synced before it resolves; only objects of
 * large snapshots go ahead of theirs, unseen until it refers to them.
 *
 * What is kept: the entries; the objects, in runs of one generation each; and the head, which says what of these
 * counts. Every batch puts a head under the next number and deletes the one before. LevelDB skips records of its log
 * that it finds damaged, with what follows in the same block of 32 KiB, and replays the blocks behind; then two heads are
 * left, and nothing is loaded.
 *
 * Not detected: damage with no intact record in a later block, which is to LevelDB what a crash leaves of an unfinished write.
 * The state before it is loaded, and acknowledged entries and votes after it are lost; where nothing is before it, the
 * server passes for one that never ran.
 *
 * When LevelDB begins another log file, about every 4 MiB, it syncs the file at once but the directory a little later:
 * this relies on a file system whose sync of a new file keeps its name too, as ext4, XFS and Btrfs do.
 *
 * @throws StorageError when the directory cannot be made or used, is in use, is not one of ours, or is damaged in
 * a way that is detected.
 */
export const openLevelStorage = async (directory: string): Promise<Storage> =>
  levelStorageOver(await openDatabase(directory))

/** Opens the database of a directory. @throws StorageError as {@link openLevelStorage} does. */
export const openDatabase = async (directory: string): Promise<Database> => {
  await prepareDirectory(directory)
  try {
    const level = new ClassicLevel(directory)
    await level.open()
    // LevelDB has renamed CURRENT and made a log file without a sync of the directory that names them.
    await syncDirectory(directory)
    return databaseOver(level)
  } catch (error) {
    throw new StorageError(describeFailure(directory, error), { cause: error })
  }
}

/** LevelDB's chained batches cost the main thread a sixth of what its lists of operations do (measured at 100). */
const databaseOver = (level: ClassicLevel): Database => ({
  async batch(operations, options) {
    const batch = level.batch()
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value)
      else batch.del(operation.key)
    }
    await batch.write(options)
  },
  iterator: (range) => level.iterator(range),
  clear: (range) => level.clear(range),
  close: () => level.close(),
})

/** A storage over an open database, which it closes. @throws StorageError when its head is damaged. */
export const levelStorageOver = async (database: Database): Promise<Storage> => {
  try {
    const { head, write } = await readHead(database)
    const runs = [head?.objects, head?.received?.objects].filter((run) => run !== undefined)
    await sweep(database, runs)
    return new LevelStorage(database, head, write, Math.max(0, ...runs.map(({ generation }) => generation)))
  } catch (error) {
    await database.close()
    throw storageErrorOf(error)
  }
}

interface Staged {
  readonly writes: readonly StagedWrite[]
  /** Objects that are still to be written, in the batch that refers to them. */
  readonly operations: readonly Operation[]
}

class LevelStorage implements Storage {
  private readonly database: Database
  private head: Head | null
  /** The number of the head. */
  private headNumber: number
  /** The latest generation given to a run of objects. */
  private generation: number
  private resets = 0
  /** Ends when everything whose turn came before has. */
  private turn: Promise<unknown> = Promise.resolve()
  private failure: StorageError | null = null
  private isClosed = false

  constructor(database: Database, head: Head | null, headNumber: number, generation: number) {
    this.database = database
    this.head = head
    this.headNumber = headNumber
    this.generation = generation
  }

  load(): Promise<Stored | null> {
    return this.inTurn(() => (this.head === null ? Promise.resolve(null) : readAll(this.database, this.head)))
  }

  write(writes: readonly StorageWrite[]): Promise<void> {
    if (writes.some(({ type }) => type === 'reset')) this.resets++
    const { resets } = this
    if (!writes.every(({ type }) => type === 'snapshot'))
      return this.inTurn(async () => this.commit(await this.stage(writes), false))
    // While the objects of a large snapshot are written, other writes go on.
    const staged = this.isClosed ? Promise.reject(closed()) : this.stage(writes)
    return staged.then(
      (ready) => this.inTurn(() => this.commit(ready, resets !== this.resets)),
      (error: unknown) => this.fail(error),
    )
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.turn
    await this.database.close()
  }

  /** One after the other. After a failure nothing more: what it left on the disk is unknown until that is read. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.isClosed) return Promise.reject(closed())
    const result = this.turn
      .then(() => {
        if (this.failure !== null) throw this.failure
        return task()
      })
      .catch((error: unknown) => this.fail(error))
    this.turn = result.catch(() => undefined)
    return result
  }

  private fail(error: unknown): never {
    this.failure ??= storageErrorOf(error)
    throw this.failure
  }

  private async stage(writes: readonly StorageWrite[]): Promise<Staged> {
    const staged: StagedWrite[] = []
    const operations: Operation[] = []
    for (const write of writes) {
      if (write.type === 'save' || write.type === 'storeObject') {
        staged.push(write)
        continue
      }
      const { objects, rest } = await this.stageObjects(write.objects)
      operations.push(...rest)
      staged.push({ ...write, objects })
    }
    return { writes: staged, operations }
  }

  /**
   * Writes objects in bounded batches, but for the last. Synced like all others, although nothing refers to them yet:
   * once LevelDB has begun another log file, syncing that says nothing of the one before.
   */
  private async stageObjects(
    objects: Iterable<CapturedObject>,
  ): Promise<{ readonly objects: ObjectRun; readonly rest: readonly Operation[] }> {
    const generation = ++this.generation
    let count = 0
    let batch: Operation[] = []
    let characters = 0
    for (const { id, data } of objects) {
      if (batch.length > 0 && characters + data.length > BATCH_CHARACTERS_MAX) {
        if (this.isClosed) throw closed()
        if (this.failure !== null) throw this.failure
        await this.database.batch(batch, { sync: true })
        batch = []
        characters = 0
      }
      batch.push(seal(objectKey(generation, count), { id, data }))
      characters += data.length
      count++
    }
    return { objects: { generation, count }, rest: batch }
  }

  private async commit({ writes, operations }: Staged, isObsolete: boolean): Promise<void> {
    const plan = new WritePlan(this.head, operations, () => ++this.generation)
    for (const write of writes) plan.add(write, isObsolete)
    // A save that only keeps promises in order changes nothing, and everything before it is on the disk.
    if (plan.head === this.head && plan.operations.length === 0) return
    const number = this.headNumber + 1
    plan.operations.push({ type: 'del', key: headKey(this.headNumber) }, seal(headKey(number), plan.head))
    await this.database.batch(plan.operations, { sync: true })
    this.head = plan.head
    this.headNumber = number
    for (const run of plan.garbage) await this.discard(run)
  }

  /** Not synced: what a crash brings back is swept when the storage is opened. */
  private async discard({ generation, count }: ObjectRun): Promise<void> {
    for (let from = 0; from < count; from += BATCH_DELETIONS_MAX) {
      const batch: Operation[] = []
      for (let at = from; at < Math.min(from + BATCH_DELETIONS_MAX, count); at++)
        batch.push({ type: 'del', key: objectKey(generation, at) })
      await this.database.batch(batch, { sync: false })
    }
  }
}

const closed = (): StorageError => new StorageError('the storage is closed')

const storageErrorOf = (error: unknown): StorageError =>
  error instanceof StorageError
    ? error
    : new StorageError(`the disk failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
