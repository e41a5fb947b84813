import type { Entry } from '../entry.ts'
import type { Index } from '../ids.ts'

/**
 * A run of neighbouring entries, never changed once made. Segments are aligned: segment number s holds the
 * indices 32·s + 1 … 32·s + 32, except that the first one of a log may lack entries in front (compacted) and the
 * last one behind (not yet appended).
 */
export type Segment = readonly Entry[]

/** Entries in a full segment: what an append copies at most. Chosen by measurement: see `npm run bench`. */
export const SEGMENT_ENTRIES = 32

/** Full segments in a full block; blocks keep the top list short, so that appending stays O(1) at any length. */
export const BLOCK_SEGMENTS = 32

/** Entries in a full block. */
export const BLOCK_ENTRIES = SEGMENT_ENTRIES * BLOCK_SEGMENTS

/** The number of the segment that holds the index. */
export const segmentOf = (index: Index): number => Math.floor((index - 1) / SEGMENT_ENTRIES)

/** The number of the block that holds the index. */
export const blockOf = (index: Index): number => Math.floor((index - 1) / BLOCK_ENTRIES)
