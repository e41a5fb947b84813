import type { Entry } from '../../src/core/entry.ts'
import { predecessor, term as termOf, type Index, type Term } from '../../src/core/ids.ts'

/** What a log means, without regard to cost: a base and one array. Every function is the shortest that can be right. */
export interface PlainLog {
  readonly baseIndex: Index
  readonly baseTerm: Term
  readonly entries: readonly Entry[]
}

export const plainLog = (baseIndex: Index, baseTerm: Term): PlainLog => ({ baseIndex, baseTerm, entries: [] })

export const lastIndexOf = (log: PlainLog): Index => log.entries.at(-1)?.index ?? log.baseIndex
export const lastTermOf = (log: PlainLog): Term => log.entries.at(-1)?.term ?? log.baseTerm
export const bytesOf = (entries: readonly Entry[]): number => entries.reduce((sum, entry) => sum + entry.bytes, 0)

export const plainAppend = (log: PlainLog, added: readonly Entry[]): PlainLog => ({
  ...log,
  entries: [...log.entries, ...added],
})

export const plainTruncate = (log: PlainLog, from: Index): PlainLog => ({
  ...log,
  entries: log.entries.filter((entry) => entry.index < from),
})

export const plainCompact = (log: PlainLog, index: Index): PlainLog =>
  index <= log.baseIndex
    ? log
    : {
        baseIndex: index,
        baseTerm: plainTermAt(log, index) ?? termOf(0),
        entries: log.entries.filter((entry) => entry.index > index),
      }

export const plainEntryAt = (log: PlainLog, index: Index): Entry | null =>
  log.entries.find((entry) => entry.index === index) ?? null

export const plainTermAt = (log: PlainLog, index: Index): Term | null =>
  index === log.baseIndex ? log.baseTerm : (plainEntryAt(log, index)?.term ?? null)

export const plainSlice = (
  log: PlainLog,
  from: Index,
  to: Index,
  entriesMax: number,
  bytesMax: number,
): readonly Entry[] => {
  const range = log.entries.filter((entry) => from <= entry.index && entry.index <= to)
  const taken: Entry[] = []
  for (const entry of range) {
    const fits = taken.length < entriesMax && bytesOf(taken) + entry.bytes <= bytesMax
    if (!fits && taken.length > 0) break
    taken.push(entry)
  }
  return taken
}

/** One step at a time from above, as etcd first did it. */
export const plainLastIndexWithTermAtMost = (log: PlainLog, from: Index, term: Term): Index => {
  let at = from < lastIndexOf(log) ? from : lastIndexOf(log)
  while (at > log.baseIndex && (plainTermAt(log, at) ?? 0) > term) at = predecessor(at)
  return at < log.baseIndex ? log.baseIndex : at
}
