import type { Configuration } from '../../core/membership/configuration.ts'
import type { Entry } from '../../core/entry.ts'
import { isCounter, type Index, type NodeId, type Term } from '../../core/ids.ts'
import type { HardState } from '../../core/output.ts'
import type { SnapshotMeta } from '../../core/rpc.ts'

/*
 * Whether values that were read from a disk have the shape that is written there. Checksums find damage; this finds what
 * another program has written.
 */

export type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const isName = (value: unknown): value is NodeId => typeof value === 'string' && value !== ''

const areNames = (value: unknown): value is readonly NodeId[] => Array.isArray(value) && value.every(isName)

export const isHardState = (value: unknown): value is HardState =>
  isFields(value) && isCounter(value['currentTerm']) && (value['votedFor'] === null || isName(value['votedFor']))

export const isConfigurationValue = (value: unknown): value is Configuration =>
  isFields(value) && areNames(value['voters']) && areNames(value['votersOutgoing']) && areNames(value['learners'])

export const isPosition = (value: unknown): value is { readonly index: Index; readonly term: Term } =>
  isFields(value) && isCounter(value['index']) && isCounter(value['term'])

export const isSnapshotMeta = (value: unknown): value is SnapshotMeta =>
  isFields(value) &&
  isCounter(value['lastIncludedIndex']) &&
  isCounter(value['lastIncludedTerm']) &&
  isConfigurationValue(value['configuration']) &&
  isCounter(value['configurationIndex']) &&
  value['configurationIndex'] <= value['lastIncludedIndex']

export const isEntry = (value: unknown): value is Entry => {
  if (!isFields(value) || !isCounter(value['index']) || !isCounter(value['term']) || !isCounter(value['bytes']))
    return false
  switch (value['type']) {
    case 'command':
      return value['command'] !== undefined
    case 'configuration':
      return isConfigurationValue(value['configuration'])
    case 'noop':
      return true
    default:
      return false
  }
}
