import { termAt } from '../../core/log/log.ts'
import type { RaftState, Server } from '../../core/state.ts'
import type { Judge } from './violation.ts'
import type { Witness } from './witness.ts'

/** What never goes back while a server lives, and in which order its indices lie: MON. */
export const checkMonotone = (judge: Judge, before: RaftState, after: RaftState): void => {
  const old = before.server
  const { server, log } = after
  const fell =
    server.currentTerm < old.currentTerm ||
    server.commitIndex < old.commitIndex ||
    server.applyingIndex < old.applyingIndex ||
    server.lastApplied < old.lastApplied ||
    server.snapshot.lastIncludedIndex < old.snapshot.lastIncludedIndex
  if (fell)
    judge.refute('MON', 'nothing that rises falls within a life', {
      before: numbersOf(old),
      after: numbersOf(server),
    })
  const inOrder =
    server.snapshot.lastIncludedIndex <= server.lastApplied &&
    server.lastApplied <= server.commitIndex &&
    server.commitIndex <= log.lastIndex
  if (!inOrder)
    judge.refute('MON', 'a server applies what is committed, and commits what it has', {
      ...numbersOf(server),
      lastIndex: log.lastIndex,
    })
}

const numbersOf = ({ id, currentTerm, commitIndex, applyingIndex, lastApplied, snapshot }: Server) => ({
  id,
  currentTerm,
  commitIndex,
  applyingIndex,
  lastApplied,
  snapshotIndex: snapshot.lastIncludedIndex,
})

/** What a server takes to be on its disk is there: half of QD. What a snapshot covers is committed anyway. */
export const checkDurableIndex = (judge: Judge, { id, durable, state }: Witness): void => {
  const { server, log } = state
  if (server.durableIndex <= server.snapshot.lastIncludedIndex) return
  const term = termAt(log, server.durableIndex)
  if (term !== null && !durable.holds(server.durableIndex, term))
    judge.refute('QD', 'what counts as durable is on the disk', {
      id,
      durableIndex: server.durableIndex,
      lastIndex: durable.lastIndex,
    })
}

/** Whoever restarts knows everything that was surely on its disk, and every word it ever gave. */
export const checkRestart = (judge: Judge, { id, durable, termSpoken }: Witness, after: RaftState): void => {
  const { server } = after
  const { currentTerm, votedFor } = server
  if (currentTerm < termSpoken)
    judge.refute('MON', 'a server remembers every term it ever spoke of', { id, currentTerm, termSpoken })
  if (currentTerm < durable.currentTerm)
    judge.refute('PBS', 'a term that was saved survives', { id, currentTerm, saved: durable.currentTerm })
  if (currentTerm === durable.currentTerm && durable.votedFor !== null && votedFor !== durable.votedFor)
    judge.refute('VO', 'a vote that was saved survives', { id, votedFor, saved: durable.votedFor })
  if (server.snapshot.lastIncludedIndex < durable.snapshot.lastIncludedIndex)
    judge.refute('PBS', 'a snapshot that was saved survives', { id, snapshot: server.snapshot })
  const { lastIndex } = durable
  const { lastIndex: found, lastTerm } = after.log
  if (!durable.mayLeave(after))
    judge.refute('PBS', 'a server comes back with its first saves, and every one that was answered for', {
      id,
      saved: lastIndex,
      found,
      lastTerm,
    })
}
