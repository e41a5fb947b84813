import { UsageError, invariant } from '../assert.ts'
import type { ConfigurationAt } from '../membership/configuration.ts'
import { INDEX_ZERO, minIndex, type Index } from '../ids.ts'
import { bytesBetween, compactTo, termAt } from '../log/log.ts'
import type { Message } from '../message.ts'
import type { SnapshotMeta } from '../rpc.ts'
import type { Server } from '../state.ts'
import { ignore, saveOf, type Work } from '../work.ts'

/**
 * The policy: asks for a snapshot of what is applied once enough has gathered since the last (section 7). Only bytes
 * that no snapshot covers yet count: others stay in the log for reasons that one more snapshot does not remove.
 * It asks only while the state machine stands at lastApplied with nothing else to do, so that a machine that answers
 * later captures the very state after that index (d-engine #418).
 */
export const considerSnapshot = (work: Work): void => {
  const { server, options, outputs } = work
  const { lastApplied, applyingIndex, sinceSnapshot, receiving } = server
  if (server.snapshotRequested > 0 || applyingIndex !== lastApplied || receiving?.phase === 'install') return
  const entries = lastApplied - sinceSnapshot.index
  if (entries <= 0) return
  const isLong = options.snapshotEntries > 0 && entries >= options.snapshotEntries
  if (!isLong && !isLarge(work)) return
  server.snapshotRequested = lastApplied
  outputs.push({ type: 'takeSnapshot', snapshot: snapshotMetaAt(work, lastApplied) })
}

/** Counts only once the log as a whole is large, and each entry once: most steps have nothing to add up. */
const isLarge = ({ server, options, log }: Work): boolean => {
  const { snapshotBytes } = options
  if (snapshotBytes === 0 || log.bytes < snapshotBytes) return false
  const { index, upTo, bytes } = server.sinceSnapshot
  const counted = bytes + bytesBetween(log, upTo, server.lastApplied)
  server.sinceSnapshot = { index, upTo: server.lastApplied, bytes: counted }
  return counted >= snapshotBytes
}

/** The next snapshot is counted from `index` on, where that is later than before. */
const countFrom = ({ server }: Work, index: Index): void => {
  if (index > server.sinceSnapshot.index) server.sinceSnapshot = { index, upTo: index, bytes: 0 }
}

/** What a snapshot of the state after `index` stands for: its term is the entry's, its configuration that of then. */
export const snapshotMetaAt = ({ server, log }: Pick<Work, 'server' | 'log'>, index: Index): SnapshotMeta => {
  const lastIncludedTerm = termAt(log, index)
  invariant(lastIncludedTerm !== null, 'a snapshot ends at an entry whose term is known', { index })
  const { index: configurationIndex, configuration } = configurationAt(server, index)
  return { lastIncludedIndex: index, lastIncludedTerm, configuration, configurationIndex }
}

/** The last configuration at or below the index (hashicorp/raft #617). */
const configurationAt = ({ configurations }: Pick<Server, 'configurations'>, index: Index): ConfigurationAt =>
  configurations.findLast((record) => record.index <= index) ?? configurations[0]

/**
 * The service holds a durable snapshot: the log before it may go, but for the trailing entries and for what a
 * transfer under way still needs. Only entries that are applied can be covered. What was applied while it was being
 * written may be enough for the next.
 * @throws UsageError when the snapshot is said to cover more than what was applied.
 */
export const handleSnapshotTaken = (work: Work, { index }: Extract<Message, { type: 'snapshotTaken' }>): void => {
  const { server } = work
  if (index > server.lastApplied)
    throw new UsageError('a snapshot covers no more than what was applied', { index, lastApplied: server.lastApplied })
  if (index <= server.snapshot.lastIncludedIndex) return ignore(work, 'older snapshot', null)
  server.snapshot = snapshotMetaAt(work, index)
  if (server.snapshotRequested <= index) server.snapshotRequested = INDEX_ZERO
  countFrom(work, index)
  const covering = server.configurations.findLastIndex((record) => record.index <= index)
  const [first, ...later] = server.configurations.slice(Math.max(covering, 0))
  if (first !== undefined) server.configurations = [first, ...later]
  compact(work)
  considerSnapshot(work)
}

/** The next attempt waits until as much has gathered again: a full disk is not asked at every entry. */
export const handleSnapshotFailed = (work: Work, message: Extract<Message, { type: 'snapshotFailed' }>): void => {
  const { server } = work
  const { index, reason } = message
  work.outputs.push({ type: 'note', event: 'snapshotFailed', index, reason })
  // An older request, which an installed snapshot has settled, says nothing of the one under way.
  if (index !== server.snapshotRequested) return
  server.snapshotRequested = INDEX_ZERO
  countFrom(work, index)
}

/** Lets go of what the latest snapshot covers: when it is taken, and when a transfer no longer needs it. */
export const compact = (work: Work): void => {
  const { server, options } = work
  const covered = pinned(work, server.snapshot.lastIncludedIndex)
  dropTo(work, Math.max(0, minIndex(covered, (server.snapshot.lastIncludedIndex - options.trailingEntries) as Index)))
  // Trailing entries are a courtesy: not at the price of the limit in bytes.
  if (options.snapshotBytes > 0 && work.log.bytes >= options.snapshotBytes) dropTo(work, covered)
}

const dropTo = (work: Work, to: number): void => {
  const index = to as Index
  const term = termAt(work.log, index)
  if (index <= work.log.baseIndex || term === null) return
  work.log = compactTo(work.log, index)
  saveOf(work).compactTo = { index, term }
}

/** A transfer's receiver continues with the entry after its snapshot (openraft #1706, etcd-io/raft #157). */
const pinned = ({ server }: Work, index: Index): Index => {
  if (server.role.type !== 'leader') return index
  let lowest = index
  for (const progress of server.role.progress)
    if (progress.mode === 'snapshot') lowest = minIndex(lowest, progress.snapshot.lastIncludedIndex)
  return lowest
}
