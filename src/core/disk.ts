import { UsageError } from './assert.ts'
import { broadcastAppend } from './append-entries.ts'
import { advanceCommit, handOutApply } from './commit.ts'
import { considerSnapshot } from './snapshot/compaction.ts'
import { maxIndex, minIndex, predecessor } from './ids.ts'
import type { Message } from './message.ts'
import { countOwnVote } from './request-vote.ts'
import type { Work } from './work.ts'

/**
 * A save is durable. Its vote and its entries count towards quorums from now on, except entries that a later truncation
 * has dropped since (the ABA problem of etcd-io/raft: completion of an old save says nothing about a newer suffix).
 * @throws UsageError when no such save was emitted.
 */
export const handleSaved = (work: Work, { sequence, lastIndex }: Extract<Message, { type: 'saved' }>): void => {
  const { server, log } = work
  if (sequence > server.saveSequence)
    throw new UsageError('only a save that was asked for can be done', { sequence, asked: server.saveSequence })
  if (sequence <= server.savedSequence) return
  server.savedSequence = sequence
  let durable = minIndex(lastIndex, log.lastIndex)
  const { truncation } = server
  if (truncation !== null && truncation.sequence > sequence) durable = minIndex(durable, predecessor(truncation.index))
  else server.truncation = null
  server.durableIndex = maxIndex(server.durableIndex, durable)
  if (server.role.type === 'candidate') countOwnVote(work)
  if (advanceCommit(work)) broadcastAppend(work, 'newCommit')
  handOutApply(work)
}

/**
 * The state machine has applied up to `index`: the next batch may follow, or a snapshot if the log is long enough.
 * @throws UsageError when it claims entries that it was never given.
 */
export const handleApplied = (work: Work, { index }: Extract<Message, { type: 'applied' }>): void => {
  const { server } = work
  if (index > server.applyingIndex)
    throw new UsageError('only entries that were handed out can be applied', {
      index,
      handedOut: server.applyingIndex,
    })
  if (index <= server.lastApplied) return
  server.lastApplied = index
  // Before the next batch is handed out: the snapshot is of the state after exactly this index.
  considerSnapshot(work)
  handOutApply(work)
}
