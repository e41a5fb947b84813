import type { Entry } from '../../core/entry.ts'
import { INDEX_ZERO, maxIndex, minIndex, predecessor, type Index } from '../../core/ids.ts'
import type { LogRecord } from './contents.ts'
import type { SegmentEntry } from './manifest.ts'

/** A segment that is listed, and the last of its entries that counts: 0 where none does. */
interface Segment extends SegmentEntry {
  lastIndex: Index
}

/** The segments of a log, the open one last; which are needed follows from what was written to them. */
export class SegmentTable {
  private segments: readonly Segment[] = []

  get list(): readonly SegmentEntry[] {
    return this.segments
  }

  begin(entry: SegmentEntry): void {
    this.segments = [...this.segments, { ...entry, lastIndex: INDEX_ZERO }]
  }

  /** Takes note of a record, and of the entries that come with it, in the open segment. */
  record(record: LogRecord, entries: readonly Entry[]): void {
    if (record.type === 'reset') this.cutTo(INDEX_ZERO)
    else if (record.type === 'save' && record.truncateFrom !== null) this.cutTo(predecessor(record.truncateFrom))
    const last = entries.at(-1)
    const open = this.segments.at(-1)
    if (last === undefined || open === undefined) return
    open.lastIndex = maxIndex(open.lastIndex, last.index)
  }

  /** Those from the first one on that holds an entry after the base; the open one always. */
  needed(base: Index): readonly SegmentEntry[] {
    const first = this.segments.findIndex(({ lastIndex }, at) => lastIndex > base || at === this.segments.length - 1)
    return this.segments.slice(Math.max(first, 0))
  }

  /** Forgets the others. */
  keep(needed: readonly SegmentEntry[]): void {
    this.segments = this.segments.filter((segment) => needed.includes(segment))
  }

  private cutTo(last: Index): void {
    for (const segment of this.segments) segment.lastIndex = minIndex(segment.lastIndex, last)
  }
}
