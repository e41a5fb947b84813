import type { JsonValue } from '../core/entry.ts'
import type { Index, NodeId } from '../core/ids.ts'
import type { RequestId } from '../core/message.ts'
import type { SnapshotMeta } from '../core/rpc.ts'
import type { ReplicaOutput } from '../machine/replica-state.ts'
import { ClaimViolation, type Ghost } from '../trace/checker/index.ts'

type Committed = Pick<Ghost, 'commitMax' | 'committedAt'>
type Accepted = Extract<ReplicaOutput<unknown>, { readonly type: 'accepted' }>
type Completed = Extract<ReplicaOutput<unknown>, { readonly type: 'completed' }>
type Commands = readonly JsonValue[]

/** What one server was asked to propose in this life, and what it owes an answer for. */
class Desk {
  readonly asked = new Map<RequestId, Commands>()
  readonly waiting = new Map<RequestId, { readonly accepted: Accepted; readonly commands: Commands }>()
  /** The latest snapshot of another server that its machine was given. */
  installed: SnapshotMeta | null = null
}

/**
 * Judges what servers answer to proposals, by id, against what they were asked and what was committed: `completed` where
 * all of it was, `overwritten` where none of it ever can be, `unknown` only where neither holds or a snapshot hides it;
 * once, and as soon as the entries at its indices are applied. Since an index is committed once (SMS), what is
 * overwritten is never applied, and what its proposer applies is completed.
 */
export class ProposalAnswers {
  private readonly ghost: Committed
  private readonly desks = new Map<NodeId, Desk>()

  constructor(ghost: Committed) {
    this.ghost = ghost
  }

  /** A server is asked to propose. Ids are those of one proposal each. */
  asked(server: NodeId, id: RequestId, commands: Commands): void {
    this.deskOf(server).asked.set(id, commands)
  }

  /** A server's machine is given a snapshot, which does not say what made it. */
  installing(server: NodeId, snapshot: SnapshotMeta): void {
    this.deskOf(server).installed = snapshot
  }

  /** Sees the outputs of a server, in order. @throws ClaimViolation */
  observe(server: NodeId, output: ReplicaOutput<unknown>): void {
    const desk = this.deskOf(server)
    switch (output.type) {
      case 'accepted':
        return this.accept(server, desk, output)
      case 'refused':
        claim(!desk.waiting.has(output.id), 'a proposal that was accepted is not refused', server, output)
        desk.asked.delete(output.id)
        return
      case 'applied':
        // Everything before these entries was applied by earlier outputs, and answered.
        return this.ended(server, (output.entries[0]?.index ?? 1) - 1)
      case 'completed':
        return claim(
          this.isCompleted(server, desk, output),
          'a proposal is completed where all of it is committed',
          server,
          output,
        )
      case 'lost': {
        const { accepted } = take(server, desk, output.id)
        if (output.reason === 'overwritten')
          return claim(
            this.isRuledOut(accepted),
            'a proposal is overwritten where it never can be committed',
            server,
            output,
          )
        const isUnknown = this.isInPart(accepted) || mayCover(desk.installed, accepted)
        return claim(
          isUnknown,
          'its outcome is unknown where it is committed in part, or covered by a snapshot',
          server,
          output,
        )
      }
      case 'save':
      case 'send':
      case 'note':
      case 'continue':
      case 'readable':
      case 'saveSnapshot':
      case 'storeObject':
        return
    }
  }

  /** A server has applied so much: what was proposed up to there is answered. @throws ClaimViolation */
  ended(server: NodeId, applied: number): void {
    const lastTerm = this.termAt(applied) ?? 0
    for (const { accepted } of this.deskOf(server).waiting.values()) {
      const isPassed = accepted.lastIndex <= applied && accepted.term <= lastTerm
      claim(!isPassed, 'a proposal is answered when the entries at its indices are applied', server, accepted)
    }
  }

  /** What waits at a crash is never answered. */
  crash(server: NodeId): void {
    this.desks.delete(server)
  }

  private accept(server: NodeId, { asked, waiting }: Desk, accepted: Accepted): void {
    const { id, firstIndex, lastIndex } = accepted
    const commands = asked.get(id)
    asked.delete(id)
    const isWhole = commands?.length === lastIndex - firstIndex + 1
    claim(isWhole, 'a server accepts what was asked, as a whole', server, accepted)
    if (commands !== undefined) waiting.set(id, { accepted, commands })
  }

  private isCompleted(server: NodeId, desk: Desk, { id, firstIndex, results }: Completed): boolean {
    const { accepted, commands } = take(server, desk, id)
    return (
      firstIndex === accepted.firstIndex &&
      results.length === commands.length &&
      commands.every((command, at) => this.isCommitted(firstIndex + at, accepted.term, command))
    )
  }

  private isCommitted(at: number, term: number, command: JsonValue): boolean {
    const entry = this.ghost.committedAt(at as Index)
    if (entry?.type !== 'command' || entry.term !== term) return false
    return entry.command === command || JSON.stringify(entry.command) === JSON.stringify(command)
  }

  /** Another entry is committed at its first index, or one of a later term before it: terms never fall along a log. */
  private isRuledOut({ firstIndex, term }: Accepted): boolean {
    const { commitMax } = this.ghost
    const committed = this.termAt(Math.min(firstIndex, commitMax)) ?? 0
    return firstIndex <= commitMax ? committed !== term : committed > term
  }

  /** Its first entry is committed, and another one at an index of its later ones. */
  private isInPart({ firstIndex, lastIndex, term }: Accepted): boolean {
    return this.termAt(firstIndex) === term && this.termAt(Math.min(lastIndex, this.ghost.commitMax)) !== term
  }

  private termAt(index: number): number | null {
    return this.ghost.committedAt(index as Index)?.term ?? null
  }

  private deskOf(server: NodeId): Desk {
    const known = this.desks.get(server)
    if (known !== undefined) return known
    const desk = new Desk()
    this.desks.set(server, desk)
    return desk
  }
}

const take = (server: NodeId, { waiting }: Desk, id: RequestId) => {
  const proposal = waiting.get(id)
  if (proposal === undefined)
    throw new ClaimViolation('LIN', 'only a proposal that waits is answered', { server, request: id })
  waiting.delete(id)
  return proposal
}

/** Whether entries of the proposal may be among those that made the snapshot. */
const mayCover = (snapshot: SnapshotMeta | null, { firstIndex, term }: Accepted): boolean =>
  snapshot !== null && firstIndex <= snapshot.lastIncludedIndex && term <= snapshot.lastIncludedTerm

const claim = (holds: boolean, sentence: string, server: NodeId, answer: ReplicaOutput<unknown>): void => {
  if (!holds) throw new ClaimViolation('LIN', sentence, { server, answer })
}
