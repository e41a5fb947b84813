import type { JsonValue } from '../core/entry.ts'
import { checkState, checkTransition } from '../core/invariants.ts'
import type { Message } from '../core/message.ts'
import { step } from '../core/step.ts'
import type { Replica, ReplicaMessage } from '../machine/replica-state.ts'

/**
 * Checks the invariants of a replica's step. As the core's reducer is pure, the steps inside are simply taken once
 * more, up to where an answer would need the state machine; the state in the end is checked in any case.
 * @throws InvariantViolation
 */
export const checkReplicaStep = <S, R extends JsonValue>(
  before: Replica<S, R>,
  message: ReplicaMessage,
  after: Replica<S, R>,
): void => {
  let state = before.raft
  let next: Message | null = message.type === 'capture' ? null : message
  while (next !== null) {
    const [reached, outputs] = step(state, next)
    checkTransition(state, next, reached, outputs)
    checkState(reached)
    state = reached
    next = null
    for (const output of outputs) {
      if (output.type === 'readObject' || output.type === 'saveObject' || output.type === 'installSnapshot')
        return checkState(after.raft)
      const last = output.type === 'apply' ? output.entries.at(-1) : undefined
      if (last !== undefined) next = { type: 'applied', index: last.index }
    }
  }
  checkState(after.raft)
}
