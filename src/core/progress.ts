import { maxIndex, successor, type Index, type NodeId, type ObjectId } from './ids.ts'
import type { SnapshotMeta } from './rpc.ts'

/** What the leader knows about a follower or learner (Figure 2: nextIndex, matchIndex), and how it sends to it. */
export type Progress = Probe | Replicate | Transfer

export interface ProgressBase {
  readonly id: NodeId
  /** The follower's log is known to equal the leader's up to here, on its disk. Never falls within a term. */
  readonly matchIndex: Index
  /** It has answered since the last quorum check. */
  readonly active: boolean
  /** The latest round of heartbeats it has answered. */
  readonly ackedRound: number
  /** The highest leaderCommit sent to it, or known to be reached by it. */
  readonly sentCommit: Index
  /**
   * Messages with entries that may be in flight at once, from 1 to inflightMessagesMax. Halved when a refusal ends
   * streaming, raised by one for each message acknowledged. It bounds what is sent again where messages are often
   * reordered, as TCP's congestion window does (RFC 5681).
   */
  readonly window: number
}

/** It is unknown where the logs agree: one message with entries at a time, until one is accepted. */
export interface Probe extends ProgressBase {
  readonly mode: 'probe'
  /** Above matchIndex. */
  readonly nextIndex: Index
  /** A message with entries is in flight: wait for its answer or the next heartbeat. */
  readonly paused: boolean
}

/** It is known where the logs agree: messages are streamed without waiting for answers (thesis 10.2.1). */
export interface Replicate extends ProgressBase {
  readonly mode: 'replicate'
  /** Above matchIndex: the next entry to send, assuming that all messages in flight arrive. */
  readonly nextIndex: Index
  /** Messages with entries in flight, oldest first; at most inflightMessagesMax. */
  readonly inflight: readonly InflightMessage[]
}

export interface InflightMessage {
  readonly lastIndex: Index
  readonly bytes: number
}

/** Its next entry is compacted: a snapshot is sent to it, object by object. */
export interface Transfer extends ProgressBase {
  readonly mode: 'snapshot'
  readonly transferId: number
  /** The snapshot being sent. The log after it is kept. */
  readonly snapshot: SnapshotMeta
  /**
   * `offer`: the first object alone is sent; the answer says where to continue. `transfer`: a window of objects is in
   * flight. `install`: the receiver is installing a snapshot.
   */
  readonly phase: 'offer' | 'transfer' | 'install'
  /** The receiver is to drop what it holds. */
  readonly startsOver: boolean
  /** Objects sent and not acknowledged, in order; all but the last hold less than snapshotWindowBytes. */
  readonly inflight: readonly InflightObject[]
  /** The object to send next; null when the last has been sent. */
  readonly nextObjectId: ObjectId | null
  /** The object that the host is reading: nextObjectId, or one in flight that is to be sent again. */
  readonly reading: ObjectId | null
  /** The chained digest before nextObjectId. */
  readonly digest: number
  /** Different objects sent: the position of nextObjectId. The ones in flight have the positions right below it. */
  readonly objectsSent: number
  /** Objects in flight at lower positions were sent before the last time-out: if one of them is wanted, it was lost. */
  readonly resendBelow: number
  /** How often the receiver wanted another object than the next one; at most snapshotRetriesMax + 1 in a transfer. */
  readonly detours: number
  /** Ticks without an acknowledgement while an object was in flight or being read. */
  readonly idleTicks: number
  /** Ticks since the receiver first answered `installing`. */
  readonly installTicks: number
  /** Time-outs in a row. A newly acknowledged object, or `installing`, resets it. */
  readonly retries: number
  /** Objects and bytes acknowledged. */
  readonly objectsAcked: number
  readonly bytesAcked: number
}

export interface InflightObject {
  readonly objectId: ObjectId
  readonly bytes: number
  /** The chained digest before it, for sending it again. */
  readonly digestBefore: number
}

/** Probing from nextIndex; `paused` waits for an answer first. */
export const toProbe = (of: ProgressBase, nextIndex: Index, paused = false): Probe => ({
  mode: 'probe',
  id: of.id,
  matchIndex: of.matchIndex,
  active: of.active,
  ackedRound: of.ackedRound,
  sentCommit: of.sentCommit,
  window: of.window,
  nextIndex,
  paused,
})

/** The same follower after it was sent something. Written out field by field: see the note on copies in work.ts. */
export const sentProbe = (to: Probe, sentCommit: Index, paused: boolean): Probe => ({
  mode: 'probe',
  id: to.id,
  matchIndex: to.matchIndex,
  active: to.active,
  ackedRound: to.ackedRound,
  sentCommit,
  window: to.window,
  nextIndex: to.nextIndex,
  paused,
})

/** The same follower after it was sent something. */
export const sentReplicate = (
  to: Replicate,
  sentCommit: Index,
  nextIndex: Index,
  inflight: readonly InflightMessage[],
): Replicate => ({
  mode: 'replicate',
  id: to.id,
  matchIndex: to.matchIndex,
  active: to.active,
  ackedRound: to.ackedRound,
  sentCommit,
  window: to.window,
  nextIndex,
  inflight,
})

/** After an acknowledgement up to matchIndex: streams from there; messages in flight beyond it stay in flight. */
export const afterMatch = (
  from: Progress,
  matchIndex: Index,
  ackedRound: number,
  inflightMessagesMax: number,
): Replicate => {
  const streamed = from.mode === 'replicate' ? from.inflight : NOTHING
  const inflight = stillUnderWay(streamed, matchIndex)
  return {
    mode: 'replicate',
    id: from.id,
    matchIndex,
    active: true,
    ackedRound,
    sentCommit: from.sentCommit,
    window: Math.min(from.window + streamed.length - inflight.length, inflightMessagesMax),
    nextIndex: from.mode === 'replicate' ? maxIndex(from.nextIndex, successor(matchIndex)) : successor(matchIndex),
    inflight,
  }
}

const NOTHING: readonly InflightMessage[] = []

const stillUnderWay = (inflight: readonly InflightMessage[], matchIndex: Index): readonly InflightMessage[] => {
  const oldest = inflight[0]
  if (oldest === undefined || oldest.lastIndex > matchIndex) return inflight
  return inflight.length === 1 ? NOTHING : inflight.filter(({ lastIndex }) => lastIndex > matchIndex)
}

/** After any answer of the follower. */
export const afterAnswer = (from: Progress, ackedRound: number): Progress => ({
  ...from,
  active: true,
  ackedRound: Math.max(from.ackedRound, ackedRound),
})

/**
 * After a quorum check: `active` is cleared for the next one. A follower that did not answer for an election timeout is
 * probed from its matchIndex. Streaming on would fill its window, and all of that would be sent again when it returns.
 */
export const afterQuorumCheck = (progress: Progress): Progress =>
  progress.mode === 'replicate' && !progress.active
    ? toProbe(progress, successor(progress.matchIndex), true)
    : { ...progress, active: false }
