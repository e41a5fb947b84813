import { INDEX_ZERO, maxIndex, minIndex, successor, type Index, type NodeId } from './ids.ts'
import { slice, termAt } from './log/log.ts'
import type { Progress } from './progress.ts'
import { itemAt, mapItems } from './queue.ts'
import { quorumIndex } from './quorum.ts'
import { answerReads } from './rounds.ts'
import { configurationInForce, ownLeader, type Work } from './work.ts'

/**
 * Figure 2, "Rules for Servers, Leaders", last rule, with section 5.4.2: only an entry of this term is committed by
 * counting, and everything before it with it. The leader's own copy counts once it is on its disk (thesis 10.2.1).
 * Returns whether commitIndex moved.
 */
export const advanceCommit = (work: Work): boolean => {
  const { server, log } = work
  if (server.role.type !== 'leader') return false
  const { progress } = server.role
  const { id, durableIndex } = server
  const index = quorumIndex(configurationInForce(server), (voter) =>
    voter === id ? durableIndex : matchIndexOf(progress, voter),
  )
  if (index <= server.commitIndex || termAt(log, index) !== server.currentTerm) return false
  server.commitIndex = index
  handOutApply(work)
  settleReadIndices(work)
  return true
}

const matchIndexOf = (progress: readonly Progress[], id: NodeId): Index => {
  for (const each of progress) if (each.id === id) return each.matchIndex
  return INDEX_ZERO
}

/** Reads that waited for the first commitment of this term now know what they have to see (thesis 6.4, step 1). */
const settleReadIndices = (work: Work): void => {
  const { role, commitIndex } = work.server
  if (role.type !== 'leader' || itemAt(role.reads, 0)?.index !== null) return
  const leader = ownLeader(work)
  if (leader === null) return
  leader.reads = mapItems(leader.reads, (read) => ({ ...read, index: commitIndex }))
  answerReads(work)
}

/** A follower's half: "set commitIndex = min(leaderCommit, index of last new entry)", never backwards. */
export const followCommit = (work: Work, leaderCommit: Index, lastVerified: Index): void => {
  const { server } = work
  server.commitIndex = maxIndex(server.commitIndex, minIndex(leaderCommit, lastVerified))
  // A snapshot that the log has overtaken is of no more use.
  const { receiving } = server
  if (receiving?.phase === 'transfer' && receiving.snapshot.lastIncludedIndex <= server.commitIndex)
    server.receiving = null
  handOutApply(work)
}

/**
 * Hands out committed entries that are on this server's own disk, one batch at a time: what a state machine has seen
 * is never lost by a crash. Waits while the machine is busy with a batch or with a received snapshot.
 */
export const handOutApply = (work: Work): void => {
  const { server, log, options } = work
  if (server.applyingIndex !== server.lastApplied || server.receiving?.phase === 'install') return
  const to = minIndex(
    minIndex(server.commitIndex, server.durableIndex),
    successor(server.applyingIndex, options.applyEntriesMax),
  )
  if (to <= server.applyingIndex) return
  work.outputs.push({ type: 'apply', entries: slice(log, successor(server.applyingIndex), to) })
  server.applyingIndex = to
}
