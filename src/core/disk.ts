import { UsageError } from './assert.ts'
import { broadcastAppend } from './append-entries.ts'
import { advanceCommit, handOutApply } from './commit.ts'
import { considerSnapshot } from './compaction.ts'
import { maxIndex, minIndex, predecessor } from './ids.ts'
import type { Message } from './message.ts'
import { countOwnVote } from './request-vote.ts'
import type { Work } from './work.ts'

/**
 * A save is durable. What it held now counts: the server's own vote and its own copy of entries, except those that a
 * later truncation has already taken back (the ABA of etcd-io/raft: an old answer must not vouch for a new suffix).
 * @throws UsageError when no such save was ever asked for.
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
  if (advanceCommit(work)) broadcastAppend(work, 'news')
  handOutApply(work)
}

/**
 * The state machine has come so far; more may follow, and the log may be long enough for a snapshot.
 * @throws UsageError when it claims entries that it was never handed.
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
  // Asked for before more is handed out: the state to capture is that of this index.
  considerSnapshot(work)
  handOutApply(work)
}
