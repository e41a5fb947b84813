import type { JsonValue } from '../../core/entry.ts'
import type { ReplyBody, Request } from './envelope.ts'

/** Unsolicited messages that may wait. Later ones are lost, as on a network: nothing relies on the arrival of one. */
export const WAITING_MAX = 1 << 17

/**
 * Everything the node says. All lines are numbered by one counter from 0 up, whatever they are. What nobody asked for
 * waits until the lines read so far have been handled: a grader that feeds a few lines at once gets its answers first.
 */
export class Replies {
  private nextId = 0
  private waiting: { readonly dest: string; readonly body: ReplyBody; readonly onSent: (msgId: number) => void }[] = []
  private isHolding = false
  /** Null until `init`: a reply then comes from the name that the request was sent to. */
  private nodeId: string | null
  private readonly write: (line: string) => void

  constructor(nodeId: string | null, write: (line: string) => void) {
    this.nodeId = nodeId
    this.write = write
  }

  /** Answers a request. A sender that gave no msg_id gets an answer that names none. */
  reply(to: Request, body: ReplyBody): void {
    this.line(this.nodeId ?? to.dest, to.src, to.msgId, body)
  }

  replyError(to: Request, code: number, text: string): void {
    this.reply(to, { type: 'error', code, text })
  }

  /** The node has a name from now on. */
  named(nodeId: string): void {
    this.nodeId = nodeId
  }

  /** Says something that is no answer. `onSent` learns the line's number, to know the answer by. */
  tell(dest: string, body: ReplyBody, onSent: (msgId: number) => void = () => undefined): void {
    if (this.waiting.length >= WAITING_MAX) return
    this.waiting.push({ dest, body, onSent })
    if (!this.isHolding) this.flush()
  }

  /** From now on only answers go out. */
  hold(): void {
    this.isHolding = true
  }

  /** The lines read so far have been handled: the rest may go out. */
  release(): void {
    this.isHolding = false
    this.flush()
  }

  private flush(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const { dest, body, onSent } of waiting) onSent(this.line(this.nodeId ?? '', dest, null, body))
  }

  /** The fields that every line has come first, in the order of the course's samples. */
  private line(src: string, dest: string, inReplyTo: number | string | null, { type, ...fields }: ReplyBody): number {
    const msgId = this.nextId++
    const head = inReplyTo === null ? { type } : { type, in_reply_to: inReplyTo }
    const body: Readonly<Record<string, JsonValue>> = { ...head, msg_id: msgId, ...fields }
    const line = JSON.stringify({ src, dest, body })
    // The number of a request that is too large for a double goes back digit by digit.
    this.write(typeof inReplyTo === 'string' ? line.replace(/"in_reply_to":"([^"]*)"/, '"in_reply_to":$1') : line)
    return msgId
  }
}
