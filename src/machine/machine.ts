import type { JsonValue } from '../core/entry.ts'
import type { ObjectId } from '../core/ids.ts'

/**
 * A replicated state machine: a pure fold over committed commands, whose states are immutable values.
 * Keeping a reference to a state is a snapshot of it, whatever its size; objects are made from it later, one by one.
 *
 * Every setting that changes results (a limit on sessions, say) is part of the machine and the same on all servers;
 * only how large an object is may differ between them.
 *
 * Commands are checked where they are proposed: JSON leaves them as they are. They are not copied, so that a state may
 * hold parts of them; like the log they are never edited. States are not checked: what `readObject` makes of one is the
 * machine's own concern, immerMachine and kvMachine refuse what JSON changes. Results go to the proposer and are
 * not checked either, but withSessions, which remembers them in its state, stops at one that JSON changes.
 *
 * @typeParam S its state: opaque to consensus, never edited in place
 * @typeParam C its commands: JSON, as they come from the log, hence possibly written by another version
 * @typeParam R its results: JSON
 */
export interface StateMachine<S, C extends JsonValue, R extends JsonValue> {
  readonly initial: S

  /**
   * Applies one committed batch; as many results as commands, in order. Deterministic, and total: a command that
   * makes no sense gives a result that says so, on every replica alike. It must not throw. Where batches begin and
   * end is an accident of timing, different on every replica: it must show neither in the state nor in the results.
   */
  apply(state: S, commands: readonly C[]): readonly [S, readonly R[]]

  /**
   * One object of the snapshot that `state` is. Object 0 exists always and comes first; `next` names the one to read
   * after it, null after the last. Any id that `writeObject` named for an equal state can be read, also on another
   * replica: a transfer may resume from a different sender.
   *
   * @throws UsageError for an id that no `writeObject` names. Ids come from peers: whoever serves them answers
   * "cannot be read" to that, and goes on.
   */
  readObject(state: S, id: ObjectId): SnapshotObject

  /**
   * Folds one object into a state that is being received, which starts as `initial`. The receiver decides what it
   * wants next: null when the state is complete. An object that was folded in before may come again and changes
   * nothing. An error refuses the object, unchanged: it is damaged, or an earlier one is missing.
   */
  writeObject(partial: S, id: ObjectId, data: string): ObjectWritten<S>
}

export interface SnapshotObject {
  /** Well-formed Unicode text; a machine with binary content encodes it. Bounded in bytes by the machine's own setting. */
  readonly data: string
  readonly next: ObjectId | null
}

export type ObjectWritten<S> = { readonly state: S; readonly next: ObjectId | null } | { readonly error: string }
