import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/core/entry.ts'
import { INDEX_ZERO, TERM_ZERO, index } from '../../../src/core/ids.ts'
import { append, compactTo, logOf, slice, truncateFrom, type Log } from '../../../src/core/log/log.ts'
import { countReachable, watch } from '../../support/retention.ts'
import { entriesOf } from './structure.ts'

const LAST = 3100

/** Cuts in every part of the log, on boundaries and beside them: first and last block, open segments, tail, end. */
const CUTS = [1, 31, 32, 33, 1000, 1023, 1024, 1025, 2048, 2060, 3000, 3071, 3072, 3073, 3080, 3099, LAST]

/** Makes a log and cuts it, and keeps of the original only weak handles to its entries. */
const cutLog = (cut: (log: Log) => Log): { readonly log: Log; readonly handles: readonly WeakRef<object>[] } => {
  const entries = entriesOf(1, LAST)
  return { log: cut(logOf(INDEX_ZERO, TERM_ZERO, entries)), handles: watch(entries) }
}

describe('a log holds no entry it has discarded', () => {
  it('and the measure itself tells held from discarded', async () => {
    const { log, handles } = cutLog((whole) => whole)
    expect(await countReachable(handles)).toBe(LAST)
    expect(log.lastIndex).toBe(LAST)
  })

  it.each(CUTS)('after compaction to %d', async (base) => {
    const { log, handles } = cutLog((whole) => compactTo(whole, index(base)))
    expect(await countReachable(handles.slice(0, base))).toBe(0)
    expect(await countReachable(handles.slice(base))).toBe(LAST - base)
    expect(log.baseIndex).toBe(base)
  })

  it.each(CUTS)('after truncation from %d', async (from) => {
    const { log, handles } = cutLog((whole) => truncateFrom(whole, index(from)))
    expect(await countReachable(handles.slice(from - 1))).toBe(0)
    expect(await countReachable(handles.slice(0, from - 1))).toBe(from - 1)
    expect(log.lastIndex).toBe(from - 1)
  })

  it('after both, and further appends', async () => {
    const { log, handles } = cutLog((whole) =>
      append(compactTo(truncateFrom(whole, index(2000)), index(1500)), entriesOf(2000, 2100)),
    )
    expect(await countReachable(handles)).toBe(2000 - 1 - 1500)
    expect(log.lastIndex).toBe(2100)
  })
})

describe('what a log gives out does not hold the log', () => {
  it('but only the entries asked for', async () => {
    const { sliced, handles } = slicedLog()
    expect(await countReachable(handles)).toBe(201)
    expect(sliced).toHaveLength(201)
  })
})

const slicedLog = (): { readonly sliced: readonly Entry[]; readonly handles: readonly WeakRef<object>[] } => {
  const { log, handles } = cutLog((whole) => whole)
  return { sliced: slice(log, index(1000), index(1200)), handles }
}
