import { INDEX_ZERO, maxIndex, minIndex, successor, type Index, type NodeId } from './ids.ts'
import { slice, termAt } from './log/log.ts'
import type { Progress } from './progress.ts'
import { itemAt, mapItems } from './queue.ts'
import { quorumIndex } from './membership/quorum.ts'
import { answerReads } from './reads/rounds.ts'
import { configurationInForce, mutableLeader, type Work } from './work.ts'

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

/** The first commitment of this term gives the waiting reads their index (thesis 6.4, step 1). */
const settleReadIndices = (work: Work): void => {
  const { role, commitIndex } = work.server
  if (role.type !== 'leader' || itemAt(role.reads, 0)?.index !== null) return
  const leader = mutableLeader(work)
  if (leader === null) return
  leader.reads = mapItems(leader.reads, (read) => ({ ...read, index: commitIndex }))
  answerReads(work)
}

/** In a follower: "set commitIndex = min(leaderCommit, index of last new entry)", never backwards. */
export const followCommit = (work: Work, leaderCommit: Index, lastVerified: Index): void => {
  const { server } = work
  server.commitIndex = maxIndex(server.commitIndex, minIndex(leaderCommit, lastVerified))
  // The log has passed the snapshot being received, which is of no use any more.
  const { receiving } = server
  if (receiving?.phase === 'transfer' && receiving.snapshot.lastIncludedIndex <= server.commitIndex)
    server.receiving = null
  handOutApply(work)
}

/**
 * Emits the next batch of committed entries for the state machine. Only entries on this server's own disk, so that a crash
 * never loses an entry that the machine has applied. Waits while the machine applies a batch or installs a snapshot.
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
