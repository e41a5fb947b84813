import { checksum } from '../../src/core/checksum.ts'
import { index, term, type NodeId } from '../../src/core/ids.ts'
import type {
  AppendEntriesFailure,
  AppendEntriesSuccess,
  InstallSnapshot,
  InstallSnapshotResponse,
  RequestVote,
  RequestVoteResponse,
} from '../../src/core/rpc.ts'
import { chainDigest } from '../../src/core/snapshot/transfer.ts'
import { n2, snapshotAt } from '../core/server.ts'

/* What peers say, in short. Pairs are [index, term]. */

export const requestVote = (
  inTerm: number,
  last: readonly [number, number],
  candidateId: NodeId = n2,
): RequestVote => ({
  type: 'RequestVote',
  term: term(inTerm),
  candidateId,
  lastLogIndex: index(last[0]),
  lastLogTerm: term(last[1]),
})

export const vote = (inTerm: number, voteGranted = true): RequestVoteResponse => ({
  type: 'RequestVoteResponse',
  term: term(inTerm),
  voteGranted,
})

export const success = (inTerm: number, matchIndex: number): AppendEntriesSuccess => ({
  type: 'AppendEntriesResponse',
  term: term(inTerm),
  success: true,
  matchIndex: index(matchIndex),
  round: 0,
})

export const failure = (
  inTerm: number,
  rejectedIndex: number,
  conflict: readonly [number, number],
): AppendEntriesFailure => ({
  type: 'AppendEntriesResponse',
  term: term(inTerm),
  success: false,
  rejectedIndex: index(rejectedIndex),
  conflictIndex: index(conflict[0]),
  conflictTerm: term(conflict[1]),
  round: 0,
})

/** Chunk 0, 1 or 2 of a snapshot at index 5 of term 2, as the leader n2 of term 2 sends them. */
export const chunk = (at: 0 | 1 | 2, changes: Partial<InstallSnapshot> = {}): InstallSnapshot => {
  const data = (of: number): string => `chunk ${of}`
  let digest = 0
  for (let of = 0; of <= at; of++) digest = chainDigest(digest, of, checksum(data(of)))
  return {
    type: 'InstallSnapshot',
    term: term(2),
    leaderId: n2,
    transferId: 1,
    snapshot: snapshotAt(5, 2),
    startsOver: false,
    position: at,
    objectId: at,
    data: data(at),
    checksum: checksum(data(at)),
    digest,
    isLast: at === 2,
    ...changes,
  }
}

export const snapshotAnswer = (
  inTerm: number,
  changes: Partial<InstallSnapshotResponse> = {},
): InstallSnapshotResponse => ({
  type: 'InstallSnapshotResponse',
  term: term(inTerm),
  transferId: 1,
  status: 'wanted',
  nextObjectId: 0,
  digest: 0,
  installedIndex: index(0),
  ...changes,
})
