import { InvariantViolation } from '../core/assert.ts'
import type { NodeId } from '../core/ids.ts'
import type { Note } from '../core/output.ts'
import type { Rpc } from '../core/rpc.ts'
import type { ReplicaOutput } from '../machine/replica-state.ts'
import type { TickSource } from './clock.ts'
import type { NodeObserver } from './observer.ts'

/**
 * What a node calls. An exception from `send` or `output` costs no other output: all of them are finished, saves go to
 * the disk, and then the node stops and gives that exception to `failed`. The same holds for the callbacks of
 * `whenDurable` and `whenIdle`, for a broken invariant, and for a storage that fails.
 *
 * Any of them may call the node. Messages wait until the step under way is finished; `stop` and `replace` end that
 * step, the rest of its outputs included.
 */
export interface NodeEvents<R> {
  /** Send an RPC; it may be lost. */
  readonly send: (to: NodeId, rpc: Rpc) => void
  /** Everything that is not for the disk or the network. */
  readonly output: (output: NodeOutput<R>) => void
  /**
   * The node has stopped, for this reason: messages that waited are dropped, callbacks that waited have been called
   * with the error. What `failed` itself throws goes to the caller of the node or, where the disk was answering, to the
   * process, as an unhandled rejection.
   */
  readonly failed: (error: unknown) => void
  /** Go on after a note `contradiction`. By default the node stops, with the cause: replicas may differ. */
  readonly toleratesContradictions?: boolean
}

export type NodeOutput<R> = Exclude<
  ReplicaOutput<R>,
  { type: 'send' } | { type: 'save' } | { type: 'saveSnapshot' } | { type: 'storeObject' } | { type: 'continue' }
>

export interface NodeSettings {
  /** Sees every step of the core. */
  readonly observer?: NodeObserver
  /** The ticks that time owes, delivered before every message. Default: none; the caller delivers ticks itself. */
  readonly ticks?: TickSource
}

/** @throws InvariantViolation where servers contradict each other: replicas may differ, and none should be served. */
export const checkNote = (events: Pick<NodeEvents<unknown>, 'toleratesContradictions'>, note: Note): void => {
  if (note.event === 'contradiction' && events.toleratesContradictions !== true)
    throw new InvariantViolation(note.contradiction, { from: note.from })
}
