import { maxIndex, successor, type Index, type NodeId, type ObjectId } from './ids.ts'
import type { SnapshotMeta } from './rpc.ts'

/** One follower (or learner) as the leader sees it: Figure 2's nextIndex and matchIndex, and how to send. */
export type Progress = Probe | Replicate | Transfer

export interface Known {
  readonly id: NodeId
  /** The follower's log is known to equal the leader's up to here, durably. Never falls within a term. */
  readonly matchIndex: Index
  /** It has answered since the last quorum check. */
  readonly active: boolean
  /** The latest round of heartbeats it has answered. */
  readonly ackedRound: number
  /** The highest leaderCommit it was sent, or is known to have reached. */
  readonly sentCommit: Index
  /**
   * Messages with entries that may be under way at once, from 1 to inflightMessagesMax. Halved when a refusal ends
   * streaming, raised by one with each that is acknowledged: so what is sent again stays in proportion to what
   * arrives, also where messages overtake each other all the time (the congestion window of TCP, RFC 5681).
   */
  readonly window: number
}

/** Where its log ends is a guess: one message with entries at a time, until one fits. */
export interface Probe extends Known {
  readonly mode: 'probe'
  /** Above matchIndex. */
  readonly nextIndex: Index
  /** A message with entries is under way; wait for its answer or the next heartbeat, which is empty if not active. */
  readonly paused: boolean
}

/** Its log is known: messages follow each other without waiting (thesis 10.2.1). */
export interface Replicate extends Known {
  readonly mode: 'replicate'
  /** Above matchIndex: the next entry to send, as if all under way arrives. */
  readonly nextIndex: Index
  /** Messages with entries under way, oldest first; at most inflightMessagesMax. */
  readonly inflight: readonly InflightMessage[]
}

export interface InflightMessage {
  readonly lastIndex: Index
  readonly bytes: number
}

/** It needs entries that are compacted: a snapshot is being sent, object by object. */
export interface Transfer extends Known {
  readonly mode: 'snapshot'
  readonly transferId: number
  /** What is being sent; the log after it stays pinned. */
  readonly snapshot: SnapshotMeta
  /**
   * `offer`: the first object alone is sent; the answer decides where to go on. `transfer`: a window of objects is
   * under way. `install`: the receiver is putting a snapshot in force.
   */
  readonly phase: 'offer' | 'transfer' | 'install'
  /** The receiver is to drop what it holds. */
  readonly startsOver: boolean
  /** Objects sent and not yet acknowledged, in order; all but the last hold less than snapshotWindowBytes. */
  readonly inflight: readonly InflightObject[]
  /** The object to send next; null when the last has been sent. */
  readonly nextObjectId: ObjectId | null
  /** What the shell is reading: nextObjectId, or an object under way, to send it again. */
  readonly reading: ObjectId | null
  /** The chained digest before nextObjectId. */
  readonly digest: number
  /** Each counted once: the position of nextObjectId. Those under way have the positions right below it. */
  readonly objectsSent: number
  /** Objects under way at lower positions were sent before the last time-out: those that are wanted are lost. */
  readonly resendBelow: number
  /** Times that the receiver wanted another object than the next one; snapshotRetriesMax + 1 in a transfer, at most. */
  readonly detours: number
  /** Ticks in which no object was acknowledged although one was under way, or being read. */
  readonly idleTicks: number
  /** Ticks since it first said that it is putting the snapshot in force. */
  readonly installTicks: number
  /** Time-outs in a row: only an object that was not acknowledged before, or word of the installation, ends the row. */
  readonly retries: number
  /** How far it has come: objects and bytes acknowledged. */
  readonly objectsAcked: number
  readonly bytesAcked: number
}

export interface InflightObject {
  readonly objectId: ObjectId
  readonly bytes: number
  /** The chained digest before it, for sending it again. */
  readonly digestBefore: number
}

/** A probe that may send at once, or has to wait for an answer. */
export const toProbe = (of: Known, nextIndex: Index, paused = false): Probe => ({
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

/** The follower's log equals the leader's up to matchIndex: what is under way beyond it stays so. */
export const toReplicate = (
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

/** The follower has answered, whatever it said. */
export const heard = (from: Progress, ackedRound: number): Progress => ({
  ...from,
  active: true,
  ackedRound: Math.max(from.ackedRound, ackedRound),
})

/**
 * A quorum check has passed: answers count anew. A follower without an answer for a whole election timeout is probed
 * from what is known of it: its window would otherwise be filled, and be sent again when it returns.
 */
export const afterQuorumCheck = (progress: Progress): Progress =>
  progress.mode === 'replicate' && !progress.active
    ? toProbe(progress, successor(progress.matchIndex), true)
    : { ...progress, active: false }
