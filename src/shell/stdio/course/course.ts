import type { Context, Dialect } from '../context.ts'
import { ERROR, RequestError, type Request } from '../envelope.ts'
import { elections } from './elections.ts'
import { handle, type Answer, type Handlers } from './handlers.ts'
import { CourseHost } from './host.ts'
import { leaderChange } from './leader-change.ts'
import { logRequests } from './log-requests.ts'
import { partition } from './partition.ts'
import { isCourseType, type CourseType } from './requests.ts'
import { snapshots } from './snapshots.ts'
import { store } from './store.ts'

/** The course's dialect: one handler a row of its table, all over one replica. */
export class Course implements Dialect {
  private readonly host: CourseHost
  private readonly handlers: Handlers

  constructor(context: Context) {
    this.host = new CourseHost(context)
    this.handlers = { ...elections, ...logRequests, ...leaderChange(), ...snapshots, ...partition, ...store }
  }

  async handle(request: Request): Promise<void> {
    const { type } = request
    if (!isCourseType(type)) {
      this.understand(request)
      return
    }
    const answer = await this.answer(type, request)
    // What the answer tells of is durable before it leaves.
    await this.host.durable()
    if (answer !== null) this.host.context.replies.reply(request, answer)
  }

  finish(): Promise<void> {
    return this.host.idle()
  }

  private answer(type: CourseType, request: Request): Answer | Promise<Answer> {
    return handle(this.handlers, type, this.host, request)
  }

  /** Answers of peers to our own lines. Anything else is nobody's. */
  private understand(request: Request): void {
    const heard = this.host.peers.understand(request)
    if (heard !== null) this.host.node.deliver({ type: 'receive', from: heard.from, rpc: heard.rpc })
    else if (request.inReplyTo === null)
      throw new RequestError(ERROR.notSupported, `there is no request of type ${JSON.stringify(request.type)}`)
  }
}
