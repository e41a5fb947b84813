import type { Entry } from '../core/entry.ts'
import { successor, type Index, type Term } from '../core/ids.ts'
import { joined } from '../core/log/copy.ts'
import type { RequestId } from '../core/message.ts'
import { dropOldest, itemAt, replaceOldest, type Queue } from '../core/queue.ts'
import type { SnapshotMeta } from '../core/rpc.ts'

/** A proposal that was accepted and has no answer yet. */
export interface Pending<R> {
  readonly id: RequestId
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly term: Term
  /** The first of its entries that has not been applied; after firstIndex where a batch ended within the proposal. */
  readonly nextIndex: Index
  /** Of the entries before nextIndex, batch by batch. */
  readonly results: readonly (readonly R[])[]
}

/** The whole proposal is committed and applied: one result per command. */
export interface Completed<R> {
  readonly type: 'completed'
  readonly id: RequestId
  readonly firstIndex: Index
  readonly results: readonly R[]
}

/**
 * `overwritten`: none of its commands has taken effect on any server, and none ever will.
 * `unknown`: its first commands have taken effect and the others never will, or a received snapshot has passed it, in
 * which all, some or none of its commands may have taken effect.
 */
export interface Lost {
  readonly type: 'lost'
  readonly id: RequestId
  readonly reason: 'overwritten' | 'unknown'
}

type Answer<R> = Completed<R> | Lost

/** The proposals that still wait, and the answers to the others. */
type Settled<R> = readonly [waiting: Queue<Pending<R>>, answers: readonly Answer<R>[]]

/**
 * What an applied batch means for the proposals. An entry with the index and the term of a proposal's entry is that
 * entry (Log Matching). Another entry at the first index of a proposal rules all of it out, as does an entry of a later
 * term before it: terms never fall along a log. That this server's log has dropped an entry says nothing: other
 * servers may hold it, and a later leader may commit it.
 *
 * Proposals wait by term, then by index. The first one that waits for entries to come is of the batch's last term or a
 * later one, and so are all behind it, at later indices or of later terms still: they wait, too. A proposal whose
 * place a batch of an earlier term has taken meanwhile is answered when it comes first.
 */
export const settle = <R>(pending: Queue<Pending<R>>, entries: readonly Entry[], results: readonly R[]): Settled<R> => {
  const first = entries[0]
  const last = entries.at(-1)
  if (first === undefined || last === undefined) return [pending, []]
  const resultsOf = resultReader(entries, results)
  const answers: Answer<R>[] = []
  for (let at = 0; ; at++) {
    const proposal = itemAt(pending, at)
    if (proposal === undefined) return [dropOldest(pending, at), answers]
    const { id, term, firstIndex, lastIndex, nextIndex } = proposal
    if (nextIndex > last.index && term >= last.term) return [dropOldest(pending, at), answers]
    const from = nextIndex - first.index
    const to = Math.min(lastIndex, last.index) - first.index + 1
    if (entries[from]?.term !== term || entries[to - 1]?.term !== term) {
      const isUntouched = nextIndex === firstIndex && entries[from]?.term !== term
      answers.push({ type: 'lost', id, reason: isUntouched ? 'overwritten' : 'unknown' })
      continue
    }
    const found = [...proposal.results, resultsOf(from, to)]
    if (lastIndex > last.index) {
      const begun = { ...proposal, nextIndex: successor(last.index), results: found }
      return [replaceOldest(dropOldest(pending, at), begun), answers]
    }
    answers.push({ type: 'completed', id, firstIndex, results: joined(found) })
  }
}

/**
 * What an installed snapshot means for the proposals: it does not say which entries made it. Certain is that it holds
 * nothing of a later term than its own, and that nothing of an earlier term follows it.
 */
export const overtaken = <R>(
  pending: Queue<Pending<R>>,
  { lastIncludedIndex, lastIncludedTerm }: SnapshotMeta,
): Settled<R> => {
  const answers: Answer<R>[] = []
  for (let at = 0; ; at++) {
    const proposal = itemAt(pending, at)
    if (proposal === undefined || (proposal.firstIndex > lastIncludedIndex && proposal.term >= lastIncludedTerm))
      return [dropOldest(pending, at), answers]
    const mayBeIn = proposal.firstIndex <= lastIncludedIndex && proposal.term <= lastIncludedTerm
    answers.push({ type: 'lost', id: proposal.id, reason: mayBeIn ? 'unknown' : 'overwritten' })
  }
}

/**
 * The results of the commands in `entries[from, to)`, all of which are commands. Calls go forward: entries that have no
 * results are counted once for all of them.
 */
const resultReader = <R>(entries: readonly Entry[], results: readonly R[]) => {
  if (results.length === entries.length)
    return (from: number, to: number): readonly R[] =>
      to - from === results.length ? results : results.slice(from, to)
  let at = 0
  let before = 0
  return (from: number, to: number): readonly R[] => {
    for (; at < from; at++) if (entries[at]?.type === 'command') before++
    return results.slice(before, before + to - from)
  }
}
