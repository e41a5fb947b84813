import type { Entry } from '../core/entry.ts'
import type { Index, Term } from '../core/ids.ts'
import type { RequestId } from '../core/message.ts'

/** A proposal in the log that has not been applied as a whole. */
export interface Pending<R> {
  readonly id: RequestId
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly term: Term
  /** Of its first commands, where a batch of the machine ended within the proposal. */
  readonly results: readonly R[]
}

/** The whole proposal is committed and applied: one result per command. */
export interface Completed<R> {
  readonly type: 'completed'
  readonly id: RequestId
  readonly firstIndex: Index
  readonly results: readonly R[]
}

/** `overwritten`: it did not and will not happen. `unknown`: it may have, in part or as a whole. */
export interface Lost {
  readonly type: 'lost'
  readonly id: RequestId
  readonly reason: 'overwritten' | 'unknown'
}

type Answer<R> = Completed<R> | Lost

/**
 * Finds what an applied batch means for the proposals, which are in the order of their indices. An entry with the
 * proposal's index and term is the proposal's (Log Matching); one of another term has taken its place for good.
 * Returns the proposals that still wait and the answers to the others.
 */
export const settle = <R>(
  pending: readonly Pending<R>[],
  entries: readonly Entry[],
  results: readonly R[],
): readonly [readonly Pending<R>[], readonly Answer<R>[]] => {
  const batch = batchOf(entries, results)
  const answers: Answer<R>[] = []
  let at = 0
  for (; at < pending.length; at++) {
    const proposal = pending[at]
    if (proposal === undefined || proposal.firstIndex > batch.lastIndex) break
    const answer = answerTo(proposal, batch)
    if (answer.type === 'waiting') return [[answer.proposal, ...pending.slice(at + 1)], answers]
    answers.push(answer)
  }
  return [pending.slice(at), answers]
}

/** The proposals that a received snapshot has passed: whether they took effect nobody can tell from it. */
export const overtaken = <R>(
  pending: readonly Pending<R>[],
  upTo: Index,
): readonly [readonly Pending<R>[], readonly Answer<R>[]] => [
  pending.filter(({ firstIndex }) => firstIndex > upTo),
  pending.filter(({ firstIndex }) => firstIndex <= upTo).map(({ id }) => ({ type: 'lost', id, reason: 'unknown' })),
]

interface Batch<R> {
  readonly entries: readonly Entry[]
  readonly firstIndex: number
  readonly lastIndex: number
  /** The results of the commands in entries[from, to). */
  readonly resultsOf: (from: number, to: number) => readonly R[]
}

const batchOf = <R>(entries: readonly Entry[], results: readonly R[]): Batch<R> => {
  const firstIndex = entries[0]?.index ?? 0
  const resultsOf = (from: number, to: number): readonly R[] => {
    if (results.length === entries.length) return to - from === results.length ? results : results.slice(from, to)
    const commands = entries.map(({ type }) => type === 'command')
    const before = commands.slice(0, from).filter(Boolean).length
    return results.slice(before, before + commands.slice(from, to).filter(Boolean).length)
  }
  return { entries, firstIndex, lastIndex: firstIndex + entries.length - 1, resultsOf }
}

const answerTo = <R>(
  proposal: Pending<R>,
  { entries, firstIndex, lastIndex, resultsOf }: Batch<R>,
): Answer<R> | { readonly type: 'waiting'; readonly proposal: Pending<R> } => {
  const from = Math.max(proposal.firstIndex - firstIndex, 0)
  const to = Math.min(proposal.lastIndex, lastIndex) - firstIndex + 1
  if (entries[to - 1]?.term !== proposal.term) {
    const isUntouched = proposal.results.length === 0 && entries[from]?.term !== proposal.term
    return { type: 'lost', id: proposal.id, reason: isUntouched ? 'overwritten' : 'unknown' }
  }
  const found = resultsOf(from, to)
  const results = proposal.results.length === 0 ? found : [...proposal.results, ...found]
  if (proposal.lastIndex > lastIndex) return { type: 'waiting', proposal: { ...proposal, results } }
  return { type: 'completed', id: proposal.id, firstIndex: proposal.firstIndex, results }
}
