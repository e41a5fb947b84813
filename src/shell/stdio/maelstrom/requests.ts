import type { Result } from '../context.ts'
import { ERROR, RequestError, type ReplyBody, type Request } from '../envelope.ts'
import type { Replies } from '../replies.ts'
import type { Courier, Errand } from './courier.ts'
import { replyOf, type Operation } from './operation.ts'
import { Session } from './session.ts'
import type { Task } from './task.ts'

/** Ticks until a request is turned away that could not even be handed to a leader. */
export const UNSENT_TICKS_MAX = 100

/** Ticks until a client is told that nobody knows: sooner than Maelstrom's clients give up, after 5 s. */
export const UNANSWERED_TICKS_MAX = 400

/**
 * Requests that may be open at once, and characters in them, about. A node that is alone lets its input wait at the
 * lower bounds, which is four times what a session has under way; a node among others turns requests away at the upper.
 */
export const OPEN_MAX = { alone: 1024, cluster: 4096 } as const
const OPEN_CHARACTERS_MAX = { alone: 4 << 20, cluster: 64 << 20 } as const

/** A client's request until it is answered. */
interface Open {
  readonly request: Request
  readonly operation: Operation
  readonly sinceTick: number
  readonly characters: number
  /** A write's place in a session; null while it waits for one. */
  ticket: { readonly session: Session; readonly sequence: number } | null
  /** Null while a write waits for its place. */
  errand: Errand | null
}

/**
 * The clients' requests. Every one gets one answer: what came of it, or an error by its deadline. That error is a
 * definite one (temporarily unavailable) only for reads, and for writes that never left this node and are not in its
 * log. Of any other write nobody can tell whether it will take effect, and the error says so (timeout).
 */
export class Requests {
  private readonly courier: Courier
  private readonly replies: Replies
  private readonly missingIsNull: () => boolean
  private readonly boot: string
  private readonly open = new Set<Open>()
  /** Writes that wait for a place in the session, oldest first. */
  private readonly waiting = new Set<Open>()
  private session: Session
  private sessionsBegun = 0
  /** The session that the cluster is being told of. */
  private registering: Session | null = null
  private ticks = 0
  private openCharacters = 0
  private whenLess: (() => void) | null = null

  /** `boot` is a name that no other life of any node has. */
  constructor(courier: Courier, replies: Replies, boot: string, missingIsNull: () => boolean) {
    this.courier = courier
    this.replies = replies
    this.boot = boot
    this.missingIsNull = missingIsNull
    this.session = this.newSession()
  }

  submit(request: Request, operation: Operation): void {
    const characters = charactersIn(operation)
    const open: Open = { request, operation, sinceTick: this.ticks, characters, ticket: null, errand: null }
    this.open.add(open)
    this.openCharacters += characters
    if (operation.op === 'get') return this.send(open, () => ({ type: 'read', key: operation.key }))
    this.waiting.add(open)
    this.sendWaiting()
  }

  /** @throws RequestError when no more requests can be open here. */
  refuseIfFull(): void {
    if (this.isBelow('cluster')) return
    throw new RequestError(ERROR.temporarilyUnavailable, 'too many requests are open at this node; try again later')
  }

  /** When the next request may come; undefined: at once. To be asked after every request. */
  whenRoom(): Promise<void> | undefined {
    if (this.isBelow('alone')) return undefined
    return new Promise((resolve) => {
      this.whenLess = resolve
    })
  }

  tick(): void {
    this.ticks++
    for (const open of [...this.open]) {
      const age = this.ticks - open.sinceTick
      const isSent = open.errand?.isExposed === true
      if (age >= (isSent ? UNANSWERED_TICKS_MAX : UNSENT_TICKS_MAX)) this.giveUp(open)
    }
  }

  /** There will be no more time: answers every request that is open. */
  finish(): void {
    this.waiting.clear()
    for (const open of [...this.open]) this.giveUp(open)
  }

  private send(open: Open, task: () => Task): void {
    open.errand = this.courier.send(task, (result) => this.settle(open, result))
  }

  /** Sends the writes for which there is a place. The first of a session opens it, and waits until it is. */
  private sendWaiting(): void {
    for (const open of this.waiting) {
      const { session } = this
      if (!session.isOpen) return this.register(session)
      const sequence = session.draw()
      if (sequence === null) return
      this.waiting.delete(open)
      open.ticket = { session, sequence }
      this.send(open, () => ({ type: 'propose', command: session.command(sequence, open.operation) }))
    }
  }

  private register(session: Session): void {
    if (this.registering === session) return
    this.registering = session
    this.courier.send(
      () => ({ type: 'propose', command: session.register }),
      ({ type }) => {
        session.isOpen = type === 'registered'
        this.sendWaiting()
      },
    )
  }

  private newSession(): Session {
    return new Session(`${this.boot}/${this.sessionsBegun++}`)
  }

  private settle(open: Open, result: Result): void {
    if (result.type === 'applied') {
      return this.close(open, () => replyOf(open.operation, result.result, this.missingIsNull()))
    }
    // The cluster has forgotten the session. The next writes begin another; this one may have taken effect before.
    if (result.type === 'sessionExpired' && open.ticket?.session === this.session) this.session = this.newSession()
    this.close(open, () => {
      throw new RequestError(ERROR.timeout, `what became of the operation is not known: ${result.type}`)
    })
  }

  private giveUp(open: Open): void {
    this.courier.cancel(open.errand)
    this.close(open, () => {
      throw open.operation.op !== 'get' && open.errand?.isExposed === true
        ? new RequestError(ERROR.timeout, 'no answer from a leader: the operation may still take effect')
        : new RequestError(ERROR.temporarilyUnavailable, 'no leader could be reached')
    })
  }

  private isBelow(bounds: keyof typeof OPEN_MAX): boolean {
    return this.open.size < OPEN_MAX[bounds] && this.openCharacters < OPEN_CHARACTERS_MAX[bounds]
  }

  private close(open: Open, reply: () => ReplyBody): void {
    this.open.delete(open)
    this.waiting.delete(open)
    this.openCharacters -= open.characters
    if (this.isBelow('alone')) {
      this.whenLess?.()
      this.whenLess = null
    }
    try {
      this.replies.reply(open.request, reply())
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.replies.replyError(open.request, error.code, error.message)
    }
    if (open.ticket === null) return
    open.ticket.session.finish(open.ticket.sequence)
    this.sendWaiting()
  }
}

const charactersIn = (value: unknown): number => {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + charactersIn(item), 16)
}
