import { invariant } from '../assert.ts'
import type { HardState, Save } from '../output.ts'
import type { SnapshotMeta } from '../rpc.ts'
import { append, compactTo, emptyLog, termAt, truncateFrom, type Log } from './log.ts'

/** What a server's disk holds: Figure 2, "Persistent state on all servers", and the latest snapshot (section 7). */
export interface StoredImage {
  readonly hardState: HardState
  readonly snapshot: SnapshotMeta
  readonly log: Log
}

/**
 * What a disk holds once a save is durable: truncate, append, adopt the snapshot, compact, in this order. The protocol is
 * described at {@link Save}. For hosts with a storage of their own, simulators and tests.
 *
 * @throws InvariantViolation for a save that does not fit the image: entries that leave a hole, a truncation of compacted
 * entries, or a compaction to an index at which the log holds another term.
 */
export const applySave = (image: StoredImage, save: Save): StoredImage => {
  const kept = save.truncateFrom === null ? image.log : truncateFrom(image.log, save.truncateFrom)
  const log = append(kept, save.entries)
  return {
    hardState: save.hardState ?? image.hardState,
    snapshot: save.snapshot ?? image.snapshot,
    log: save.compactTo === null ? log : compacted(log, save.compactTo),
  }
}

/** A log that disagrees with a received snapshot, or does not reach it, was truncated to nothing: it begins after `to`. */
const compacted = (log: Log, to: NonNullable<Save['compactTo']>): Log => {
  if (to.index <= log.baseIndex || termAt(log, to.index) === to.term) return compactTo(log, to.index)
  const isEmpty = log.lastIndex === log.baseIndex
  invariant(isEmpty, 'a log is compacted to an entry that it holds, or holds no entry', {
    to,
    lastIndex: log.lastIndex,
    heldTerm: termAt(log, to.index),
  })
  return emptyLog(to.index, to.term)
}
