import { InvariantViolation, invariant } from '../assert.ts'
import type { Entry } from '../entry.ts'
import { INDEX_ZERO, TERM_ZERO, minIndex, predecessor, successor, type Index, type Term } from '../ids.ts'
import { dropFront, fill, joined, takeFront, withItem } from './copy.ts'
import {
  blockAt,
  entryAt,
  firstBlockIn,
  firstIndexIn,
  firstSegmentIn,
  heldTerm,
  partOf,
  partsOf,
  segmentAt,
  unfinishedBlock,
  unfinishedSegment,
  type Log,
} from './layout.ts'
import { BLOCK_SEGMENTS, SEGMENT_ENTRIES, blockOf, segmentOf } from './segment.ts'

export { entryAt, heldTerm, termAt, type Log } from './layout.ts'

/** A log without entries that begins after the given base: what a server starts with, or a snapshot leaves. */
export const emptyLog = (baseIndex: Index = INDEX_ZERO, baseTerm: Term = TERM_ZERO): Log => ({
  baseIndex,
  baseTerm,
  lastIndex: baseIndex,
  lastTerm: baseTerm,
  bytes: 0,
  blocks: [],
  open: [],
  tail: [],
})

/** The log of entries that follow the given base. @throws InvariantViolation as {@link append} does. */
export const logOf = (baseIndex: Index, baseTerm: Term, entries: readonly Entry[]): Log =>
  append(emptyLog(baseIndex, baseTerm), entries)

/**
 * Adds entries that continue the log: indices count up from `lastIndex + 1`, terms never decrease. Only the first
 * entry is checked, since whoever made the batch vouches for the rest and checking thousands would dominate.
 *
 * Amortised O(1) an entry at any length. Besides the new entries it copies at most 31 entries and 31 segments, and
 * the list of blocks only when a block is finished: one pointer an entry once the log holds a million.
 * @throws InvariantViolation when the first entry does not continue the log.
 */
export const append = (log: Log, entries: readonly Entry[]): Log => {
  const first = entries[0]
  const last = entries[entries.length - 1]
  if (first === undefined || last === undefined) return log
  if (first.index !== log.lastIndex + 1 || first.term < log.lastTerm) refuse(log, first)
  if (entries.length === 1 && first.index % SEGMENT_ENTRIES !== 0) return appendOne(log, first)

  const segments = fill(log.tail, entries, SEGMENT_ENTRIES - (log.lastIndex % SEGMENT_ENTRIES), SEGMENT_ENTRIES)
  const room = BLOCK_SEGMENTS - (unfinishedSegment(log) % BLOCK_SEGMENTS)
  const blocks = fill(log.open, segments.finished, room, BLOCK_SEGMENTS)
  return {
    baseIndex: log.baseIndex,
    baseTerm: log.baseTerm,
    lastIndex: successor(log.lastIndex, entries.length),
    lastTerm: last.term,
    bytes: log.bytes + bytesOf(entries),
    blocks: blocks.finished.length === 0 ? log.blocks : log.blocks.concat(blocks.finished),
    open: blocks.rest,
    tail: segments.rest,
  }
}

/** The hot path, a leader's proposal: one entry that does not finish a segment. */
const appendOne = (log: Log, entry: Entry): Log => ({
  baseIndex: log.baseIndex,
  baseTerm: log.baseTerm,
  lastIndex: entry.index,
  lastTerm: entry.term,
  bytes: log.bytes + entry.bytes,
  blocks: log.blocks,
  open: log.open,
  tail: withItem(log.tail, entry),
})

/** Apart from the check, so that a correct append does not collect the context of an error. */
const refuse = ({ lastIndex, lastTerm }: Log, { index, term }: Entry): never => {
  throw new InvariantViolation('appended entries continue the log', { lastIndex, lastTerm, index, term })
}

/**
 * Keeps the entries before `from`; a log that ends before it is returned as it is. Copies at most one segment and
 * two lists, and walks the smaller part of the log to account for its bytes.
 * @throws InvariantViolation when `from` is compacted: what a snapshot holds is committed and cannot be taken back.
 */
export const truncateFrom = (log: Log, from: Index): Log => {
  if (from > log.lastIndex) return log
  invariant(from > log.baseIndex, 'only entries after the base are truncated', { from, baseIndex: log.baseIndex })
  const lastIndex = predecessor(from)
  const segment = segmentOf(from)
  const block = blockOf(from)
  return {
    baseIndex: log.baseIndex,
    baseTerm: log.baseTerm,
    lastIndex,
    lastTerm: heldTerm(log, lastIndex),
    bytes: bytesUpTo(log, lastIndex),
    blocks: takeFront(log.blocks, block - firstBlockIn(log)),
    open: takeFront(blockAt(log, block), segment - firstSegmentIn(log, block)),
    tail: takeFront(segmentAt(log, segment), from - firstIndexIn(log, segment)),
  }
}

/**
 * Discards the entries up to `index`, which becomes the base; a log whose base is there or later is returned as it
 * is. Nothing reachable from the result holds a discarded entry. Copies at most one segment and two lists, and walks
 * the smaller part of the log to account for its bytes: amortised O(1) for every entry ever appended.
 * @throws InvariantViolation when `index` is after the last entry: a snapshot from there leaves an {@link emptyLog}.
 */
export const compactTo = (log: Log, index: Index): Log => {
  if (index <= log.baseIndex) return log
  invariant(index <= log.lastIndex, 'only entries held are compacted', { index, lastIndex: log.lastIndex })
  const first = successor(index)
  const segment = segmentOf(first)
  const block = blockOf(first)
  const inTail = segment === unfinishedSegment(log)
  const inOpen = block === unfinishedBlock(log)
  const trimmed = dropFront(segmentAt(log, segment), first - firstIndexIn(log, segment))
  const segments = inTail ? [] : [trimmed, ...dropFront(blockAt(log, block), segment + 1 - firstSegmentIn(log, block))]
  return {
    baseIndex: index,
    baseTerm: heldTerm(log, index),
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    bytes: log.bytes - bytesUpTo(log, index),
    blocks: inOpen ? [] : [segments, ...dropFront(log.blocks, block + 1 - firstBlockIn(log))],
    open: inOpen ? segments : log.open,
    tail: inTail ? trimmed : log.tail,
  }
}

/**
 * The entries of `[from, to]`, both included; none when `from > to`. At most `entriesMax` of them and `bytesMax`
 * bytes, but at least one, so that an entry above the limit still travels. O(entries returned). Where they are a
 * whole segment the result is that very array: treat it as immutable.
 * @throws InvariantViolation when the range is not empty and leaves `(baseIndex, lastIndex]`.
 */
export const slice = (
  log: Log,
  from: Index,
  to: Index,
  entriesMax = Infinity,
  bytesMax = Infinity,
): readonly Entry[] => {
  if (from > to) return []
  const { baseIndex, lastIndex } = log
  invariant(from > baseIndex && to <= lastIndex, 'only entries held are read', { from, to, baseIndex, lastIndex })
  const counted = minIndex(to, successor(from, Math.max(entriesMax, 1) - 1))
  const end = bytesMax >= log.bytes ? counted : lastWithinBytes(log, from, counted, bytesMax)
  const segment = segmentOf(from)
  return segment === segmentOf(end) ? partOf(log, segment, from, end) : joined(partsOf(log, from, end))
}

/** The last index up to `to` before the entries from `from` on exceed the limit; at least `from`. */
const lastWithinBytes = (log: Log, from: Index, to: Index, bytesMax: number): Index => {
  let bytes = 0
  for (let segment = segmentOf(from); segment <= segmentOf(to); segment++) {
    for (const entry of partOf(log, segment, from, to)) {
      bytes += entry.bytes
      if (bytes > bytesMax) return entry.index > from ? predecessor(entry.index) : from
    }
  }
  return to
}

/**
 * The largest index in `[baseIndex, min(from, lastIndex)]` whose term is at most `term`; `baseIndex` when no index
 * there qualifies, even though the base's own term may be above `term` or the base after `from`.
 *
 * Both sides of a refused AppendEntries use it to skip whole terms at once (section 5.3, as etcd does): where the
 * term of one log is above the other's they differ, and terms never decrease along a log. That is also why a binary
 * search finds it: O(log n).
 */
export const lastIndexWithTermAtMost = (log: Log, from: Index, term: Term): Index => {
  let low = log.baseIndex
  let high = minIndex(from, log.lastIndex)
  while (low < high) {
    // Not (low + high) / 2: that sum may exceed 2^53 and lose its last digit.
    const middle = successor(low, Math.ceil((high - low) / 2))
    if (heldTerm(log, middle) <= term) low = middle
    else high = predecessor(middle)
  }
  return low
}

/** Bytes of the entries in `(after, to]`, all held. O(entries). */
export const bytesBetween = (log: Log, after: Index, to: Index): number => {
  const first = successor(after)
  if (first === to) return entryAt(log, to)?.bytes ?? 0
  let bytes = 0
  for (const part of first > to ? [] : partsOf(log, first, to)) bytes += bytesOf(part)
  return bytes
}

/** Bytes of the entries held up to `index`, by summing whichever side of it is shorter. */
const bytesUpTo = (log: Log, index: Index): number => {
  const isNearBase = index - log.baseIndex <= log.lastIndex - index
  const from = successor(isNearBase ? log.baseIndex : index)
  const to = isNearBase ? index : log.lastIndex
  let bytes = 0
  for (const part of from > to ? [] : partsOf(log, from, to)) bytes += bytesOf(part)
  return isNearBase ? bytes : log.bytes - bytes
}

const bytesOf = (entries: readonly Entry[]): number => {
  let bytes = 0
  for (const entry of entries) bytes += entry.bytes
  return bytes
}
