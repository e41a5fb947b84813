import { optionsOf } from '../core/config.ts'
import { successor, type NodeId } from '../core/ids.ts'
import { logOf, slice } from '../core/log/log.ts'
import { initial, restart, type Birth, type Remains } from '../core/start.ts'
import type { RaftState } from '../core/state.ts'
import type { Header, Start } from './format.ts'

/** The state that a server begins with. @throws UsageError or InvariantViolation for a start that makes no server. */
export const startState = (
  { options, seed }: Pick<Header, 'options' | 'seed'>,
  id: NodeId,
  start: Start,
): RaftState => {
  const common = { seed, ...start, id, options: { ...options, ...start.options } }
  switch (common.how) {
    case 'birth':
      return initial(common)
    case 'restart':
      return restart(common)
    case 'state': {
      const { server, base, entries } = common
      return { options: optionsOf(common.options), server, log: logOf(base.index, base.term, entries) }
    }
  }
}

/** The start that is a whole state, a leader's for instance: for whoever replaces a server by other means than its disk. */
export const stateStart = ({ options, server, log }: RaftState): Start => ({
  how: 'state',
  options,
  server,
  base: { index: log.baseIndex, term: log.baseTerm },
  entries: slice(log, successor(log.baseIndex), log.lastIndex),
})

/**
 * The start that `restart(remains)` is; `Remains` and `Birth` but for the name, which every line has anyway.
 * @param isResumed false where the machine could not read what was received, and the transfer was dropped
 */
export const restartOf = (remains: Remains, isResumed = true): Start => {
  const { options, seed, hardState, snapshot, base, entries, lastApplied, installed, received } = remains
  return {
    how: 'restart',
    ...(options === undefined ? {} : { options }),
    ...(seed === undefined ? {} : { seed }),
    hardState,
    snapshot,
    ...(base === undefined ? {} : { base }),
    entries,
    ...(lastApplied === undefined ? {} : { lastApplied }),
    ...(installed === undefined ? {} : { installed }),
    ...(received === undefined || !isResumed ? {} : { received }),
  }
}

export const birthOf = ({ options, seed, configuration }: Birth): Start => ({
  how: 'birth',
  ...(options === undefined ? {} : { options }),
  ...(seed === undefined ? {} : { seed }),
  configuration,
})
