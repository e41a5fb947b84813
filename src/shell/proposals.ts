import { UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { successor } from '../core/ids.ts'
import type { Message, RequestId } from '../core/message.ts'
import { checkProposal } from '../core/propose.ts'
import type { ReplicaOutput } from '../machine/replica-state.ts'

/*
 * Proposals that come while the disk writes wait for it, and become one: one step, one save, and one AppendEntries for
 * each follower, however many clients they are from. Its answer is taken apart again: each proposal gets its own.
 */

export type Proposal = Extract<Message, { type: 'propose' }>

/** What the names of joint proposals begin with: answers find their way by names, so no caller may use one. */
const JOINT = 'joint proposal '

/** Commands that wait at most: a step over more takes longer than it saves. */
const GATHERED_MAX = 1024

/** @throws UsageError for a name that a joint proposal may have. */
export const checkName = (id: RequestId): void => {
  if (typeof id === 'string' && id.startsWith(JOINT))
    throw new UsageError(`names that begin with "${JOINT}" are the node's own`, { id })
}

export class Proposals<R> {
  private readonly propose: (proposal: Proposal) => void
  private waiting: Proposal[] = []
  private commands = 0
  /** Joint proposals that have no answer yet, by name. */
  private readonly joint = new Map<RequestId, readonly Proposal[]>()
  private lastNumber = 0

  /** @param propose takes the step at once */
  constructor(propose: (proposal: Proposal) => void) {
    this.propose = propose
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  get isFull(): boolean {
    return this.commands >= GATHERED_MAX
  }

  /** @throws UsageError for one that the core would throw at: its sender is still there to hear of it. */
  add(proposal: Proposal): void {
    checkProposal(proposal)
    this.waiting.push(proposal)
    this.commands += proposal.commands.length
  }

  /** Proposes everything that waits: a single one as it came. */
  flush(): void {
    const parts = this.waiting
    const [first] = parts
    if (first === undefined) return
    this.forgetWaiting()
    if (parts.length === 1) return this.propose(first)
    const id = `${JOINT}${++this.lastNumber}`
    this.joint.set(id, parts)
    const commands: JsonValue[] = []
    for (const part of parts) for (const command of part.commands) commands.push(command)
    this.propose({ type: 'propose', id, commands })
    // It was refused as a whole, and has changed nothing: some of them may be accepted.
    if (!this.joint.has(id)) for (const part of parts) this.propose(part)
  }

  /** The outputs of a step, with the answers to joint proposals taken apart, and without refusals of these. */
  apart(outputs: readonly ReplicaOutput<R>[]): readonly ReplicaOutput<R>[] {
    if (this.joint.size === 0) return outputs
    return outputs.flatMap((output) => this.partsOf(output))
  }

  forgetWaiting(): void {
    this.waiting = []
    this.commands = 0
  }

  /** The replica that would answer is gone. */
  forgetJoint(): void {
    this.joint.clear()
  }

  private partsOf(output: ReplicaOutput<R>): ReplicaOutput<R> | readonly ReplicaOutput<R>[] {
    if (
      output.type !== 'accepted' &&
      output.type !== 'refused' &&
      output.type !== 'completed' &&
      output.type !== 'lost'
    )
      return output
    const parts = this.joint.get(output.id)
    if (parts === undefined) return output
    if (output.type !== 'accepted') this.joint.delete(output.id)
    if (output.type === 'refused') return []
    let end = 0
    return parts.map(({ id, commands }) => {
      const from = end
      end += commands.length
      return partOf(output, id, from, end)
    })
  }
}

type Answer<R> = Extract<ReplicaOutput<R>, { type: 'accepted' | 'completed' | 'lost' }>

/** The answer to the commands [from, to) of a joint proposal. What is lost in part counts as unknown for every part. */
const partOf = <R>(answer: Answer<R>, id: RequestId, from: number, to: number): Answer<R> => {
  if (answer.type === 'lost') return { ...answer, id }
  const firstIndex = successor(answer.firstIndex, from)
  return answer.type === 'accepted'
    ? { ...answer, id, firstIndex, lastIndex: successor(answer.firstIndex, to - 1) }
    : { ...answer, id, firstIndex, results: answer.results.slice(from, to) }
}
