import type { Reducer } from '../core/output.ts'
import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { EMPTY_QUEUE } from '../core/queue.ts'
import type { ObjectId } from '../core/ids.ts'
import { initial, restart, type Birth, type Remains } from '../core/start.ts'
import type { RaftState } from '../core/state.ts'
import { step } from '../core/step.ts'
import type { CapturedObject } from './capture.ts'
import type { StateMachine } from './machine.ts'
import { ReplicaRun } from './replica-run.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from './replica-state.ts'

/** A replica of a new cluster. @throws UsageError as `initial` does. */
export const createReplica = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  birth: Birth,
): Replica<S, R> => replicaOf(initial(birth), machine.initial)

/**
 * A replica as its disk remembers it. `objects` are those of the snapshot in `remains`, none where that is the
 * cluster's birth; `received` those of an unfinished transfer. The machine is in memory: what it applied after the
 * snapshot it applies again, so that `remains` say nothing of a machine with a disk of its own.
 * @throws UsageError when the snapshot's objects do not make a state, or `restart` refuses the remains.
 */
export const restartReplica = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  remains: Remains,
  objects: Iterable<CapturedObject>,
  received: Iterable<CapturedObject> = [],
): Replica<S, R> => {
  const restored = writeAll(machine, objects)
  if ('error' in restored)
    throw new UsageError(`a stored object is not readable: ${restored.error}`, { id: restored.id })
  if (remains.snapshot.lastIncludedIndex > 0 && !restored.isComplete)
    throw new UsageError('a stored snapshot has all its objects', { snapshot: remains.snapshot.lastIncludedIndex })
  const raft = restart(remains)
  const { receiving, lastApplied } = raft.server
  if (lastApplied !== remains.snapshot.lastIncludedIndex)
    throw new UsageError('a machine in memory comes back as its snapshot: without `lastApplied` or `installed`', {
      lastApplied,
      snapshot: remains.snapshot.lastIncludedIndex,
    })
  if (receiving === null) return replicaOf(raft, restored.state)
  const leftover = writeAll(machine, received)
  // What is left of a transfer is no reason not to start: the next one begins at the first object.
  if ('error' in leftover) return replicaOf({ ...raft, server: { ...raft.server, receiving: null } }, restored.state)
  return {
    ...replicaOf(raft, restored.state),
    incoming: { snapshot: receiving.snapshot, state: leftover.state },
  }
}

const replicaOf = <S, R>(raft: RaftState, state: S): Replica<S, R> => ({
  raft,
  machine: state,
  captures: [{ snapshot: raft.server.snapshot, state }],
  incoming: null,
  pending: EMPTY_QUEUE,
  reads: EMPTY_QUEUE,
})

const writeAll = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  objects: Iterable<CapturedObject>,
): { readonly state: S; readonly isComplete: boolean } | { readonly error: string; readonly id: ObjectId } => {
  let state = machine.initial
  let isComplete = false
  for (const { id, data } of objects) {
    const written = machine.writeObject(state, id, data)
    if ('error' in written) return { error: written.error, id }
    state = written.state
    isComplete = written.next === null
  }
  return { state, isComplete }
}

/**
 * The reducer that shells run: `step`, with the state machine's part done on the spot. As pure as both are.
 * Somebody who wants to see each step of the core, a recorder say, gives a reducer that does the same as `step`.
 */
export const replicaStep = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  replica: Replica<S, R>,
  message: ReplicaMessage,
  reduce: Reducer = step,
): readonly [Replica<S, R>, readonly ReplicaOutput<R>[]] => new ReplicaRun(machine, replica, reduce).run(message)
