import { fault, type Mutant } from './mutant.ts'

/* The second half of table-faults.ts. */

/** Floods, stalls and growth. */
const TRAFFIC: readonly Mutant[] = [
  fault(
    'compacted-follower-flooded',
    'flood',
    'core/append-entries',
    '    if (progress.active) startTransfer(work, leader, slot)\n    if (mustSend(reason)) sendAtBase',
    '    if (progress.active) startTransfer(work, leader, slot)\n    sendAtBase',
    'test/core/traffic.test.ts',
  ),
  fault(
    'silent-probe-gets-entries',
    'flood',
    'core/append-entries',
    "const isAgain = progress.paused && !(progress.active && reason === 'heartbeat')",
    'const isAgain = false',
    'test/core/traffic.test.ts',
  ),
  fault(
    'window-never-halved',
    'flood',
    'core/append-entries-response',
    "progress.mode === 'replicate' ? Math.max(1, progress.window >> 1) : progress.window",
    'progress.window',
    'test/core/traffic.test.ts',
  ),
  fault(
    'answers-wait-for-the-disk',
    'stall',
    'core/append-entries',
    'const isAtOnce = work.save === null && isHardStateDurable(work)',
    'const isAtOnce = false',
    'test/core/stalled-disks.test.ts',
  ),
  fault(
    'answer-covers-unsaved-entries',
    'stall',
    'core/append-entries',
    'isAtOnce ? minIndex(upTo, server.durableIndex) : upTo',
    'upTo',
    'test/core/open-saves.test.ts',
  ),
  fault(
    'whole-log-in-a-step',
    'growth',
    'core/commit',
    'successor(server.applyingIndex, options.applyEntriesMax)',
    'server.commitIndex',
    'test/core/replication.test.ts',
    'test/core/start.test.ts',
    'test/machine/replica.test.ts',
  ),
  fault(
    'reads-without-bound',
    'growth',
    'core/read-index',
    "  if (sizeOf(leader.reads) >= work.options.pendingReadsMax) return refuse(work, id, 'busy')\n",
    '',
    'test/core/reads.test.ts',
  ),
]

/** What may enter a step. */
const INPUT: readonly Mutant[] = [
  fault(
    'unknown-rpc-accepted',
    'input',
    'core/admission',
    '      return isInstallSnapshotResponse(rpc)\n    default:\n      return false',
    '      return isInstallSnapshotResponse(rpc)\n    default:\n      return true',
    'test/core/totality.test.ts',
  ),
  fault(
    'own-message-accepted',
    'input',
    'core/step',
    'from === work.server.id || !isWellFormed(rpc, from)',
    '!isWellFormed(rpc, from)',
    'test/core/totality.test.ts',
  ),
  fault(
    'match-beyond-the-log',
    'input',
    'core/append-entries-response',
    'rpc.round > role.round || (rpc.success && rpc.matchIndex > work.log.lastIndex)',
    'rpc.round > role.round',
    'test/core/totality.test.ts',
  ),
  fault(
    'contradiction-without-a-word',
    'input',
    'core/append-entries',
    "return contradict(work, 'an append contradicts a committed entry', from)",
    'return',
    'test/core/totality.test.ts',
    'test/core/replication.test.ts',
  ),
  fault(
    'nan-proposed',
    'input',
    'core/json',
    '=> Number.isFinite(value) && !Object.is(value, -0)',
    "=> typeof value === 'number'",
    'test/core/json.test.ts',
  ),
  fault(
    'instances-proposed',
    'input',
    'core/json',
    'if (prototype !== Object.prototype && !isObjectPrototype(prototype)) return false',
    'if (prototype === undefined) return false',
    'test/core/json.test.ts',
  ),
]

/** What a proposer is answered, and what a machine computes. */
const ANSWERS: readonly Mutant[] = [
  fault(
    'superseded-never-answered',
    'proposal',
    'machine/pending',
    'if (nextIndex > last.index && term >= last.term) return',
    'if (nextIndex > last.index) return',
    'properties/proposals.test.ts',
  ),
  fault(
    'half-applied-is-overwritten',
    'proposal',
    'machine/pending',
    'const isUntouched = nextIndex === firstIndex && entries[from]?.term !== term',
    'const isUntouched = nextIndex > 0',
    'properties/proposals.test.ts',
  ),
  fault(
    'installed-is-overwritten',
    'proposal',
    'machine/pending',
    "reason: mayBeIn ? 'unknown' : 'overwritten'",
    "reason: mayBeIn ? 'overwritten' : 'overwritten'",
    'properties/proposals.test.ts',
  ),
  fault(
    'overwritten-is-unknown',
    'proposal',
    'machine/pending',
    "reason: isUntouched ? 'overwritten' : 'unknown'",
    "reason: isUntouched ? 'unknown' : 'unknown'",
    'properties/proposals.test.ts',
  ),
  fault(
    'answered-with-results-of-others',
    'proposal',
    'machine/pending',
    'results.slice(before, before + to - from)',
    'results.slice(0, to - from)',
    'properties/proposals.test.ts',
  ),
  fault(
    'reads-answered-in-other-order',
    'read',
    'core/rounds',
    "work.outputs.push({ type: 'readReady', id: read.id, index: read.index })",
    "work.outputs.push({ type: 'readReady', id: newestOf(leader.reads)?.id ?? read.id, index: read.index })",
    'test/core/reads.test.ts',
  ),
  fault(
    'commands-of-a-batch-mixed',
    'proposal',
    'core/propose',
    '      command,\n',
    '      command: commands[commands.length - 1] ?? command,\n',
    'properties/proposals.test.ts',
  ),
  fault(
    'drafts-shared-by-commands',
    'machine',
    'machine/immer-machine',
    "const value = adopt(after, before, 'the state') as unknown as S",
    'const value = after as S',
    'test/machine/immer-machine.test.ts',
    'properties/machine-immer.test.ts',
  ),
  fault(
    'platform-words-in-results',
    'machine',
    'machine/immer-machine',
    'return isOfEngine(error) ? error.name :',
    "return error.name === '' ? error.name :",
    'test/machine/immer-machine.test.ts',
  ),
]

export const MORE_FAULTS: readonly Mutant[] = [...TRAFFIC, ...INPUT, ...ANSWERS]
