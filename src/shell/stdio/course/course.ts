import type { Context, Dialect } from '../context.ts'
import { ERROR, RequestError, type Request } from '../envelope.ts'
import { elections } from './elections.ts'
import { handle, type Answer, type Handlers } from './handlers.ts'
import { CourseHost } from './host.ts'
import { Later, type Ending } from './later.ts'
import { leaderChange } from './leader-change.ts'
import { logRequests } from './log-requests.ts'
import { partitionWith, type PartitionTester } from './partition.ts'
import { isCourseType } from './requests.ts'
import { snapshots } from './snapshots.ts'
import { store } from './store.ts'

/** The course's dialect: one handler a row of its table, all over one replica. */
export class Course implements Dialect {
  private readonly host: CourseHost
  private readonly handlers: Handlers

  constructor(context: Context, partitionTest: PartitionTester) {
    this.host = new CourseHost(context)
    const partition = partitionWith(partitionTest)
    this.handlers = { ...elections, ...logRequests, ...leaderChange(), ...snapshots, ...partition, ...store }
  }

  async handle(request: Request): Promise<void> {
    const { type } = request
    if (!isCourseType(type)) {
      this.understand(request)
      return
    }
    const made = await handle(this.handlers, type, this.host, request)
    const answer = made instanceof Later ? made : Later.of(made)
    const isReplied = new Promise<void>((resolve) => {
      answer.whenSettled((ending) => {
        // What the answer rests on is durable before it leaves; a node whose disk has failed answers nothing.
        this.host.node.whenDurable((error) => {
          if (error === null) this.reply(request, ending)
          resolve()
        })
      })
    })
    if (!answer.isOpen) await isReplied
  }

  async finish(): Promise<void> {
    await this.host.idle()
    this.host.giveUp()
    await this.host.idle()
  }

  private reply(request: Request, ending: Ending<Answer>): void {
    const { context } = this.host
    if ('error' in ending) context.refuse(request, ending.error)
    else if (ending.value !== null) context.replies.reply(request, ending.value)
  }

  /** Answers of peers to our own lines. Anything else is nobody's. */
  private understand(request: Request): void {
    const heard = this.host.peers.understand(request)
    if (heard !== null) this.host.node.deliver({ type: 'receive', from: heard.from, rpc: heard.rpc })
    else if (request.inReplyTo === null)
      throw new RequestError(ERROR.notSupported, `there is no request of type ${JSON.stringify(request.type)}`)
  }
}
