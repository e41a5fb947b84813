import type { Configuration } from '../../core/membership/configuration.ts'
import type { NodeId } from '../../core/ids.ts'

/*
 * Quorums by their definition, apart from those that the core computes: a mistake there must not excuse itself.
 */

/** More than half of the voters, and in a joint configuration of the outgoing ones, too (section 6). */
export const isQuorum = ({ voters, votersOutgoing }: Configuration, isIn: (id: NodeId) => boolean): boolean =>
  isMajority(voters, isIn) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, isIn))

const isMajority = (half: readonly NodeId[], isIn: (id: NodeId) => boolean): boolean => {
  let count = 0
  for (const id of half) if (isIn(id)) count++
  return count * 2 > half.length
}

/** The highest number that a quorum has reached; 0 where none has. */
export const reachedByQuorum = (configuration: Configuration, reached: (id: NodeId) => number): number => {
  let highest = 0
  for (const id of [...configuration.voters, ...configuration.votersOutgoing]) {
    const number = reached(id)
    if (number > highest && isQuorum(configuration, (other) => reached(other) >= number)) highest = number
  }
  return highest
}
