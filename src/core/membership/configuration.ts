import { UsageError } from '../assert.ts'
import type { Index, NodeId } from '../ids.ts'

/**
 * Who belongs to the cluster (section 6). Lists are sorted and free of duplicates.
 * While `votersOutgoing` is not empty the configuration is joint: every decision needs a majority of both lists.
 */
export interface Configuration {
  readonly voters: readonly NodeId[]
  /** The old voters during a joint change (C_old of C_old,new); empty otherwise. */
  readonly votersOutgoing: readonly NodeId[]
  /** They receive the log but neither vote nor count (thesis 4.2.1). */
  readonly learners: readonly NodeId[]
}

/** A configuration and the index of the entry that brought it: 0 for the one a cluster is born with. */
export interface ConfigurationAt {
  readonly index: Index
  readonly configuration: Configuration
}

/**
 * Makes a configuration out of names in any order.
 * @throws UsageError when a list repeats a name, a learner also votes, or a joint configuration has no new voters.
 */
export const configurationOf = (
  voters: readonly NodeId[],
  learners: readonly NodeId[] = [],
  votersOutgoing: readonly NodeId[] = [],
): Configuration => {
  for (const list of [voters, learners, votersOutgoing])
    if (new Set(list).size !== list.length) throw new UsageError('a configuration names each server once', { list })
  if (voters.length === 0 && votersOutgoing.length > 0)
    throw new UsageError('voters give way only to other voters', { votersOutgoing })
  const voting = new Set([...voters, ...votersOutgoing])
  const both = learners.filter((id) => voting.has(id))
  if (both.length > 0) throw new UsageError('a server is either a voter or a learner', { both })
  return { voters: sorted(voters), votersOutgoing: sorted(votersOutgoing), learners: sorted(learners) }
}

const sorted = (names: readonly NodeId[]): readonly NodeId[] => [...names].sort()

/** Whether the server's vote counts, in either half of a joint configuration. */
export const isVoter = (configuration: Configuration, id: NodeId): boolean =>
  configuration.voters.includes(id) || configuration.votersOutgoing.includes(id)

export const isMember = (configuration: Configuration, id: NodeId): boolean =>
  isVoter(configuration, id) || configuration.learners.includes(id)

/** Every server that receives the log, sorted: voters of both halves and learners. */
export const members = (configuration: Configuration): readonly NodeId[] =>
  sorted([...new Set([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners])])

/** Structural equality. */
export const sameConfiguration = (a: Configuration, b: Configuration): boolean =>
  sameNames(a.voters, b.voters) && sameNames(a.votersOutgoing, b.votersOutgoing) && sameNames(a.learners, b.learners)

const sameNames = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a.length === b.length && a.every((id, at) => id === b[at])
