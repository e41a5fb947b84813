import type { Configuration } from '../core/configuration.ts'
import type { Entry } from '../core/entry.ts'
import { isCounter, type Index, type NodeId, type ObjectId, type Term } from '../core/ids.ts'
import type { HardState } from '../core/output.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { CapturedObject } from '../machine/capture.ts'

/**
 * Whether values read from a disk have the shape that was written there. Beyond the types: counters are whole, names
 * are not empty, and the parts of a value agree with each other.
 */

/** Everything about a server but its entries and objects; written anew by every write. */
export interface Head {
  readonly id: NodeId
  readonly hardState: HardState
  readonly base: { readonly index: Index; readonly term: Term }
  /** The last entry held; the base's where there is none. */
  readonly lastIndex: Index
  readonly snapshot: SnapshotMeta
  /** The objects of `snapshot`. */
  readonly objects: ObjectRun
  /** An unfinished transfer, with its objects. */
  readonly received: HeadReceived | null
}

export interface HeadReceived {
  readonly snapshot: SnapshotMeta
  readonly nextObjectId: ObjectId
  readonly digest: number
  readonly objects: ObjectRun
}

/** Objects 0 … count − 1 that were written under one generation. */
export interface ObjectRun {
  readonly generation: number
  readonly count: number
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const isName = (value: unknown): value is NodeId => typeof value === 'string' && value !== ''

const areNames = (value: unknown): value is readonly NodeId[] => Array.isArray(value) && value.every(isName)

const isObjectId = (value: unknown): value is ObjectId => typeof value === 'string' || typeof value === 'number'

const isHardState = (value: unknown): value is HardState =>
  isFields(value) && isCounter(value['currentTerm']) && (value['votedFor'] === null || isName(value['votedFor']))

const isConfiguration = (value: unknown): value is Configuration =>
  isFields(value) && areNames(value['voters']) && areNames(value['votersOutgoing']) && areNames(value['learners'])

const isSnapshotMeta = (value: unknown): value is SnapshotMeta =>
  isFields(value) &&
  isCounter(value['lastIncludedIndex']) &&
  isCounter(value['lastIncludedTerm']) &&
  isConfiguration(value['configuration']) &&
  isCounter(value['configurationIndex']) &&
  value['configurationIndex'] <= value['lastIncludedIndex']

const isObjectRun = (value: unknown): value is ObjectRun =>
  isFields(value) && isCounter(value['generation']) && isCounter(value['count'])

const isReceived = (value: unknown): value is HeadReceived =>
  isFields(value) &&
  isSnapshotMeta(value['snapshot']) &&
  isObjectId(value['nextObjectId']) &&
  isCounter(value['digest']) &&
  isObjectRun(value['objects'])

export const isHead = (value: unknown): value is Head =>
  isFields(value) &&
  isName(value['id']) &&
  isHardState(value['hardState']) &&
  isFields(value['base']) &&
  isCounter(value['base']['index']) &&
  isCounter(value['base']['term']) &&
  isCounter(value['lastIndex']) &&
  value['base']['index'] <= value['lastIndex'] &&
  isSnapshotMeta(value['snapshot']) &&
  value['base']['index'] <= value['snapshot'].lastIncludedIndex &&
  isObjectRun(value['objects']) &&
  (value['received'] === null || isReceived(value['received']))

export const isEntry = (value: unknown): value is Entry => {
  if (!isFields(value) || !isCounter(value['index']) || !isCounter(value['term']) || !isCounter(value['bytes']))
    return false
  switch (value['type']) {
    case 'command':
      return value['command'] !== undefined
    case 'configuration':
      return isConfiguration(value['configuration'])
    case 'noop':
      return true
    default:
      return false
  }
}

export const isCapturedObject = (value: unknown): value is CapturedObject =>
  isFields(value) && isObjectId(value['id']) && typeof value['data'] === 'string'
