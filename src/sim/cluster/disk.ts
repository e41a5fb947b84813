import { invariant } from '../../core/assert.ts'
import type { NodeId } from '../../core/ids.ts'
import { birthSnapshot, type Birth, type Remains } from '../../core/start.ts'
import type { CapturedObject } from '../../machine/capture.ts'
import {
  DiskContents,
  contentsOf,
  textOfContents,
  textOfWrites,
  writesOf,
  type DiskWrite,
  type OwnSnapshot,
} from './disk-contents.ts'
import { LogBytes, logThatEndsAt } from './log-bytes.ts'

/** What a crash cost. */
export interface CrashLoss {
  /** Batches. */
  readonly lost: number
  /** A write was found in part, and discarded. */
  readonly isTorn: boolean
  /** A write that had begun, and was not synced, left nothing. */
  readonly isUnsynced: boolean
}

/** What a crash may leave of what was not durable. */
export interface CrashChoice {
  /** So many batches, the oldest, are whole although nothing was said of it. */
  readonly survivors: number
  /** Of the next one, if it was begun: whether a sector was written, counted from the one that it begins in. */
  readonly isWritten?: (sector: number) => boolean
  /** Where in a sector it begins, in units of the frames' alignment; drawn, as most disks keep no bytes. */
  readonly place?: number
  /** Whether a snapshot that was being written beside is whole. Asked for each. */
  readonly isKept?: () => boolean
}

/** What a restart needs: see `restartReplica`. */
export interface DiskContent {
  readonly remains: Pick<Remains, 'id' | 'hardState' | 'snapshot' | 'base' | 'entries' | 'received'>
  readonly objects: readonly CapturedObject[]
  readonly received: readonly CapturedObject[]
}

/** Writes that become durable together, by one sync. */
interface Batch {
  readonly writes: DiskWrite[]
  isBegun: boolean
}

/** A snapshot that is written beside the batches, after the one that was under way when it began. */
interface Beside {
  readonly write: OwnSnapshot
  readonly after: Batch | undefined
}

/**
 * A node's disk in memory. Batches of writes wait in order until their time has come; a crash loses the last of those that
 * still wait, never one from the middle. Of the first that is lost, some sectors may have been written.
 */
export class SimDisk {
  private readonly id: NodeId
  private contents: DiskContents
  /** The same in bytes, from which a start reads; null for a disk that keeps none. */
  private readonly log: LogBytes | null
  private waiting: Batch[] = []
  /** Snapshots that begin with the next batch. */
  private gathered: OwnSnapshot[] = []
  private beside: Beside[] = []

  /** @param hasBytes whether what is read back has gone through frames of bytes: a run is up to a quarter slower */
  constructor({ id, configuration }: Birth, hasBytes = false) {
    this.id = id
    this.contents = new DiskContents(birthSnapshot(configuration))
    this.log = hasBytes ? new LogBytes(textOfContents(this.contents)) : null
  }

  /** How many batches wait. */
  get waitingCount(): number {
    return this.waiting.length
  }

  /** A write that becomes durable by itself. */
  enqueue(write: DiskWrite): void {
    this.waiting.push({ writes: [write], isBegun: true })
  }

  /** A write that shares a batch with those that come until the batch begins; a snapshot begins with that batch. */
  gather(write: DiskWrite): void {
    if (write.type === 'snapshot') return void this.gathered.push(write)
    const last = this.waiting.at(-1)
    if (last === undefined || last.isBegun) this.waiting.push({ writes: [write], isBegun: false })
    else last.writes.push(write)
  }

  /** Begins what has gathered, unless a batch is under way. Returns whether there is a batch, and the snapshots. */
  begin(): { readonly hasBatch: boolean; readonly snapshots: readonly OwnSnapshot[] } {
    const [first] = this.waiting
    if (first?.isBegun === true) return { hasBatch: false, snapshots: [] }
    if (first !== undefined) first.isBegun = true
    const snapshots = this.gathered
    this.gathered = []
    for (const write of snapshots) this.beside.push({ write, after: first })
    return { hasBatch: first !== undefined, snapshots }
  }

  /** The oldest batch that waits becomes durable. */
  complete(): readonly DiskWrite[] {
    const batch = this.waiting.shift()
    invariant(batch !== undefined, 'a write is waited for until it is done')
    this.commit(batch.writes)
    return batch.writes
  }

  finishBeside(write: OwnSnapshot): void {
    this.dropBeside(write)
    this.commit([write])
  }

  dropBeside(write: OwnSnapshot): void {
    this.beside = this.beside.filter((other) => other.write !== write)
  }

  /** The first write of the oldest batch that waits. */
  get next(): DiskWrite | null {
    return this.waiting[0]?.writes[0] ?? null
  }

  /** The oldest batch that waits fails, and leaves no trace. */
  refuse(): void {
    this.waiting.shift()
  }

  /** Ends a life: what is not durable by now is lost, but for what the choice leaves. The next start judges that. */
  crash({ survivors, isWritten = () => false, place = 0, isKept = () => false }: CrashChoice): CrashLoss {
    for (const { writes } of this.waiting.slice(0, survivors)) this.commit(writes)
    const lost = this.waiting.slice(survivors)
    const beside = this.beside.filter(({ after }) => after === undefined || !lost.includes(after))
    this.waiting = []
    this.gathered = []
    this.beside = []
    for (const { write } of beside) if (isKept()) this.commit([write])
    const [first] = lost
    if (first?.isBegun !== true) return { lost: lost.length, isTorn: false, isUnsynced: false }
    const log = this.log ?? logThatEndsAt(place)
    const found = log.interrupt(textOfWrites(first.writes), this.head, isWritten)
    if (found === 'whole') for (const write of first.writes) this.contents.perform(write)
    const count = lost.length - (found === 'whole' ? 1 : 0)
    return { lost: count, isTorn: found === 'torn', isUnsynced: found === 'nothing' }
  }

  read(): DiskContent {
    if (this.log !== null) this.contents = recovered(this.log)
    const { hardState, base, snapshot, entries, objects, received } = this.contents
    const remains = { id: this.id, hardState, base, snapshot, entries: [...entries] }
    if (received === null) return { remains, objects: objects(), received: [] }
    return { remains: { ...remains, received: received.last }, objects: objects(), received: received.objects }
  }

  private readonly head = (): string => textOfContents(this.contents)

  private commit(writes: readonly DiskWrite[]): void {
    this.log?.append(textOfWrites(writes), this.head)
    for (const write of writes) this.contents.perform(write)
  }
}

const recovered = (log: LogBytes): DiskContents => {
  const { head, batches } = log.read()
  const contents = contentsOf(head)
  for (const batch of batches) for (const write of writesOf(batch)) contents.perform(write)
  return contents
}
