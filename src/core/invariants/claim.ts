import { InvariantViolation, type Context } from '../assert.ts'
import type { Configuration } from '../membership/configuration.ts'
import type { Message } from '../message.ts'
import type { Output, Save } from '../output.ts'
import type { Rpc } from '../rpc.ts'
import type { RaftState, Server } from '../state.ts'

/** One step, seen from outside: what every claim about a transition looks at. */
export interface Transition {
  readonly before: RaftState
  readonly message: Message
  readonly after: RaftState
  readonly outputs: readonly Output[]
  /** The step's save, if any. */
  readonly save: Save | null
}

/** Asserts one claim about a step; the context is put together only when it does not hold. */
export type Claim = (step: Transition, holds: boolean, sentence: string) => asserts holds

export const claimOf: Claim = ({ before, message, after }, holds, sentence) => {
  if (holds) return
  const input = message.type === 'receive' ? message.rpc : message
  throw new InvariantViolation(sentence, { input, before: summaryOf(before), after: summaryOf(after) })
}

/** Asserts one claim about a state. */
export type StateClaim = (state: RaftState, holds: boolean, sentence: string) => asserts holds

export const claimOfState: StateClaim = (state, holds, sentence) => {
  if (!holds) throw new InvariantViolation(sentence, summaryOf(state))
}

/** The configuration in force, found by the checks for themselves: the reducer's mistake must not excuse itself. */
export const inForce = ({ configurations }: Server): Configuration =>
  configurations.at(-1)?.configuration ?? configurations[0].configuration

/** The numbers that tell most about a state, for error messages. */
export const summaryOf = ({ server, log }: RaftState): Context => ({
  id: server.id,
  role: server.role.type,
  term: server.currentTerm,
  votedFor: server.votedFor,
  base: [log.baseIndex, log.baseTerm],
  snapshot: server.snapshot.lastIncludedIndex,
  lastApplied: server.lastApplied,
  applying: server.applyingIndex,
  commit: server.commitIndex,
  durable: server.durableIndex,
  last: [log.lastIndex, log.lastTerm],
})

/** The rpc this step handles when it is of the given type and of the (new) current term. */
export const currentRpc = <T extends Rpc['type']>(
  { message, after }: Transition,
  type: T,
): Extract<Rpc, { readonly type: T }> | null =>
  message.type === 'receive' && message.rpc.type === type && message.rpc.term === after.server.currentTerm
    ? (message.rpc as Extract<Rpc, { readonly type: T }>)
    : null
