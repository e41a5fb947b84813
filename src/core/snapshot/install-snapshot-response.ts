import { broadcastAppend, sendAppend } from '../append-entries.ts'
import { recordMatch, releaseLog } from '../append-entries-response.ts'
import { advanceCommit } from '../commit.ts'
import { maxIndex, minIndex, type NodeId } from '../ids.ts'
import { afterAnswer } from '../progress.ts'
import type { InstallSnapshotResponse } from '../rpc.ts'
import { installing, offerAgain, reached } from './transfer.ts'
import { ignore, mutableLeader, type Work } from '../work.ts'

/**
 * The receiver's answer, back at the leader. What it says of its log counts always, also when the transfer is not
 * known any more: a snapshot that took its time to be put in force is a success all the same.
 */
export const handleInstallSnapshotResponse = (work: Work, from: NodeId, rpc: InstallSnapshotResponse): void => {
  const leader = mutableLeader(work)
  if (leader === null) return ignore(work, 'stale response', from)
  const at = leader.progress.findIndex(({ id }) => id === from)
  const known = leader.progress[at]
  if (known === undefined) return ignore(work, 'not a member', from)
  if (rpc.installedIndex > work.log.lastIndex) return ignore(work, 'malformed', from)
  const progress = afterAnswer(known, 0)
  leader.progress[at] = progress
  if (rpc.status === 'installed') {
    // installedIndex is the follower's commitIndex: what it covers is no news there.
    const told = {
      ...progress,
      sentCommit: maxIndex(progress.sentCommit, minIndex(rpc.installedIndex, work.server.commitIndex)),
    }
    const now = recordMatch(work, told, rpc.installedIndex, 0)
    leader.progress[at] = now
    releaseLog(work, known.matchIndex, rpc.installedIndex)
    // A late copy of the answer, while the receiver installs this snapshot, brings no match that was not known.
    if (now.mode === 'snapshot' && rpc.installedIndex > known.matchIndex) leader.progress[at] = offerAgain(work, now)
    if (advanceCommit(work)) broadcastAppend(work, 'newCommit')
    else sendAppend(work, leader, at, 'newCommit')
    return
  }
  if (progress.mode !== 'snapshot' || progress.transferId !== rpc.transferId)
    return ignore(work, 'unknown transfer', from)
  leader.progress[at] = rpc.status === 'installing' ? installing(progress) : reached(work, progress, rpc)
}
