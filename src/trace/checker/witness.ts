import type { NodeId, ObjectId, Term } from '../../core/ids.ts'
import type { Configuration } from '../../core/membership/configuration.ts'
import { TERM_ZERO } from '../../core/ids.ts'
import type { RaftState, Server } from '../../core/state.ts'
import { Durable } from './durable.ts'

/** One server over all its lives, as the ghost knows it. */
export class Witness {
  readonly id: NodeId
  state: RaftState
  durable: Durable
  isUp = true
  /** The latest term it ever spoke of. */
  termSpoken: Term = TERM_ZERO
  /** How far its state machine has been fed. */
  fed: number
  /**
   * The objects it has received, by snapshot: those of an earlier one come back in force if a crash loses the first
   * object of a later one before it reaches the disk.
   */
  readonly receptions = new Map<string, Map<ObjectId, string>>()
  /** Its ticks since the last message of a leader; none was heard: Infinity. */
  ticksSinceLeader = Infinity
  /** It restarted in the middle of a transfer, which has not gone on yet. */
  isResuming = false

  constructor(state: RaftState) {
    this.id = state.server.id
    this.state = state
    this.durable = new Durable(state)
    const { receiving, applyingIndex } = state.server
    this.fed = receiving?.phase === 'install' ? receiving.snapshot.lastIncludedIndex : applyingIndex
  }
}

/** The latest configuration in a server's log (section 6). */
export const inForce = ({ configurations }: Pick<Server, 'configurations'>): Configuration =>
  (configurations.at(-1) ?? configurations[0]).configuration

/** What all parts of the ghost see: every server there ever was. */
export type Witnesses = ReadonlyMap<NodeId, Witness>
