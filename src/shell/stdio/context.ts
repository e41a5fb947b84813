import { UsageError } from '../../core/assert.ts'
import type { Options } from '../../core/config.ts'
import { configurationOf } from '../../core/membership/configuration.ts'
import type { NodeId } from '../../core/ids.ts'
import { kvMachine, type KvCommand, type KvResult } from '../../machine/kv/kv.ts'
import { createReplica, restartReplica } from '../../machine/replica.ts'
import type { Replica } from '../../machine/replica-state.ts'
import { withSessions, type SessionCommand, type SessionResult } from '../../machine/sessions.ts'
import { birthOf, restartOf, type Start } from '../../trace/index.ts'
import type { TickSource } from '../clock.ts'
import { Node, type NodeEvents } from '../node.ts'
import { TracingObserver, UNOBSERVED, type NodeObserver, type TraceSink } from '../observer.ts'
import { StorageError, type Storage, type Stored } from '../storage/storage.ts'
import type { Request, RequestError } from './envelope.ts'
import type { Replies } from './replies.ts'
import type { Backlog } from './streams.ts'

/** Sessions of clients that number their commands: far more than a course's conversation has. */
export const SESSIONS_MAX = 100_000

/** What both dialects run: the key-value machine, with sessions for clients that number their commands. */
export const machine = withSessions(kvMachine(), { sessionsMax: SESSIONS_MAX })

export type Command = SessionCommand<KvCommand>
export type Result = SessionResult<KvResult>
export type State = (typeof machine)['initial']
export type KvReplica = Replica<State, Result>
export type KvNode = Node<State, Command, Result>

/** What a dialect works with, once `init` has said who the node is. */
export interface Context {
  readonly nodeId: NodeId
  /** The whole cluster, this node included. */
  readonly nodeIds: readonly NodeId[]
  readonly replies: Replies
  /** Answers a request that was not carried out, where it wants an answer. */
  readonly refuse: (request: Request, error: RequestError) => void
  readonly storage: Storage
  /** What the storage held before this life of the node; it has been told of its birth since. */
  readonly stored: Stored | null
  readonly seed: number
  readonly backlog: Backlog
  /** For people: one line on stderr. */
  readonly log: (text: string) => void
  /** Where to record everything that the core does; null: nowhere. */
  readonly trace: TraceSink | null
  /** Called when the node has said its last. */
  readonly onEnd: (callback: () => void) => void
  /** The disk failed; the process must end. */
  readonly failed: (error: unknown) => void
}

/** One of the two ways to talk to the node. */
export interface Dialect {
  /** Handles a request; the promise resolves when the next one may come. @throws RequestError, answered as such. */
  handle(request: Request): Promise<void> | undefined
  /** No more requests will come: resolves when every one has been answered and everything answered is durable. */
  finish(): Promise<void>
}

/** The replica that the storage remembers, or one that never ran, under the options given. */
export const openNode = (
  context: Context,
  options: Partial<Options>,
  events: Omit<NodeEvents<Result>, 'failed'>,
  ticks?: TickSource,
): KvNode => {
  const { nodeId, nodeIds, storage, stored, seed, failed } = context
  const settings = (start: Start) => ({
    observer: observerOf(context, start),
    ...(ticks === undefined ? {} : { ticks }),
  })
  if (stored !== null) {
    const remains = { ...stored.remains, options, seed }
    const replica = restarted(remains, stored)
    const start = restartOf(remains, replica.raft.server.receiving !== null)
    return new Node(machine, replica, storage, { ...events, failed }, settings(start))
  }
  const birth = { id: nodeId, configuration: configurationOf(nodeIds), options, seed }
  const replica = createReplica(machine, birth)
  return new Node(machine, replica, storage, { ...events, failed }, settings(birthOf(birth)))
}

/** @throws StorageError when what the storage holds makes no server: no request is at fault then. */
const restarted = (remains: Stored['remains'], { objects, received }: Stored): KvReplica => {
  try {
    return restartReplica(machine, remains, objects, received)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new StorageError(`the storage of ${remains.id} cannot be used: ${error.message}`)
  }
}

const observerOf = ({ trace, nodeId, onEnd }: Context, start: Start): NodeObserver => {
  if (trace === null) return UNOBSERVED
  const observer = new TracingObserver(trace, nodeId, start)
  onEnd(() => observer.end())
  return observer
}
