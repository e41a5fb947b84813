import type { NodeId, Term } from '../../../core/ids.ts'
import type { KvNode, Result } from '../context.ts'
import type { ReplyBody } from '../envelope.ts'
import type { Executor } from './executor.ts'
import { forwardBody, type Task } from './task.ts'

/** A task on its way. */
export interface Errand {
  readonly id: string
  /** Asked for anew whenever the task is sent. */
  readonly task: () => Task
  readonly onResult: (result: Result) => void
  /**
   * It has left this node, or is in its log: somebody may carry it out at any later time. Never taken back, since no
   * refusal speaks for all the copies that a network may have made of it.
   */
  isExposed: boolean
  /** Whom it was brought to last, and when. */
  last: { readonly leader: NodeId; readonly term: Term; readonly atTick: number } | null
}

/**
 * Ticks without an answer after which a task is brought to the same leader once more. It costs little to be early: a
 * leader that is still at it does not start again.
 */
const PATIENCE_TICKS = 50

/**
 * Brings tasks to whoever leads, this node or another: at once to every new leader, and again and again to the same,
 * until there is an answer. Tasks are such that this does no harm.
 */
export class Courier {
  private readonly errands = new Map<string, Errand>()
  private readonly node: KvNode
  private readonly executor: Executor
  private readonly boot: string
  private readonly tell: (to: NodeId, body: ReplyBody) => void
  private sent = 0
  private ticks = 0
  private leader: NodeId | null = null
  private term: Term

  /** `boot` is a name that no other life of any node has. */
  constructor(node: KvNode, executor: Executor, boot: string, tell: (to: NodeId, body: ReplyBody) => void) {
    this.node = node
    this.executor = executor
    this.boot = boot
    this.tell = tell
    this.term = node.replica.raft.server.currentTerm
  }

  send(task: () => Task, onResult: (result: Result) => void): Errand {
    const errand: Errand = { id: `${this.boot}/${++this.sent}`, task, onResult, isExposed: false, last: null }
    this.errands.set(errand.id, errand)
    this.bring(errand)
    return errand
  }

  /** Nobody waits for it any more; it may be carried out all the same. */
  cancel(errand: Errand | null): void {
    if (errand !== null) this.errands.delete(errand.id)
  }

  /** An answer, here or from elsewhere; nothing to those that nobody waits for. */
  answer(id: string, result: Result): void {
    const errand = this.errands.get(id)
    if (errand === undefined) return
    this.errands.delete(id)
    errand.onResult(result)
  }

  /** To be called whenever the node may have found another leader. */
  look(): void {
    const { leaderId, currentTerm } = this.node.replica.raft.server
    if (leaderId === this.leader && currentTerm === this.term) return
    this.leader = leaderId
    this.term = currentTerm
    if (leaderId === null) return
    for (const errand of [...this.errands.values()]) this.bring(errand)
  }

  tick(): void {
    this.ticks++
    for (const errand of [...this.errands.values()])
      if (errand.last === null || this.ticks - errand.last.atTick >= PATIENCE_TICKS) this.bring(errand)
  }

  private bring(errand: Errand): void {
    const { leaderId: leader, currentTerm: term, id: self } = this.node.replica.raft.server
    // It may have been answered, or brought there, by what the ones before it set in motion.
    if (leader === null || !this.errands.has(errand.id)) return
    const { last } = errand
    const isThere = last?.leader === leader && last.term === term && this.ticks - last.atTick < PATIENCE_TICKS
    if (isThere) return
    errand.last = { leader, term, atTick: this.ticks }
    if (leader !== self) {
      errand.isExposed = true
      this.tell(leader, forwardBody(errand.id, errand.task()))
      return
    }
    this.executor.execute(`${self} ${errand.id}`, errand.task(), {
      accepted: () => {
        errand.isExposed = true
      },
      answered: (result) => this.answer(errand.id, result),
    })
  }
}
