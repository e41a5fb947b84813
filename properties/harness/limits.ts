import type { Options } from '../../src/core/config.ts'
import type { ClusterPlan } from './schedule.ts'

/** Limits so low that every one of them is met within a short schedule. */
export const optionsOf = ({ preVote, checkQuorum, noopOnElection, snapshots }: ClusterPlan): Partial<Options> => ({
  electionTimeoutTicks: 5,
  preVote,
  checkQuorum,
  noopOnElection,
  messageEntriesMax: 3,
  messageBytesMax: 60,
  inflightMessagesMax: 2,
  inflightBytesMax: 100,
  uncommittedEntriesMax: 30,
  applyEntriesMax: 3,
  pendingReadsMax: 3,
  snapshotEntries: snapshots ? 4 : 0,
  snapshotBytes: 0,
  trailingEntries: 1,
  snapshotWindowBytes: 100,
  snapshotObjectTimeoutTicks: 4,
  snapshotRetriesMax: 1,
  snapshotInstallTimeoutTicks: 30,
})
