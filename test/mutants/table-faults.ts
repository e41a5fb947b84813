import { fault, type Mutant } from './mutant.ts'

/*
 * Faults that reviewers proved by programs while millions of simulated steps had not shown them: each put back. What
 * no history shows is killed by the test that came with its mend.
 */

/** Leases and the silence they rest on. */
const LEASES: readonly Mutant[] = [
  fault(
    'lease-one-tick-long',
    'lease',
    'core/reads/read-index',
    'age + 1 <= electionTimeoutTicks - 1 - leaseDriftTicks',
    'age + 1 <= electionTimeoutTicks - leaseDriftTicks',
    'test/core/leases.test.ts',
  ),
  fault(
    'drift-left-out',
    'lease',
    'core/reads/read-index',
    'age + 1 <= electionTimeoutTicks - 1 - leaseDriftTicks',
    'age + 1 <= electionTimeoutTicks - 1',
    'test/core/leases.test.ts',
  ),
  fault(
    'lease-dated-by-answer',
    'lease',
    'core/reads/rounds',
    'answered.findLast(({ round }) => round <= promised)?.atTicks ?? leader.leaseTicks',
    'leader.clockTicks',
    'test/core/leases.test.ts',
  ),
  fault(
    'short-silence-counts',
    'lease',
    'core/reads/rounds',
    'shortSilence.length === 0 ? acked : quorumRound(work, leader, shortSilence)',
    'shortSilence.length === 0 ? acked : acked',
    'test/core/leases.test.ts',
  ),
  fault(
    'vote-in-silence-of-term',
    'lease',
    'core/request-vote',
    'if (server.votedFor === null && work.options.checkQuorum && hearsLeader(work))',
    'if (work.options.electionTimeoutTicks < 0)',
    'test/core/leases.test.ts',
  ),
  fault(
    'round-that-never-began',
    'lease',
    'core/append-entries-response',
    'if (rpc.round > role.round || (',
    'if ((',
    'test/core/totality.test.ts',
  ),
  fault(
    'ticks-dropped',
    'lease',
    'shell/clock',
    'return Math.min(ticks, this.owedMax)',
    'return Math.min(ticks, 1)',
    'test/shell/clock.test.ts',
  ),
  fault(
    'pre-vote-answers-mixed',
    'election',
    'core/pre-vote',
    'if (isEarlier || (',
    'if ((',
    'test/core/totality.test.ts',
  ),
]

/** Transfers: livelocks, repetitions, storms. */
const TRANSFERS: readonly Mutant[] = [
  fault(
    'digest-of-receiver-ignored',
    'transfer',
    'core/snapshot/transfer',
    "if (transfer.phase === 'offer') return readNext(work, goOnAt(transfer, place))",
    "if (transfer.phase === 'offer') return transfer",
    'test/core/snapshot-sender.test.ts',
  ),
  fault(
    'overtaking-objects-dropped',
    'transfer',
    'core/snapshot/install-snapshot',
    'if (!isKnown) work.server.receiving =',
    'if (isKnown) work.server.receiving =',
    'test/core/snapshot-bounds.test.ts',
    'test/core/snapshot-sender.test.ts',
  ),
  fault(
    'window-counts-the-new-object',
    'transfer',
    'core/snapshot/install-snapshot',
    'of queued.slice(0, -1)) bytes',
    'of queued) bytes',
    'test/core/snapshot-retries.test.ts',
    'test/core/snapshot-bounds.test.ts',
  ),
  fault(
    'detours-without-end',
    'transfer',
    'core/snapshot/transfer',
    '    if (detours > work.options.snapshotRetriesMax + 1) return lost(work, transfer)\n',
    '',
    'test/core/snapshot-bounds.test.ts',
    'test/core/snapshot-retries.test.ts',
  ),
  fault(
    'no-pause-after-failure',
    'transfer',
    'core/snapshot/transfer',
    '  if (failed !== undefined && leader.clockTicks < failed.retryAtTicks) return\n',
    '',
    'test/core/snapshot-retries.test.ts',
    'test/core/snapshot-bounds.test.ts',
  ),
  fault(
    'damaged-start-kept',
    'transfer',
    'core/snapshot/transfer',
    "const startsOver = active && phase === 'transfer' && objectsAcked === 0",
    "const startsOver = false && active && phase === 'transfer' && objectsAcked === 0",
    'test/core/snapshot-retries.test.ts',
    'test/core/snapshot-sender.test.ts',
  ),
  fault(
    'stale-object-ends-reception',
    'transfer',
    'core/snapshot/install-snapshot',
    'receiving.transferId > transferId\n',
    'receiving.transferId < 0\n',
    'test/core/snapshots.test.ts',
    'test/lessons/receiver.test.ts',
  ),
  fault(
    'pinned-log-kept',
    'transfer',
    'core/tick',
    '  if (isOver) compact(work)\n',
    '',
    'test/core/snapshot-order.test.ts',
    'test/core/snapshot-sender.test.ts',
    'test/core/compaction.test.ts',
  ),
  fault(
    'rejected-after-overtaken',
    'transfer',
    'core/snapshot/install-snapshot',
    'const isOvertaken = receiving.snapshot.lastIncludedIndex <= server.commitIndex',
    'const isOvertaken = false',
    'test/core/snapshots.test.ts',
  ),
  fault(
    'unreadable-leftover-stops-start',
    'transfer',
    'machine/replica',
    "  if ('error' in leftover) return replicaOf({ ...raft, server: { ...raft.server, receiving: null } }, restored.state)\n",
    "  if ('error' in leftover) throw new UsageError('unreadable', {})\n",
    'test/machine/restart.test.ts',
  ),
]

/** Snapshots that a server takes of itself. */
const SNAPSHOTS_TAKEN: readonly Mutant[] = [
  fault(
    'snapshot-while-applying',
    'snapshot',
    'core/snapshot/compaction',
    "if (server.snapshotRequested > 0 || applyingIndex !== lastApplied || receiving?.phase === 'install') return",
    'if (server.snapshotRequested > 0) return',
    'test/core/compaction.test.ts',
  ),
  fault(
    'log-bytes-call-for-snapshots',
    'snapshot',
    'core/snapshot/compaction',
    'return counted >= snapshotBytes',
    'return log.bytes >= snapshotBytes',
    'test/core/compaction.test.ts',
    'test/core/snapshot-order.test.ts',
  ),
  fault(
    'old-failure-clears-request',
    'snapshot',
    'core/snapshot/compaction',
    '  if (index !== server.snapshotRequested) return\n',
    '',
    'test/core/snapshot-order.test.ts',
    'test/core/compaction.test.ts',
  ),
  fault(
    'failed-snapshot-asked-again',
    'snapshot',
    'core/snapshot/compaction',
    '  server.snapshotRequested = INDEX_ZERO\n  countFrom(work, index)\n',
    '  server.snapshotRequested = INDEX_ZERO\n',
    'test/core/snapshot-order.test.ts',
    'test/core/compaction.test.ts',
  ),
  fault(
    'machine-ahead-refused',
    'snapshot',
    'core/start',
    'installed.lastIncludedIndex <= snapshot.lastIncludedIndex) return { ...remains, base }',
    'installed.lastIncludedIndex > 0) return { ...remains, base }',
    'test/core/adoption.test.ts',
  ),
]

export const FAULTS: readonly Mutant[] = [...LEASES, ...TRANSFERS, ...SNAPSHOTS_TAKEN]
