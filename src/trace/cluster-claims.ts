import { InvariantViolation } from '../core/assert.ts'
import type { NodeId, Term } from '../core/ids.ts'
import { successor } from '../core/ids.ts'
import { entryAt } from '../core/log/log.ts'
import type { RaftState } from '../core/state.ts'
import { hashValue } from './hash.ts'

/**
 * What is true of several servers at once, and so cannot be seen by the checks of a single state (Figure 3). Fed with
 * every state in the order of the trace; its cost is that of what is newly committed.
 */
export class ClusterClaims {
  private readonly leaders = new Map<Term, NodeId>()
  /** Every entry that any server ever held as committed, by index. */
  private readonly committed = new Map<number, string>()

  /** @throws InvariantViolation */
  check(before: RaftState | null, { server, log }: RaftState): void {
    if (server.role.type === 'leader') {
      const other = this.leaders.get(server.currentTerm)
      if (other !== undefined && other !== server.id)
        throw new InvariantViolation('a term has at most one leader', {
          term: server.currentTerm,
          leaders: [other, server.id],
        })
      this.leaders.set(server.currentTerm, server.id)
    }
    if (before?.server.commitIndex === server.commitIndex) return
    const known = before?.server.commitIndex ?? log.baseIndex
    for (let at = successor(known); at <= server.commitIndex; at = successor(at)) {
      const entry = entryAt(log, at)
      // What a snapshot brought is not in the log.
      if (entry === null) continue
      const held = hashValue(entry)
      const other = this.committed.get(at)
      if (other !== undefined && other !== held)
        throw new InvariantViolation('no two servers commit different entries at one index', {
          index: at,
          id: server.id,
        })
      this.committed.set(at, held)
    }
  }
}
