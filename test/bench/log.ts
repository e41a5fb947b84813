import type { Entry } from '../../src/core/entry.ts'
import type { Index, Term } from '../../src/core/ids.ts'
import { append, compactTo, emptyLog, slice, termAt, type Log } from '../../src/core/log/log.ts'
import { nanoseconds, row } from './measure.ts'

const entryAt = (index: number): Entry => ({
  type: 'command',
  index: index as Index,
  term: 1 as Term,
  bytes: 66,
  command: 'x',
})

const SIZES = [1_000, 100_000, 1_000_000] as const

/** The log at three lengths. Each operation starts from the same log, which it leaves as it was. */
export const benchLog = (): readonly string[] => {
  const lines = ['The log (ns per operation)']
  for (const size of SIZES) {
    const log = logOf(size)
    const last = log.lastIndex
    const batch = Array.from({ length: 64 }, (_, at) => entryAt(last + 1 + at))
    const keep = (last - 500) as Index
    lines.push(
      row(`append one entry to ${size}`, appending(log), 'ns', 'mean over 1,024 in a row'),
      row(
        `append 64 entries to ${size}`,
        nanoseconds(20_000, () => append(log, batch)),
        'ns',
      ),
      row(
        `termAt in ${size}`,
        nanoseconds(200_000, (at) => termAt(log, (last - (at % 512)) as Index)),
        'ns',
      ),
      row(
        `slice the last 64 of ${size}`,
        nanoseconds(50_000, () => slice(log, (last - 63) as Index, last)),
        'ns',
      ),
      row(
        `compact ${size} to the last 500`,
        nanoseconds(1_000, () => compactTo(log, keep)),
        'ns',
      ),
    )
  }
  return lines
}

const logOf = (size: number): Log => {
  let log = emptyLog()
  for (let from = 1; from <= size; from += 1_000)
    log = append(
      log,
      Array.from({ length: 1_000 }, (_, at) => entryAt(from + at)),
    )
  return log
}

/** In a row, so that every position within a segment, and the closing of segments and blocks, has its share. */
const appending = (log: Log) => {
  const entries = Array.from({ length: 1_024 }, (_, at) => [entryAt(log.lastIndex + 1 + at)])
  let current = log
  return nanoseconds(20_480, (at) => {
    if (at % 1_024 === 0) current = log
    current = append(current, entries[at % 1_024] ?? [])
    return current
  })
}
