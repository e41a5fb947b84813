import type { JsonValue } from '../core/entry.ts'
import { FIRST_OBJECT, successor, type ObjectId } from '../core/ids.ts'
import { slice } from '../core/log/log.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { CapturedObject } from '../machine/capture.ts'
import type { StateMachine } from '../machine/machine.ts'
import { captureAt, type Replica, type ReplicaMessage } from '../machine/replica-state.ts'
import type { StorageWrite } from './storage/storage.ts'

/* What of a replica goes to the disk as a whole. */

/** Everything that a disk keeps of a replica. */
export const resetTo = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  { raft: { server, log }, machine: state, captures }: Replica<S, R>,
): StorageWrite => {
  const { id, currentTerm, votedFor, snapshot } = server
  const capture = captureAt(captures, snapshot.lastIncludedIndex)
  return {
    type: 'reset',
    remains: {
      id,
      hardState: { currentTerm, votedFor },
      snapshot,
      base: { index: log.baseIndex, term: log.baseTerm },
      entries: slice(log, successor(log.baseIndex), log.lastIndex),
    },
    objects: snapshot.lastIncludedIndex === 0 ? [] : objectsOneByOne(machine, capture?.state ?? state),
  }
}

/** A snapshot with the objects of its captured state; null where that state is no longer kept. */
export const snapshotOf = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  { captures }: Replica<S, R>,
  snapshot: SnapshotMeta,
): StorageWrite | null => {
  const capture = captureAt(captures, snapshot.lastIncludedIndex)
  return capture === null ? null : { type: 'snapshot', snapshot, objects: objectsOneByOne(machine, capture.state) }
}

/** What the reducer is answered when a snapshot is stored, or was not for want of room. */
export const answerOf = (
  { snapshot }: Extract<StorageWrite, { type: 'snapshot' }>,
  failure: string | undefined,
): ReplicaMessage => {
  const index = snapshot.lastIncludedIndex
  return failure === undefined ? { type: 'snapshotTaken', index } : { type: 'snapshotFailed', index, reason: failure }
}

/** Messages that answer what a replica has asked its disk for. */
export const DISK_ANSWERS: ReadonlySet<ReplicaMessage['type']> = new Set(['saved', 'snapshotTaken', 'snapshotFailed'])

/** The objects of a captured state, made one at a time: writing a snapshot never needs memory for all of it. */
function* objectsOneByOne<S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  state: S,
): Generator<CapturedObject> {
  for (let id: ObjectId | null = FIRST_OBJECT; id !== null;) {
    const { data, next }: { readonly data: string; readonly next: ObjectId | null } = machine.readObject(state, id)
    yield { id, data }
    id = next
  }
}
