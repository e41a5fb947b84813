import type { Entry } from '../core/entry.ts'
import type { Configuration } from '../core/membership/configuration.ts'
import type { HardState } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import { counter, fields, json, list, name, nullable, refined, variants, type Check } from './shape.ts'

/* The core's values as JSON: what RPCs, records of the log on disk and traces are made of. */

/** Sorted and without duplicates: quorums rely on it. */
const names: Check = (value, reading) => {
  const fault = list(name)(value, reading)
  if (fault !== null) return fault
  const ids = value as readonly string[]
  const isSorted = ids.every((id, at) => at === 0 || (ids[at - 1] ?? id) < id)
  return isSorted ? null : ' is not sorted, or names a server twice'
}

export const configuration: Check = refined(
  fields<Configuration>({ voters: names, votersOutgoing: names, learners: names }),
  (value) => {
    const { voters, votersOutgoing, learners } = value as unknown as Configuration
    if (voters.length === 0 && votersOutgoing.length > 0) return '.voters is empty beside votersOutgoing'
    const isVoter = learners.some((id) => voters.includes(id) || votersOutgoing.includes(id))
    return isVoter ? '.learners names a voter' : null
  },
)

export const snapshotMeta: Check = refined(
  fields<SnapshotMeta>({
    lastIncludedIndex: counter,
    lastIncludedTerm: counter,
    configuration,
    configurationIndex: counter,
  }),
  (value) => {
    const { lastIncludedIndex, configurationIndex } = value as unknown as SnapshotMeta
    return configurationIndex > lastIncludedIndex ? '.configurationIndex is above lastIncludedIndex' : null
  },
)

type Of<T> = Extract<Entry, { readonly type: T }>
const slot = { type: json, index: counter, term: counter, bytes: counter } as const
const ENTRIES: Readonly<Record<Entry['type'], Check>> = {
  command: fields<Of<'command'>>({ ...slot, command: json }),
  configuration: fields<Of<'configuration'>>({ ...slot, configuration }),
  noop: fields<Of<'noop'>>(slot),
}
export const entry = variants('type', ENTRIES)

export const hardState = fields<HardState>({ currentTerm: counter, votedFor: nullable(name) })

/** An index and the term of its entry. */
export const position = fields<{ index: number; term: number }>({ index: counter, term: counter })
