import { SnapshotNotStored, type Storage, type StorageWrite } from './storage.ts'

/** Called with null when what it waits for has happened, with an error when it never will. */
export type NodeCallback = (error: Error | null) => void

/** One turn at the disk: something to write, or a callback for when all before it is durable. */
export type Job = WriteJob | { readonly write: null; readonly callback: NodeCallback }

/** `life` is that of the replica the write comes from. */
export interface WriteJob {
  readonly write: StorageWrite
  readonly life: number
  /** Why a snapshot was not stored; the storage goes on. */
  readonly failure?: string
}

export interface DiskEvents {
  /** All of these are durable. Jobs settle in their order, but for snapshots. */
  readonly settled: (jobs: readonly Job[]) => void
  /** A write that answered later has been settled, and what followed from it has been handed to the disk. */
  readonly answered: () => void
  readonly failed: (error: unknown) => void
}

/**
 * What waits for the disk, and what the disk is busy with. Jobs that come while it is busy share its next write.
 * Snapshots are written beside the others, which do not wait for them.
 */
export class DiskQueue {
  private readonly storage: Storage
  private readonly events: DiskEvents
  private waiting: Job[] = []
  /** What the disk is busy with, snapshots aside; null when it is idle. */
  private writing: readonly Job[] | null = null
  private snapshotsInWriting = 0
  private isClosed = false

  constructor(storage: Storage, events: DiskEvents) {
    this.storage = storage
    this.events = events
  }

  /** Whether a write is under way or waiting. */
  get isBusy(): boolean {
    return this.writing !== null || this.snapshotsInWriting > 0 || this.waiting.length > 0
  }

  /** Whether a write is under way that others have to wait for. */
  get isWriting(): boolean {
    return this.writing !== null
  }

  push(job: Job): void {
    if (!this.isClosed) this.waiting.push(job)
  }

  /** Writes what has gathered, unless the disk is busy: then it is part of the next write. */
  flush(): void {
    while (this.writing === null && this.waiting.length > 0) this.writeGathered()
  }

  /** Begins no more writes. Returns the callbacks of everything that has not settled, in order. */
  close(): readonly NodeCallback[] {
    const open = this.isClosed ? [] : [...(this.writing ?? []), ...this.waiting]
    this.isClosed = true
    this.waiting = []
    return callbacksOf(open)
  }

  private writeGathered(): void {
    const jobs: Job[] = []
    const writes: StorageWrite[] = []
    const snapshots: WriteJob[] = []
    for (const job of this.waiting) {
      if (job.write !== null && job.write.type === 'snapshot') {
        snapshots.push(job)
        continue
      }
      jobs.push(job)
      if (job.write !== null) writes.push(job.write)
    }
    this.waiting = []
    this.writing = jobs
    const written = this.write(writes)
    if (written === undefined) this.settle(jobs)
    else
      written.then(
        () => this.afterWriting(jobs),
        (error: unknown) => {
          // Before it counts as idle: callbacks that share the write are still to be called.
          try {
            this.events.failed(error)
          } finally {
            this.writing = null
          }
        },
      )
    // They come after the saves before them, of whose terms and entries they speak.
    for (const job of snapshots) this.writeSnapshot(job)
  }

  /** A storage that throws is one that fails. */
  private write(writes: readonly StorageWrite[]): Promise<void> | undefined {
    if (writes.length === 0) return undefined
    try {
      return this.storage.write(writes)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }

  private writeSnapshot(job: WriteJob): void {
    const written = this.write([job.write])
    if (written === undefined) return this.events.settled([job])
    this.snapshotsInWriting++
    written.then(
      () => this.afterSnapshot(job),
      (error: unknown) => {
        if (error instanceof SnapshotNotStored) return this.afterSnapshot({ ...job, failure: error.message })
        this.snapshotsInWriting--
        this.events.failed(error)
      },
    )
  }

  private settle(jobs: readonly Job[]): void {
    this.writing = null
    this.events.settled(jobs)
  }

  private afterWriting(jobs: readonly Job[]): void {
    this.settle(jobs)
    this.flush()
    this.events.answered()
  }

  private afterSnapshot(job: WriteJob): void {
    this.snapshotsInWriting--
    this.events.settled([job])
    this.events.answered()
  }
}

export const callbacksOf = (jobs: readonly Job[]): readonly NodeCallback[] => {
  const callbacks: NodeCallback[] = []
  for (const job of jobs) if (job.write === null) callbacks.push(job.callback)
  return callbacks
}

/** A callback as a promise, which is rejected with the error. */
export const promised = (wait: (callback: NodeCallback) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    wait((error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })

/** All of them, whatever they throw. @throws the first of it */
export const callAll = (callbacks: readonly NodeCallback[], reason: Error): void => {
  const thrown: unknown[] = []
  for (const callback of callbacks) {
    try {
      callback(reason)
    } catch (error) {
      thrown.push(error)
    }
  }
  if (thrown.length > 0) throw thrown[0]
}
