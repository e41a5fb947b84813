import type { JsonValue } from './entry.ts'
import type { Index, NodeId, ObjectId } from './ids.ts'
import type { Rpc } from './rpc.ts'

/** The caller's name for a proposal or a read; it comes back in the answer. */
export type RequestId = number | string

/** What goes into the reducer. Time, disk and the state machine speak through these; there is no other way in. */
export type Message =
  /** One unit of time has passed. */
  | { readonly type: 'tick' }
  /** A peer's RPC has arrived. `from` is vouched for by the transport. */
  | { readonly type: 'receive'; readonly from: NodeId; readonly rpc: Rpc }
  /**
   * Append the commands, in order, as one batch. Answered by `accepted` or `refused`. A batch with a command that JSON
   * changes (json.ts) throws, in every role. They are part of the log from then on, neither copied nor frozen: a caller
   * that edits one later edits this server's log alone.
   */
  | { readonly type: 'propose'; readonly id: RequestId; readonly commands: readonly JsonValue[] }
  /** The save of this sequence, and every earlier one, is durable. `lastIndex` repeats the save's own. */
  | { readonly type: 'saved'; readonly sequence: number; readonly lastIndex: Index }
  /** The state machine has applied everything up to `index`. */
  | { readonly type: 'applied'; readonly index: Index }
  /** The service holds a durable snapshot of its state after `index`: the log may be compacted (section 7). */
  | { readonly type: 'snapshotTaken'; readonly index: Index }
  /** The snapshot that was asked for could not be taken. */
  | { readonly type: 'snapshotFailed'; readonly index: Index; readonly reason: string }
  /** Answer to `readObject`. A null nextObjectId says that this object is the last. */
  | {
      readonly type: 'objectRead'
      readonly to: NodeId
      readonly transferId: number
      readonly objectId: ObjectId
      readonly data: string
      readonly nextObjectId: ObjectId | null
    }
  /** Answer to `readObject`: the snapshot cannot be read. The transfer ends; another one starts after a pause. */
  | { readonly type: 'objectReadFailed'; readonly to: NodeId; readonly transferId: number; readonly reason: string }
  /** Answer to `saveObject`: it is kept (durably, if the machine resumes transfers after a restart). */
  | {
      readonly type: 'objectSaved'
      readonly transferId: number
      readonly objectId: ObjectId
      /** The object wanted next; ignored after the last. */
      readonly nextObjectId: ObjectId
    }
  /** Answer to `saveObject` or `installSnapshot`: unusable. A later transfer starts again at the first object. */
  | { readonly type: 'objectRejected'; readonly transferId: number; readonly reason: string }
  /** Answer to `installSnapshot`: the received state is in force in the state machine. */
  | { readonly type: 'snapshotInstalled'; readonly transferId: number }
  /** Ask for an index at which a read is linearizable. Answered by `readReady` or `refused`. */
  | { readonly type: 'read'; readonly id: RequestId; readonly mode: ReadMode }
  /** Start an election now, whatever the timer says; ignored while a leader is heard, if it checks its quorum. */
  | { readonly type: 'campaign' }

/** `quorum` asks a majority (thesis 6.4); `lease` trusts clocks to drift no more than leaseDriftTicks (6.4.1). */
export type ReadMode = 'quorum' | 'lease'
