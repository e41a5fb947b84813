import { unreachable } from '../../core/assert.ts'
import type { Entry } from '../../core/entry.ts'
import { FIRST_OBJECT, predecessor, type Index, type NodeId, type ObjectId, type Term } from '../../core/ids.ts'
import type { HardState } from '../../core/output.ts'
import { sameSnapshot, type SnapshotMeta } from '../../core/rpc.ts'
import { StorageError, type StoredRemains } from './storage.ts'

/*
 * What a log on disk holds, and what each record of it does: the one definition, for the running store and for its
 * recovery. Entries are not part of it, only where they begin and end; recovery keeps those itself.
 */

/** A file of snapshot objects, as far as it counts. */
export interface ObjectFile {
  readonly file: string
  readonly count: number
  /** Bytes from the front. There may be more behind, of a write that no record confirms. */
  readonly bytes: number
  /** The checksum over all of them: the chain value after the last. */
  readonly chain: number
}

/** Everything about a server but its entries and objects. Each segment begins with it. */
export interface Contents {
  readonly id: NodeId
  readonly hardState: HardState
  readonly base: { readonly index: Index; readonly term: Term }
  /** The last entry held; the base's where there is none. */
  readonly lastIndex: Index
  readonly snapshot: SnapshotMeta
  /** Null for the birth of a cluster, which has no objects. */
  readonly objects: ObjectFile | null
  /** An unfinished transfer. */
  readonly received: Reception | null
}

export interface Reception {
  readonly snapshot: SnapshotMeta
  /** FIRST_OBJECT once all have come. */
  readonly nextObjectId: ObjectId
  readonly digest: number
  readonly objects: ObjectFile
}

/** One record: a line of a batch. Entries follow their record, a line each. */
export type LogRecord =
  | {
      readonly type: 'save'
      readonly hardState: HardState | null
      readonly truncateFrom: Index | null
      /** How many entries follow. */
      readonly entries: number
      /** Adopts what was received. */
      readonly snapshot: SnapshotMeta | null
      readonly compactTo: Contents['base'] | null
      readonly lastIndex: Index
    }
  /** One more object has been received: it is the last in the file. */
  | ({ readonly type: 'received' } & Reception)
  /** A snapshot of this server's own, whose file is durable. */
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotMeta; readonly objects: ObjectFile }
  /** Everything anew. */
  | ({ readonly type: 'reset'; readonly entries: number; readonly objects: ObjectFile | null } & Omit<
      StoredRemains,
      'entries'
    >)

/**
 * The contents after a record and the entries that come with it.
 * @throws StorageError for a record that would leave a hole, or that adopts what is not there.
 */
export const after = (before: Contents | null, record: LogRecord, entries: readonly Entry[]): Contents => {
  if (record.type === 'reset') return reset(record, entries)
  if (before === null) throw new StorageError('a server is stored as a whole (reset) before changes to it are')
  switch (record.type) {
    case 'save':
      return saved(before, record, entries)
    case 'received': {
      const { snapshot, nextObjectId, digest, objects } = record
      return { ...before, received: { snapshot, nextObjectId, digest, objects } }
    }
    case 'snapshot':
      return adopted(before, record.snapshot, record.objects)
    default:
      return unreachable(record)
  }
}

type Saved = Extract<LogRecord, { type: 'save' }>

/** First truncate, then append, then adopt the snapshot, then compact. */
const saved = (before: Contents, record: Saved, entries: readonly Entry[]): Contents => {
  const { hardState, truncateFrom, snapshot, compactTo, lastIndex } = record
  let contents = truncateFrom === null ? before : truncated(before, truncateFrom)
  const end = endOf(contents.lastIndex, entries)
  contents = { ...contents, hardState: hardState ?? contents.hardState, lastIndex: end }
  if (snapshot !== null) contents = withReceived(contents, snapshot)
  if (compactTo !== null) contents = compacted(contents, compactTo)
  if (contents.lastIndex !== lastIndex)
    throw new StorageError(`a save ends at index ${lastIndex}, the stored log at ${contents.lastIndex}`)
  return contents
}

const truncated = (contents: Contents, from: Index): Contents => {
  if (from > contents.lastIndex) return contents
  if (from <= contents.base.index)
    throw new StorageError(`entries up to ${contents.base.index} are compacted, and cannot be dropped from ${from} on`)
  return { ...contents, lastIndex: predecessor(from) }
}

const endOf = (lastIndex: Index, entries: readonly Entry[]): Index => {
  let end = lastIndex
  for (const { index } of entries) {
    if (index !== end + 1) throw new StorageError(`entry ${index} does not follow the stored log, which ends at ${end}`)
    end = index
  }
  return end
}

const withReceived = (contents: Contents, snapshot: SnapshotMeta): Contents => {
  const { received } = contents
  if (received === null || !sameSnapshot(received.snapshot, snapshot) || received.nextObjectId !== FIRST_OBJECT)
    throw new StorageError(`the objects of the snapshot at ${snapshot.lastIncludedIndex} are not all stored`)
  return adopted(contents, snapshot, received.objects)
}

/** A transfer of what the snapshot covers has lost its purpose. */
const adopted = (contents: Contents, snapshot: SnapshotMeta, objects: ObjectFile): Contents => {
  const { received } = contents
  const isCovered = received !== null && received.snapshot.lastIncludedIndex <= snapshot.lastIncludedIndex
  return { ...contents, snapshot, objects, received: isCovered ? null : received }
}

/** A log compacted past the snapshot would have a hole for ever. */
const compacted = (contents: Contents, to: Contents['base']): Contents => {
  const { base, lastIndex, snapshot } = contents
  if (to.index <= base.index) return contents
  if (to.index > snapshot.lastIncludedIndex)
    throw new StorageError(`the log is not compacted to ${to.index}: no stored snapshot covers it`)
  return { ...contents, base: to, lastIndex: to.index > lastIndex ? to.index : lastIndex }
}

const reset = (record: Extract<LogRecord, { type: 'reset' }>, entries: readonly Entry[]): Contents => {
  const { id, hardState, base, snapshot, objects } = record
  if (base.index > snapshot.lastIncludedIndex)
    throw new StorageError(`no snapshot covers the log up to its base, ${base.index}`)
  return { id, hardState, base, lastIndex: endOf(base.index, entries), snapshot, objects, received: null }
}
