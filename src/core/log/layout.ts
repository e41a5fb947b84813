import { invariant } from '../assert.ts'
import type { Entry } from '../entry.ts'
import { successor, type Index, type Term } from '../ids.ts'
import { dropFront, takeFront } from './copy.ts'
import { BLOCK_SEGMENTS, SEGMENT_ENTRIES, blockOf, segmentOf, type Segment } from './segment.ts'

/**
 * The replicated log: an immutable value in which every entry after a base is held, without gaps.
 *
 * It is a tree of constant depth. Entries fill segments and segments fill blocks, both aligned to absolute indices,
 * so that the place of an index follows by arithmetic and logs with a common past share their segments. An append
 * copies the unfinished segment; only a finished one is added to a list, and only a finished block to the long list.
 * Every operation returns a new log and leaves the old one valid. No array is changed once a log holds it, which is
 * why results may share arrays with the log and must not be written to.
 *
 * It is plain data and survives JSON. Keep it out of immer drafts: drafting a list is O(its length).
 */
export interface Log {
  /** The last discarded entry: index and term; 0 and 0 for a log that was never compacted. */
  readonly baseIndex: Index
  readonly baseTerm: Term
  /** The last entry; the base where the log is empty. */
  readonly lastIndex: Index
  readonly lastTerm: Term
  /** Sum of `entry.bytes` of the entries held. */
  readonly bytes: number
  /** Finished blocks, oldest first. The first may lack segments in front, its first segment entries in front. */
  readonly blocks: readonly (readonly Segment[])[]
  /** Finished segments of the unfinished block; empty when `lastIndex` ends a block. */
  readonly open: readonly Segment[]
  /** Entries of the unfinished segment; empty when `lastIndex` ends a segment. */
  readonly tail: Segment
}

/** Number of the segment that the next entry goes to, and of its block. */
export const unfinishedSegment = (log: Log): number => segmentOf(successor(log.lastIndex))
export const unfinishedBlock = (log: Log): number => blockOf(successor(log.lastIndex))

/** Where the held part begins: index of a segment's first entry, number of a block's first segment, first block. */
export const firstIndexIn = (log: Log, segment: number): number =>
  Math.max(segment * SEGMENT_ENTRIES, log.baseIndex) + 1
export const firstSegmentIn = (log: Log, block: number): number =>
  Math.max(block * BLOCK_SEGMENTS, segmentOf(successor(log.baseIndex)))
export const firstBlockIn = (log: Log): number => blockOf(successor(log.baseIndex))

/** The segments held of a block, finished or not. @throws InvariantViolation when the log does not reach there. */
export const blockAt = (log: Log, block: number): readonly Segment[] => {
  if (block === unfinishedBlock(log)) return log.open
  const found = log.blocks[block - firstBlockIn(log)]
  invariant(found !== undefined, 'a log holds all blocks from its base to its end')
  return found
}

/** The entries held of a segment, finished or not. @throws InvariantViolation when the log does not reach there. */
export const segmentAt = (log: Log, segment: number): Segment => {
  if (segment === unfinishedSegment(log)) return log.tail
  const block = Math.floor(segment / BLOCK_SEGMENTS)
  const found = blockAt(log, block)[segment - firstSegmentIn(log, block)]
  invariant(found !== undefined, 'a log holds all segments from its base to its end')
  return found
}

/** The entry at `index`; null outside of `(baseIndex, lastIndex]`: the base itself is not held. O(1). */
export const entryAt = (log: Log, index: Index): Entry | null => {
  if (index <= log.baseIndex || index > log.lastIndex) return null
  // Most reads are of the newest entries, which need no arithmetic on segments.
  const inTail = index - log.lastIndex + log.tail.length - 1
  if (inTail >= 0) return log.tail[inTail] ?? null
  const segment = segmentOf(index)
  return segmentAt(log, segment)[index - firstIndexIn(log, segment)] ?? null
}

/** The term of the entry at `index`, or of the base; null outside of `[baseIndex, lastIndex]`. O(1). */
export const termAt = (log: Log, index: Index): Term | null =>
  index === log.baseIndex ? log.baseTerm : (entryAt(log, index)?.term ?? null)

/** The term at an index known to be in `[baseIndex, lastIndex]`. @throws InvariantViolation when it is not. */
export const heldTerm = (log: Log, index: Index): Term => {
  const term = termAt(log, index)
  invariant(term !== null, 'a log holds all entries from its base to its end')
  return term
}

/** The entries of `[from, to]`, all held, cut where segments end; whole segments are shared, not copied. */
export const partsOf = (log: Log, from: Index, to: Index): readonly Segment[] => {
  const parts: Segment[] = []
  for (let segment = segmentOf(from); segment <= segmentOf(to); segment++) parts.push(partOf(log, segment, from, to))
  return parts
}

/** The entries of one segment that are in `[from, to]`; the segment itself where all are. */
export const partOf = (log: Log, segment: number, from: Index, to: Index): Segment => {
  const entries = segmentAt(log, segment)
  const first = firstIndexIn(log, segment)
  return takeFront(dropFront(entries, from - first), to + 1 - Math.max(from, first))
}
