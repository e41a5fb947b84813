import * as v from 'valibot'
import { configurationOf, sameConfiguration } from '../../core/membership/configuration.ts'
import { INDEX_ZERO, TERM_ZERO, nodeId, type NodeId } from '../../core/ids.ts'
import { birthSnapshot } from '../../core/start.ts'
import type { Options } from '../../core/config.ts'
import { seedFrom } from '../../core/random.ts'
import type { Clock } from '../clock.ts'
import type { TraceSink } from '../observer.ts'
import { StorageError, type Storage, type Stored } from '../storage/storage.ts'
import type { Context, Dialect } from './context.ts'
import { Course } from './course/course.ts'
import type { PartitionTester } from './course/partition.ts'
import { fieldsOf, isCourseType } from './course/requests.ts'
import {
  ERROR,
  RequestError,
  checkRequest,
  excerpt,
  isBetweenNodes,
  jsonLength,
  parseLine,
  refusalOf,
  type Request,
} from './envelope.ts'
import { NAMES_MAX } from './lines.ts'
import { Maelstrom } from './maelstrom/maelstrom.ts'
import { operationOf } from './maelstrom/operation.ts'
import { Replies } from './replies.ts'
import type { Backlog } from './streams.ts'

export interface StdioOptions {
  /** Writes one line to the grader. */
  readonly write: (line: string) => void
  /** What of it has not been read yet. */
  readonly backlog: Backlog
  /** Writes one line for people. */
  readonly log: (text: string) => void
  /** Opens what the node remembers, once its name is known. */
  readonly openStorage: () => Promise<Storage>
  /** The disk failed: nothing can be promised any more. */
  readonly failed: (error: unknown) => void
  readonly clock: Clock
  readonly seed: number
  /** `auto` decides by the first requests: see {@link StdioNode}. */
  readonly mode: 'auto' | 'course' | 'maelstrom'
  /** Milliseconds of silence after which a node of several takes part in elections unasked; null: never. */
  readonly quietMs: number | null
  /**
   * Opens what everything that the core does is recorded in; null: nothing is. Not called before the storage is open:
   * a node that is refused its directory leaves the trace of the one that uses it alone.
   */
  readonly openTrace: (() => TraceSink) | null
  /** Answers the course's `partition_test`. */
  readonly partitionTest: PartitionTester
  /** Options of the core in Maelstrom's dialect. */
  readonly raft: Partial<Options>
}

const INIT = v.object({
  node_id: v.pipe(v.string(), v.nonEmpty()),
  node_ids: v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.minLength(1)),
})

const LIN_KV: ReadonlySet<string> = new Set(['read', 'write', 'cas'])

/**
 * The node that a grader drives: JSON lines in, JSON lines out, two dialects over one core.
 *
 * How they are told apart: a request that only the course has (`become_leader`, `seed_*`, `raft_append`, …) makes the
 * conversation a course's, in which no real time passes. A node-to-node message of Maelstrom's kind, or a `read`,
 * `write` or `cas` on a node of several, makes it Maelstrom's, in which elections run in real time. On a node that is
 * alone `read` and `write` are the course's, where a missing key reads as null, unless a key is not a string or a `cas`
 * has come, which only Maelstrom has. A node of several that nobody asks anything starts in real time by itself after
 * a while. A request whose fields are wrong makes no choice. Once made, the choice stands.
 */
export class StdioNode {
  private readonly options: StdioOptions
  /** Numbers every line from the first on, errors before `init` included. */
  private readonly replies: Replies
  private context: Context | null = null
  private dialect: Dialect | null = null
  private readonly endings: (() => void)[] = []
  private stopQuiet: () => void = () => undefined
  /** Lines are handled one after the other. */
  private tail: Promise<void> = Promise.resolve()
  /** Whether the input has ended or the disk has failed. Nothing is handled after that: an answer would be a promise. */
  private isOver = false

  constructor(options: StdioOptions) {
    this.options = options
    this.replies = new Replies(null, options.write)
  }

  /** Handles a line, after those before it; `done` is called after that. */
  line(text: string, done: () => void = () => undefined): void {
    void this.enqueue(async () => {
      const { backlog } = this.options
      if (backlog.isFull) await backlog.whenRoom()
      await this.handleLine(text)
    }).then(done)
  }

  /** No more lines have come for now: what nobody asked for may go out. */
  drained(): void {
    void this.enqueue(() => this.context?.replies.release())
  }

  /** The input is closed: resolves when everything read is answered and durable. */
  async end(): Promise<void> {
    this.stopQuiet()
    await this.enqueue(async () => {
      // Once more: an `init` that was still being handled has begun to wait since, perhaps long enough to have queued.
      this.stopQuiet()
      this.isOver = true
      await this.dialect?.finish()
      this.context?.replies.release()
      for (const callback of this.endings) callback()
      await this.context?.storage.close()
    })
  }

  private enqueue(action: () => Promise<void> | void): Promise<void> {
    this.tail = this.tail.then(() => (this.isOver ? undefined : action())).catch((error: unknown) => this.fail(error))
    return this.tail
  }

  private fail(error: unknown): void {
    this.isOver = true
    this.options.failed(error)
  }

  private async handleLine(text: string): Promise<void> {
    const parsed = parseLine(text)
    if ('problem' in parsed) {
      this.options.log(`ignored a line, as ${parsed.problem}: ${excerpt(text)}`)
      return
    }
    const { request } = parsed
    this.context?.replies.hold()
    try {
      checkRequest(request, this.context?.nodeId ?? request.dest)
      await (request.type === 'init' ? this.init(request) : this.dispatch(request))
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.refuse(request, error)
    }
  }

  private refuse(request: Request, { code, message }: RequestError): void {
    this.options.log(`refused ${request.type || 'a request without a type'} from ${request.src}: ${message}`)
    // An answer wants no answer, nor does what has no number and comes from a node: two nodes must not go on for ever.
    const isFromNode = this.context?.nodeIds.some((id) => id === request.src) === true
    if (request.inReplyTo !== null || isBetweenNodes(request.type) || (isFromNode && request.msgId === null)) return
    this.replies.replyError(request, code, message)
  }

  private async init(request: Request): Promise<void> {
    const fields = v.safeParse(INIT, request.body, { abortEarly: true })
    if (!fields.success) throw malformed('init', fields.issues[0])
    const { node_id: id, node_ids: ids } = fields.output
    if (!ids.includes(id)) throw new RequestError(ERROR.malformedRequest, `init: node_ids does not name ${id}`)
    if (new Set(ids).size !== ids.length)
      throw new RequestError(ERROR.malformedRequest, 'init: node_ids names a node twice')
    if (jsonLength(ids) > NAMES_MAX)
      throw new RequestError(ERROR.malformedRequest, `init: node_ids is longer than ${NAMES_MAX} characters`)
    if (this.context !== null && (this.context.nodeId !== id || !sameMembers(this.context.nodeIds, ids.map(nodeId))))
      throw new RequestError(ERROR.preconditionFailed, `this node is ${this.context.nodeId} already`)
    if (request.dest !== id)
      throw new RequestError(ERROR.malformedRequest, `init: sent to ${request.dest}, but node_id is ${id}`)
    if (this.context === null) await this.open(id, ids)
    this.context?.replies.reply(request, { type: 'init_ok' })
  }

  private async open(id: string, ids: readonly string[]): Promise<void> {
    const { backlog, log, seed, mode, quietMs, clock, openTrace } = this.options
    const storage = await this.options.openStorage()
    const nodeIds = ids.map(nodeId)
    const stored = await remembered(storage, nodeId(id), nodeIds)
    const { replies } = this
    replies.named(id)
    replies.hold()
    this.context = {
      nodeId: nodeId(id),
      nodeIds,
      replies,
      refuse: (request, error) => this.refuse(request, error),
      storage,
      stored,
      seed: seedFrom(id, seed),
      backlog,
      log,
      trace: openTrace?.() ?? null,
      onEnd: (callback) => this.endings.push(callback),
      failed: (error) => this.fail(error),
    }
    if (mode !== 'auto') this.choose(mode)
    else if (quietMs !== null && ids.length > 1) {
      const stop = clock.every(quietMs, () => {
        stop()
        void this.enqueue(() => void this.choose('maelstrom'))
      })
      this.stopQuiet = stop
    }
  }

  private async dispatch(request: Request): Promise<void> {
    const { context } = this
    if (context === null) throw new RequestError(ERROR.temporarilyUnavailable, 'send init first')
    if (request.type === '') throw new RequestError(ERROR.malformedRequest, 'body.type is missing or not a string')
    this.dialect ??= this.choose(dialectOf(request, context))
    try {
      await this.dialect?.handle(request)
    } catch (error) {
      throw refusalOf(error) ?? error
    }
  }

  private choose(mode: 'course' | 'maelstrom'): Dialect | null {
    this.stopQuiet()
    const { context } = this
    if (this.dialect !== null || context === null) return this.dialect
    const { clock, partitionTest, raft } = this.options
    this.dialect = mode === 'course' ? new Course(context, partitionTest) : new Maelstrom(context, clock, raft)
    return this.dialect
  }
}

/**
 * What the storage knows of the node; null when this is its first life, which the storage remembers from now on.
 * @throws StorageError when it belongs to another node or another cluster.
 */
const remembered = async (storage: Storage, id: NodeId, nodeIds: readonly NodeId[]): Promise<Stored | null> => {
  const stored = await storage.load()
  const configuration = configurationOf(nodeIds)
  if (stored !== null) {
    const { id: owner, snapshot } = stored.remains
    if (owner !== id) throw new StorageError(`the data directory belongs to node ${owner}, not to ${id}`)
    if (!sameConfiguration(snapshot.configuration, configuration))
      throw new StorageError(
        `the data directory belongs to the cluster ${snapshot.configuration.voters.join(', ')}, not to ${nodeIds.join(', ')}`,
      )
    return stored
  }
  const remains = {
    id,
    hardState: { currentTerm: TERM_ZERO, votedFor: null },
    snapshot: birthSnapshot(configuration),
    base: { index: INDEX_ZERO, term: TERM_ZERO },
    entries: [],
  }
  await storage.write([{ type: 'reset', remains, objects: [] }])
  return null
}

/** Whether the same nodes are named, in whatever order. */
const sameMembers = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  sameConfiguration(configurationOf(a), configurationOf(b))

/** Which dialect a first request speaks. @throws RequestError when its fields are wrong, or neither dialect knows it. */
const dialectOf = (request: Request, { nodeId: self, nodeIds }: Context): 'course' | 'maelstrom' => {
  const { type, src, body } = request
  if (isBetweenNodes(type)) {
    if (nodeIds.some((id) => id === src && id !== self)) return 'maelstrom'
    throw new RequestError(ERROR.malformedRequest, 'it is not from another node')
  }
  if (type === 'cas' || (LIN_KV.has(type) && (nodeIds.length > 1 || typeof body['key'] !== 'string'))) {
    operationOf(request)
    return 'maelstrom'
  }
  if (!isCourseType(type)) throw new RequestError(ERROR.notSupported, 'there is no request of this type')
  fieldsOf(type, request)
  return 'course'
}

const malformed = (type: string, issue: v.BaseIssue<unknown>): RequestError => {
  const path = v.getDotPath(issue)
  return new RequestError(ERROR.malformedRequest, `${type}: ${path === null ? '' : `${path}: `}${issue.message}`)
}
