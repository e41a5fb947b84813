import type { Configuration } from './configuration.ts'
import type { Index, NodeId } from '../ids.ts'

/** More than half: 1 of 1, 2 of 2, 2 of 3, 3 of 4, 3 of 5. */
export const majority = (size: number): number => Math.floor(size / 2) + 1

export type VoteResult = 'won' | 'lost' | 'pending'

/**
 * Where an election stands. Joint configurations need both majorities (section 6); a half without members
 * is no half. Votes of servers outside the configuration are not counted.
 */
export const voteResult = (
  configuration: Configuration,
  granted: readonly NodeId[],
  rejected: readonly NodeId[],
): VoteResult => {
  const incoming = halfVote(configuration.voters, granted, rejected)
  if (configuration.votersOutgoing.length === 0) return incoming
  const outgoing = halfVote(configuration.votersOutgoing, granted, rejected)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}

const halfVote = (voters: readonly NodeId[], granted: readonly NodeId[], rejected: readonly NodeId[]): VoteResult => {
  const needed = majority(voters.length)
  let yes = 0
  let no = 0
  for (const id of voters) {
    if (granted.includes(id)) yes++
    else if (rejected.includes(id)) no++
  }
  if (yes >= needed) return 'won'
  return voters.length - no < needed ? 'lost' : 'pending'
}

/**
 * The highest index that a quorum has reached, given how far each server has come: the N of Figure 2,
 * "Rules for Servers, Leaders". In a joint configuration, the lower of both halves. 0 without voters.
 * Anything that is counted up serves in place of an index.
 */
export const quorumIndex = <N extends number = Index>(configuration: Configuration, reached: (id: NodeId) => N): N => {
  const incoming = halfIndex(configuration.voters, reached)
  if (configuration.votersOutgoing.length === 0) return incoming
  const outgoing = halfIndex(configuration.votersOutgoing, reached)
  return incoming < outgoing ? incoming : outgoing
}

const halfIndex = <N extends number>(voters: readonly NodeId[], reached: (id: NodeId) => N): N => {
  // Insertion into a short descending list: clusters have at most a handful of voters.
  const descending: N[] = []
  for (const id of voters) {
    const value = reached(id)
    let at = descending.length
    for (; at > 0; at--) {
      const above = descending[at - 1]
      if (above === undefined || above >= value) break
      descending[at] = above
    }
    descending[at] = value
  }
  return descending[majority(voters.length) - 1] ?? (0 as N)
}
