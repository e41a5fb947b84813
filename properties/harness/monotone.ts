import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { termAt } from '../../src/core/log/log.ts'
import type { RaftState } from '../../src/core/state.ts'
import type { Disk } from './disk.ts'

/** The numbers of one server that never fall while it lives, by name. */
const risingNumbers = ({ server }: RaftState): Readonly<Record<string, number>> => ({
  currentTerm: server.currentTerm,
  commitIndex: server.commitIndex,
  applyingIndex: server.applyingIndex,
  lastApplied: server.lastApplied,
  snapshotIndex: server.snapshot.lastIncludedIndex,
})

/** The name of a number that a step has lowered; null when none fell. */
export const whatFell = (before: RaftState, after: RaftState): string | null => {
  const old = risingNumbers(before)
  const rising = risingNumbers(after)
  return Object.keys(rising).find((name) => (rising[name] ?? 0) < (old[name] ?? 0)) ?? null
}

/** Whether each of a server's indices lies within the next: snapshot, applied, committed, in the log. */
export const areOrdered = ({ server, log }: RaftState): boolean =>
  server.snapshot.lastIncludedIndex <= server.lastApplied &&
  server.lastApplied <= server.commitIndex &&
  server.commitIndex <= log.lastIndex

/** Whether a step grants a vote or a pre-vote to a log that is behind the granting one (section 5.4.1). */
export const grantsToOlderLog = ({ log }: RaftState, message: Message, outputs: readonly Output[]): boolean => {
  if (message.type !== 'receive') return false
  const asked = message.rpc
  if (asked.type !== 'RequestVote' && asked.type !== 'RequestPreVote') return false
  const isBehind =
    asked.lastLogTerm < log.lastTerm || (asked.lastLogTerm === log.lastTerm && asked.lastLogIndex < log.lastIndex)
  const sent = outputs.flatMap((output) =>
    output.type === 'send' ? [output] : output.type === 'save' ? output.then : [],
  )
  return isBehind && sent.some(({ rpc }) => 'voteGranted' in rpc && rpc.voteGranted)
}

/** Whether a server's disk holds the last entry that the server takes to be there; a snapshot is committed anyway. */
export const knowsItsDisk = ({ server, log }: RaftState, disk: Disk): boolean => {
  const term = termAt(log, server.durableIndex)
  const isCovered = server.durableIndex <= server.snapshot.lastIncludedIndex
  return isCovered || term === null || disk.holds(server.durableIndex, term)
}
