import { sameSnapshot } from '../../core/rpc.ts'
import type { Entry } from '../../core/entry.ts'
import { FIRST_OBJECT } from '../../core/ids.ts'
import type { ReceivedObject } from '../../machine/replica-state.ts'
import { SnapshotNotStored, StorageError, type Storage, type Stored, type StorageWrite } from './storage.ts'
import type { Step } from './batch.ts'
import { after, type Contents, type LogRecord, type ObjectFile } from './contents.ts'
import { describe, isFull } from './failure.ts'
import { syncedWithoutRetry, type Files } from './files.ts'
import { ObjectWriter, numberOfObjectFile, objectFileName, readObjects, writeObjects } from './object-files.ts'
import { OpenLog } from './open-log.ts'
import { objectFilesOf, recover } from './recovery.ts'

/** Length of a segment unless a batch needs more, in bytes. */
export const SEGMENT_BYTES = 4 << 20

/** A write that is ready to become a record: its objects are in a file. */
type Staged = Exclude<StorageWrite, { type: 'snapshot' | 'reset' }> | StagedSnapshot | StagedReset
type StagedSnapshot = Omit<Extract<StorageWrite, { type: 'snapshot' }>, 'objects'> & { readonly objects: ObjectFile }
type StagedReset = Omit<Extract<StorageWrite, { type: 'reset' }>, 'objects'> & { readonly objects: ObjectFile | null }

/** A storage in a directory of files. The lock is the caller's. @throws StorageError as `recover` does. */
export const openLogStorage = async (
  files: Files,
  newDirectory: string,
  segmentBytes = SEGMENT_BYTES,
): Promise<Storage> => {
  try {
    const once = syncedWithoutRetry(files)
    const { log, entries } = await OpenLog.open(once, segmentBytes, newDirectory)
    return new LogStorage(once, log, entries)
  } catch (error) {
    throw storageErrorOf(error)
  }
}

class LogStorage implements Storage {
  private readonly files: Files
  private readonly log: OpenLog
  /** Of the opening, for the first load. */
  private entries: readonly Entry[] | null
  /** The number of the latest file of objects. */
  private lastObjectFile: number
  private reception: ObjectWriter | null = null
  /** Its name is not durable yet. */
  private isReceptionNew = false
  /** Objects of it are not durable yet. */
  private isReceptionOpen = false
  private resets = 0
  /** Ends when everything whose turn came before has. */
  private turn: Promise<unknown> = Promise.resolve()
  /** Snapshots whose objects are being written beside the turns. */
  private readonly stagings = new Set<Promise<unknown>>()
  private failure: StorageError | null = null
  private isClosed = false

  constructor(files: Files, log: OpenLog, entries: readonly Entry[]) {
    this.files = files
    this.log = log
    this.entries = entries
    this.lastObjectFile = Math.max(0, ...[...objectFilesOf(log.contents)].map(numberOfObjectFile))
  }

  load(): Promise<Stored | null> {
    return this.inTurn(async () => {
      const { contents } = this.log
      const entries = this.entries ?? (await recover(this.files)).log?.entries ?? []
      this.entries = null
      return contents === null ? null : storedOf(this.files, contents, entries)
    })
  }

  write(writes: readonly StorageWrite[]): Promise<void> {
    this.entries = null
    if (writes.some(({ type }) => type === 'reset')) this.resets++
    const { resets } = this
    if (writes.every(isReady)) return this.inTurn(() => this.commit(writes, false))
    if (!writes.every(({ type }) => type === 'snapshot'))
      return this.inTurn(async () => this.commit(await this.stage(writes), false))
    // While the objects of a large snapshot are written, other writes go on.
    if (this.isClosed) return Promise.reject(closed())
    const staged = this.stage(writes)
    this.stagings.add(staged)
    return staged
      .finally(() => this.stagings.delete(staged))
      .then(
        (ready) => this.inTurn(() => this.commit(ready, resets !== this.resets)),
        (error: unknown) => {
          // Nothing refers to the file yet, and it is removed: the log is as it was.
          if (isFull(error) && this.failure === null) throw new SnapshotNotStored(describe(error))
          return this.fail(error)
        },
      )
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    // Another storage may hold the directory afterwards.
    await Promise.allSettled(this.stagings)
    await this.turn
    await this.reception?.close()
    await this.log.close()
  }

  /** One after the other. After a failure nothing more: what it left on the disk is unknown until that is read. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.isClosed) return Promise.reject(closed())
    const result = this.turn
      .then(() => {
        this.check()
        return task()
      })
      .catch((error: unknown) => this.fail(error))
    this.turn = result.catch(() => undefined)
    return result
  }

  private check(): void {
    if (this.failure !== null) throw this.failure
  }

  private fail(error: unknown): never {
    this.failure ??= storageErrorOf(error)
    throw this.failure
  }

  private async stage(writes: readonly StorageWrite[]): Promise<readonly Staged[]> {
    const staged: Staged[] = []
    for (const write of writes) {
      if (isReady(write)) staged.push(write)
      else if (write.type === 'snapshot') staged.push({ ...write, objects: await this.writeFile(write.objects) })
      else {
        const isBirth = write.remains.snapshot.lastIncludedIndex === 0
        staged.push({ ...write, objects: isBirth ? null : await this.writeFile(write.objects) })
      }
    }
    return staged
  }

  private writeFile(objects: Extract<StorageWrite, { type: 'snapshot' }>['objects']): Promise<ObjectFile> {
    return writeObjects(this.files, this.newFile(), objects, () => {
      if (this.isClosed) throw closed()
      this.check()
    })
  }

  private newFile(): string {
    return objectFileName(++this.lastObjectFile)
  }

  private async commit(staged: readonly Staged[], isObsolete: boolean): Promise<void> {
    const before = this.log.contents
    const steps: Step[] = []
    // Files that the batch refers to, or would.
    const written: string[] = []
    let contents = before
    for (const write of staged) {
      if (write.type !== 'storeObject' && write.type !== 'save' && write.objects !== null)
        written.push(write.objects.file)
      if (!isNews(write, contents, isObsolete)) continue
      const step = write.type === 'storeObject' ? await this.receive(write, contents) : stepOf(write)
      if (step.record.type === 'received') written.push(step.record.objects.file)
      contents = after(contents, step.record, step.entries)
      steps.push(step)
    }
    if (staged.some(({ type }) => type === 'storeObject')) await this.syncReception()
    if (steps.length > 0 && contents !== null) await this.log.append(steps, contents)
    const isSettled = before?.objects === contents?.objects && before?.received === contents?.received
    if (written.length > 0 || !isSettled) await this.discard([...objectFilesOf(before), ...written])
  }

  /** Appends the object to the file of its transfer; a first object begins one. It is durable after a sync. */
  private async receive(write: ReceivedObject, contents: Contents | null): Promise<Step> {
    const { snapshot, objectId, data, digest, nextObjectId } = write
    const received = contents?.received ?? null
    if (objectId === FIRST_OBJECT) {
      // A save before it in the same batch may adopt the transfer that it replaces.
      await this.syncReception()
      await this.reception?.close()
      this.reception = await ObjectWriter.create(this.files, this.newFile())
      this.isReceptionNew = true
    } else if (received === null || !sameSnapshot(received.snapshot, snapshot) || received.nextObjectId !== objectId)
      throw new StorageError(`object ${JSON.stringify(objectId)} does not follow the stored ones of its transfer`)
    else if (this.reception?.written.file !== received.objects.file) {
      await this.reception?.close()
      this.reception = await ObjectWriter.resume(this.files, received.objects)
    }
    this.isReceptionOpen = true
    await this.reception.append({ id: objectId, data })
    const { written } = this.reception
    return { record: { type: 'received', snapshot, nextObjectId, digest, objects: written }, entries: [] }
  }

  private async syncReception(): Promise<void> {
    if (this.isReceptionOpen) await this.reception?.sync()
    this.isReceptionOpen = false
    if (this.isReceptionNew) await this.files.syncDirectory()
    this.isReceptionNew = false
  }

  /** Removes those of the files that the log does not refer to. Not durable: the next opening does the same. */
  private async discard(names: readonly string[]): Promise<void> {
    const used = objectFilesOf(this.log.contents)
    for (const name of new Set(names)) if (!used.has(name)) await this.files.remove(name)
  }
}

/** Whether a write has no objects that go to a file first. */
const isReady = (write: StorageWrite): write is Exclude<StorageWrite, { type: 'snapshot' | 'reset' }> =>
  write.type === 'save' || write.type === 'storeObject'

/** Saves that only keep promises in order change nothing; a snapshot may have been overtaken. */
const isNews = (write: Staged, contents: Contents | null, isObsolete: boolean): boolean => {
  if (contents === null) return true
  if (write.type === 'snapshot')
    return !isObsolete && write.snapshot.lastIncludedIndex >= contents.snapshot.lastIncludedIndex
  if (write.type !== 'save') return true
  const { hardState, truncateFrom, entries, snapshot, compactTo, lastIndex } = write
  const isEmpty = hardState === null && truncateFrom === null && snapshot === null && compactTo === null
  return !isEmpty || entries.length > 0 || lastIndex !== contents.lastIndex
}

const stepOf = (write: Exclude<Staged, ReceivedObject>): Step => {
  if (write.type === 'snapshot') {
    const { snapshot, objects } = write
    return { record: { type: 'snapshot', snapshot, objects }, entries: [] }
  }
  if (write.type === 'reset') {
    const { entries, ...remains } = write.remains
    return { record: { type: 'reset', ...remains, objects: write.objects, entries: entries.length }, entries }
  }
  const { hardState, truncateFrom, entries, snapshot, compactTo, lastIndex } = write
  const record: LogRecord = {
    type: 'save',
    hardState,
    truncateFrom,
    entries: entries.length,
    snapshot,
    compactTo,
    lastIndex,
  }
  return { record, entries }
}

const storedOf = async (files: Files, contents: Contents, entries: readonly Entry[]): Promise<Stored> => {
  const { id, hardState, snapshot, base, received } = contents
  const remains = { id, hardState, snapshot, base, entries }
  const objects = contents.objects === null ? [] : await readObjects(files, contents.objects)
  // A transfer that is complete, but was not put in force with its last object, has nothing left to resume.
  if (received === null || received.nextObjectId === FIRST_OBJECT) return { remains, objects, received: [] }
  const { nextObjectId, digest } = received
  return {
    remains: { ...remains, received: { snapshot: received.snapshot, nextObjectId, digest } },
    objects,
    received: await readObjects(files, received.objects),
  }
}

const closed = (): StorageError => new StorageError('the storage is closed')

const storageErrorOf = (error: unknown): StorageError =>
  error instanceof StorageError ? error : new StorageError(describe(error), { cause: error })
