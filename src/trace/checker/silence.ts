import type { Message } from '../../core/message.ts'
import type { Output } from '../../core/output.ts'
import type { RaftState } from '../../core/state.ts'
import type { Judge } from './violation.ts'
import { inForce, type Witness } from './witness.ts'

/**
 * With checkQuorum a server casts no new vote for an election timeout after a message of a leader (thesis 4.2.3): VO. A
 * leader's lease rests on it. Counted from the messages and ticks of a server, not from its own timers.
 */
export class Silence {
  private readonly judge: Judge

  constructor(judge: Judge) {
    this.judge = judge
  }

  /** @param isRestart the leader may have been heard right before, and that is not on the disk */
  started(witness: Witness, isRestart: boolean): void {
    const { server, options } = witness.state
    const { stickyTicks, currentTerm } = server
    witness.ticksSinceLeader = isRestart && currentTerm > 0 ? 0 : Infinity
    if (!isRestart && stickyTicks > 0) witness.ticksSinceLeader = options.electionTimeoutTicks - stickyTicks
  }

  step(witness: Witness, before: RaftState, message: Message, outputs: readonly Output[]): void {
    if (message.type === 'tick') witness.ticksSinceLeader++
    if (castsVote(before, outputs)) this.check(witness, before)
    if (message.type !== 'receive') return
    const { type, term } = message.rpc
    const isOfLeader = type === 'AppendEntries' || type === 'InstallSnapshot'
    const { server } = witness.state
    if (isOfLeader && term === server.currentTerm && server.leaderId === message.from) witness.ticksSinceLeader = 0
  }

  private check({ id, state, ticksSinceLeader }: Witness, before: RaftState): void {
    const { checkQuorum, electionTimeoutTicks } = state.options
    const { voters, votersOutgoing } = inForce(state.server)
    const isAlone = voters.length === 1 && votersOutgoing.length === 0 && voters[0] === id
    if (!checkQuorum || isAlone) return
    if (before.server.role.type === 'leader' || ticksSinceLeader < electionTimeoutTicks)
      this.judge.refute('VO', 'no vote is cast while the leader is heard', { id, ticksSinceLeader })
  }
}

/** A vote for itself counts: a lease may rest on the silence of the one that campaigns. */
const castsVote = ({ server }: RaftState, outputs: readonly Output[]): boolean =>
  outputs.some(
    (output) =>
      output.type === 'save' &&
      output.hardState !== null &&
      output.hardState.votedFor !== null &&
      (output.hardState.currentTerm > server.currentTerm || server.votedFor === null),
  )
