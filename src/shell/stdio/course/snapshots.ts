import { kvStateBytes } from '../../../machine/kv/kv.ts'
import { captureAt } from '../../../machine/replica-state.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'
import type { CourseHost } from './host.ts'
import { installed } from './oracle.ts'

/** Tasks 7-2-4 and store 7-5: snapshots and compaction. */
export const snapshots: Pick<Handlers, 'take_snapshot' | 'install_snapshot' | 'get_log_info' | 'seed_state'> = {
  take_snapshot: (host, fields) =>
    'threshold' in fields ? takeAboveThreshold(host, fields.threshold) : takeUpTo(host, fields.up_to_index),

  install_snapshot: (host, { snapshot_index: index, snapshot_term: term, state }) => {
    const isStale = index <= host.replica.raft.server.lastApplied
    if (!isStale) host.adopt(installed(host.replica, state, index, term))
    host.view = 'applied'
    return {
      type: 'install_snapshot_ok',
      applied: !isStale,
      new_last_applied: host.replica.raft.server.lastApplied,
    }
  },

  get_log_info: (host) => {
    const { log, server } = host.replica.raft
    return {
      type: 'get_log_info_ok',
      first_index: log.baseIndex + 1,
      last_index: log.lastIndex,
      snapshot_index: server.snapshot.lastIncludedIndex,
      total_entries: log.lastIndex - log.baseIndex,
    }
  },

  seed_state: (host, { state, commit_index: index, term }) => {
    const { lastApplied } = host.replica.raft.server
    if (index <= lastApplied)
      throw new RequestError(
        ERROR.preconditionFailed,
        `commit_index ${index} is not beyond ${lastApplied}, which is applied`,
      )
    host.adopt(installed(host.replica, state, index, term))
    return { type: 'seed_state_ok' }
  },
}

const takeAboveThreshold = async (host: CourseHost, threshold: number): Promise<ReturnType<typeof snapshotTaken>> => {
  const { log } = host.replica.raft
  const before = log.lastIndex - log.baseIndex
  if (before > threshold) await takeNow(host)
  const after = host.replica.raft.log
  return snapshotTaken(host, before - (after.lastIndex - after.baseIndex))
}

const takeUpTo = async (host: CourseHost, upTo: number) => {
  const { lastApplied, snapshot } = host.replica.raft.server
  // A state machine holds its present state: an earlier one can only be what the latest snapshot is of.
  if (upTo !== snapshot.lastIncludedIndex && upTo !== lastApplied)
    throw new RequestError(
      ERROR.preconditionFailed,
      `there is no state after index ${upTo}: the state is that after index ${lastApplied}`,
    )
  if (upTo === lastApplied) await takeNow(host)
  const { lastIncludedIndex, lastIncludedTerm } = host.replica.raft.server.snapshot
  return {
    type: 'snapshot_ok',
    last_included_index: lastIncludedIndex,
    last_included_term: lastIncludedTerm,
  }
}

/** Captures what is applied; resolves when the snapshot is durable and the log compacted. */
const takeNow = async (host: CourseHost): Promise<void> => {
  host.node.deliver({ type: 'capture' })
  await host.idle()
}

const snapshotTaken = (host: CourseHost, trimmed: number) => {
  const { lastIncludedIndex, lastIncludedTerm } = host.replica.raft.server.snapshot
  const capture = captureAt(host.replica.captures, lastIncludedIndex)
  return {
    type: 'take_snapshot_ok',
    snapshot_index: lastIncludedIndex,
    snapshot_term: lastIncludedTerm,
    state_size_bytes: kvStateBytes(capture?.state.machine ?? host.state),
    log_entries_trimmed: trimmed,
  }
}
