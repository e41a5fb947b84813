import type { Index, NodeId } from '../core/ids.ts'
import type { RequestId } from '../core/message.ts'
import type { ReplicaOutput } from '../machine/replica-state.ts'
import { ClaimViolation, type Ghost } from '../trace/ghost/index.ts'

type Committed = Pick<Ghost, 'commitMax' | 'committedAt'>
type Accepted = Extract<ReplicaOutput<unknown>, { readonly type: 'accepted' }>

/**
 * Judges what servers answer to proposals by what was committed: `completed` where all of it was, `overwritten` where
 * none of it ever can be, once, and as soon as the entries at its indices are applied.
 */
export class ProposalAnswers {
  private readonly ghost: Committed
  private readonly waiting = new Map<NodeId, Map<RequestId, Accepted>>()

  constructor(ghost: Committed) {
    this.ghost = ghost
  }

  /** Sees the outputs of a server, in order. @throws ClaimViolation */
  observe(server: NodeId, output: ReplicaOutput<unknown>): void {
    if (output.type === 'accepted') this.waitingAt(server).set(output.id, output)
    else if (output.type === 'applied') this.applied(server, output.entries[0]?.index ?? 0)
    else if (output.type === 'completed') {
      const { firstIndex, lastIndex, term } = this.take(server, output.id)
      const isCommitted = this.termAt(firstIndex) === term && this.termAt(lastIndex) === term
      const isItsOwn = output.firstIndex === firstIndex && output.results.length === lastIndex - firstIndex + 1
      this.claim(isCommitted && isItsOwn, 'a proposal is completed where all of it was committed', server, output)
    } else if (output.type === 'lost') {
      const proposal = this.take(server, output.id)
      const isTrue = output.reason === 'unknown' || this.isRuledOut(proposal)
      this.claim(isTrue, 'a proposal is overwritten where it never can be committed', server, output)
    }
  }

  /** What waits at a server is volatile. */
  crash(server: NodeId): void {
    this.waiting.delete(server)
  }

  /** Everything before `next` was applied by earlier outputs, and answered. */
  private applied(server: NodeId, next: number): void {
    const lastTerm = this.termAt(next - 1) ?? 0
    for (const proposal of this.waitingAt(server).values()) {
      const isPassed = proposal.lastIndex < next && proposal.term <= lastTerm
      this.claim(!isPassed, 'a proposal is answered when the entries at its indices are applied', server, proposal)
    }
  }

  /** Another entry is committed at its first index, or one of a later term before it: terms never fall along a log. */
  private isRuledOut({ firstIndex, term }: Accepted): boolean {
    const { commitMax } = this.ghost
    const committed = this.termAt(Math.min(firstIndex, commitMax)) ?? 0
    return firstIndex <= commitMax ? committed !== term : committed > term
  }

  private termAt(index: number): number | null {
    return this.ghost.committedAt(index as Index)?.term ?? null
  }

  private waitingAt(server: NodeId): Map<RequestId, Accepted> {
    const known = this.waiting.get(server)
    if (known !== undefined) return known
    const waiting = new Map<RequestId, Accepted>()
    this.waiting.set(server, waiting)
    return waiting
  }

  private take(server: NodeId, id: RequestId): Accepted {
    const waiting = this.waitingAt(server)
    const proposal = waiting.get(id)
    if (proposal === undefined)
      throw new ClaimViolation('LIN', 'only a proposal that waits is answered', { server, request: id })
    waiting.delete(id)
    return proposal
  }

  private claim(holds: boolean, claim: string, server: NodeId, answer: ReplicaOutput<unknown>): void {
    if (!holds) throw new ClaimViolation('LIN', claim, { server, answer })
  }
}
