import { randomUUID } from 'node:crypto'
import { optionsOf, type Options } from '../../../core/config.ts'
import type { NodeId } from '../../../core/ids.ts'
import type { Note } from '../../../core/output.ts'
import type { ReplicaMessage } from '../../../machine/replica-state.ts'
import { Ticks, type Clock } from '../../clock.ts'
import { promised } from '../../storage/disk-queue.ts'
import type { NodeOutput } from '../../node.ts'
import { decodeRpc, encodeRpc } from '../../../codec/rpc.ts'
import { openNode, type Context, type Dialect, type KvNode, type Result } from '../context.ts'
import { isBetweenNodes, type ReplyBody, type Request } from '../envelope.ts'
import { Courier } from './courier.ts'
import { Executor } from './executor.ts'
import { operationOf } from './operation.ts'
import { Requests, UNANSWERED_TICKS_MAX } from './requests.ts'
import { forwardedBody, readForward, readForwarded } from './task.ts'

export const TICK_MILLISECONDS = 10

/** Elections after 150–300 ms of silence, as the paper proposes (section 9.3). */
export const MAELSTROM_OPTIONS: Partial<Options> = {
  electionTimeoutTicks: 15,
  heartbeatTicks: 5,
  preVote: true,
  checkQuorum: true,
  noopOnElection: true,
}

/** Options for another election timeout, rounded up to ticks; heartbeats keep their pace, or three of them fit in. */
export const withElectionTimeout = (milliseconds: number): Partial<Options> => {
  const electionTimeoutTicks = Math.ceil(milliseconds / TICK_MILLISECONDS)
  return { electionTimeoutTicks, heartbeatTicks: Math.min(5, Math.max(1, Math.floor(electionTimeoutTicks / 3))) }
}

export interface MaelstromSettings {
  /** Whether a read of a missing key is answered by null, as the course does it, not by an error. Default: never. */
  readonly missingReadsNull?: () => boolean
  /** A name that no other life of any node has. Default: a random one. */
  readonly boot?: string
}

/**
 * A node of a real cluster, in Maelstrom's words: linearizable read, write and cas at any node, in real time.
 *
 * Whoever gets a request sees it through, by asking whoever leads (Courier) until there is an answer or the deadline
 * has come (Requests). Commands are numbered by a session of the node, so that asking twice is harmless. The leader
 * carries them out (Executor): writes through the log, reads by ReadIndex, never from a state that may be old.
 */
export class Maelstrom implements Dialect {
  private readonly context: Context
  private readonly node: KvNode
  private readonly executor: Executor
  private readonly courier: Courier
  private readonly requests: Requests
  private readonly stopTicking: () => void
  /** Time as requests count it; the node counts its own. */
  private readonly ticks: Ticks

  /** `options` take the place of {@link MAELSTROM_OPTIONS}, and of the defaults. */
  constructor(context: Context, clock: Clock, options: Partial<Options> = {}, settings: MaelstromSettings = {}) {
    const { missingReadsNull = () => false, boot = randomUUID() } = settings
    this.context = context
    const chosen = { ...MAELSTROM_OPTIONS, ...options }
    const owedMax = 2 * optionsOf(chosen).electionTimeoutTicks
    this.ticks = new Ticks(clock, TICK_MILLISECONDS, UNANSWERED_TICKS_MAX)
    this.node = openNode(
      context,
      chosen,
      {
        send: (to, rpc) => this.tell(to, { type: 'raft', rpc: encodeRpc(rpc) }),
        output: (output) => this.hear(output),
      },
      new Ticks(clock, TICK_MILLISECONDS, owedMax),
    )
    this.executor = new Executor(this.node)
    this.courier = new Courier(this.node, this.executor, boot, (to, body) => this.tell(to, body))
    this.requests = new Requests(this.courier, context.replies, boot, missingReadsNull)
    this.stopTicking = clock.every(TICK_MILLISECONDS, () => this.tick())
    // Alone there is nobody to wait for.
    if (context.nodeIds.length === 1) this.deliver({ type: 'campaign' })
  }

  /** A client's read, write or cas, or a word from another node. @throws RequestError for a client's bad request. */
  handle(request: Request): Promise<void> | undefined {
    if (isBetweenNodes(request.type)) {
      this.handleFromNode(request)
      return undefined
    }
    const operation = operationOf(request)
    // The answers of other nodes come on the same input: only a node that is alone can let it wait.
    const isAlone = this.context.nodeIds.length === 1
    if (!isAlone) this.requests.refuseIfFull()
    this.requests.submit(request, operation)
    return isAlone ? this.requests.whenRoom() : undefined
  }

  async finish(): Promise<void> {
    this.stopTicking()
    // What only waits for this node's disk can still be answered by what came of it.
    await this.whenIdle()
    this.requests.finish()
    await this.whenIdle()
  }

  private async whenIdle(): Promise<void> {
    await promised((callback) => this.node.whenIdle(callback))
    this.courier.look()
  }

  private tick(): void {
    try {
      this.node.catchUp()
      this.courier.look()
      for (let due = this.ticks.due(); due > 0; due--) {
        this.courier.tick()
        this.requests.tick()
      }
    } catch (error) {
      // Nobody called who could hear of it: a broken invariant ends the node.
      this.stopTicking()
      this.context.failed(error)
    }
  }

  private deliver(message: ReplicaMessage): void {
    this.node.deliver(message)
    this.courier.look()
  }

  /** Bad messages are dropped: nothing here relies on one that arrives. */
  private handleFromNode(request: Request): void {
    const from = this.context.nodeIds.find((id) => id === request.src)
    const problem =
      from === undefined || from === this.context.nodeId ? 'not from another node' : this.handleFrom(from, request)
    if (problem !== null) this.context.log(`dropped ${request.type} from ${request.src}: ${problem}`)
  }

  /** What is wrong with the message; null when it has been handled. */
  private handleFrom(from: NodeId, request: Request): string | null {
    switch (request.type) {
      case 'raft': {
        const decoded = decodeRpc(request.body['rpc'])
        if ('error' in decoded) return decoded.error
        this.deliver({ type: 'receive', from, rpc: decoded.rpc })
        return null
      }
      case 'forward': {
        const forward = readForward(request)
        if (forward === null) return 'malformed'
        const { id, task } = forward
        this.executor.execute(`${from} ${id}`, task, {
          answered: (result) => this.tell(from, forwardedBody(id, result)),
        })
        return null
      }
      default: {
        const forwarded = readForwarded(request)
        if (forwarded === null) return 'malformed'
        this.courier.answer(forwarded.id, forwarded.result)
        return null
      }
    }
  }

  /** Drops the message while the output is not read: each may be lost, and time goes on making new ones. */
  private tell(to: NodeId, body: ReplyBody): void {
    if (!this.context.backlog.isFull) this.context.replies.tell(to, body)
  }

  private hear(output: NodeOutput<Result>): void {
    this.executor.handle(output)
    if (output.type === 'note') this.handleNote(output)
  }

  private handleNote(note: Note): void {
    switch (note.event) {
      case 'became':
        this.context.log(`${note.role} in term ${note.term}`)
        return this.courier.look()
      case 'transferStarted':
        return this.context.log(`sending a snapshot to ${note.to}`)
      case 'snapshotAdopted':
        return this.context.log(`adopted a snapshot up to ${note.index}`)
      case 'snapshotFailed':
      case 'objectRejected':
        return this.context.log(`${note.event}: ${note.reason}`)
      case 'contradiction':
        return this.context.log(`${note.contradiction}, from ${note.from}`)
      case 'ignored':
        // Late and repeated messages are the network's daily business.
        return
    }
  }
}
