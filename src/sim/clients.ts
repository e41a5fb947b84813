import { invariant } from '../core/assert.ts'
import type { NodeId } from '../core/ids.ts'
import type { RequestId } from '../core/message.ts'
import { kvGet, type KvCommand, type KvResult, type KvState } from '../machine/kv/kv.ts'
import type { ReplicaMessage, ReplicaOutput } from '../machine/replica-state.ts'
import type { SimCluster } from './cluster/cluster.ts'
import { Dice, type Range } from './dice.ts'
import type { Input, Operation, Output } from '../linearizability/history.ts'
import { commandOf, outputOfRead, outputOfResult } from './workload.ts'

export type KvCluster = SimCluster<KvState, KvCommand, KvResult>

/** One operation of a client, from its call to its end. */
export interface Call {
  readonly client: string
  readonly input: Input
  readonly time: number
  /** The nodes the client can reach at present. */
  readonly reach: () => readonly NodeId[]
  readonly onEnd: (call: Call, end: End) => void
  attempts: number
  /** The request that waits for an answer; null between attempts and after the end. */
  request: RequestId | null
  isOver: boolean
}

/**
 * How an operation ended. `refused`: it did not and will not happen. `unknown`: the client gave up on a request that
 * may still have an effect.
 */
export type End =
  { readonly type: 'answered'; readonly output: Output } | { readonly type: 'refused' } | { readonly type: 'unknown' }

export interface ClientOptions {
  /** Units of virtual time until a client gives up. */
  readonly patience: number
  readonly attemptsMax: number
  /** One way between client and node. */
  readonly delay: Range
  /** The wait before the next attempt when no node names a leader. */
  readonly backoff: Range
  readonly reads: 'quorum' | 'local'
}

/**
 * Clients of a cluster: each operation goes to some node within reach, follows hints at the leader, and is tried again
 * only after a definite refusal, so that it happens at most once.
 */
export class Clients {
  private readonly cluster: KvCluster
  private readonly options: ClientOptions
  private readonly dice: Dice
  private readonly waiting = new Map<RequestId, Call>()
  private requests = 0

  constructor(cluster: KvCluster, options: ClientOptions, seed: number) {
    this.cluster = cluster
    this.options = options
    this.dice = new Dice('clients', seed)
  }

  /** Begins an operation; `onEnd` is called once, after at most `patience` units. */
  call(work: Pick<Call, 'client' | 'input' | 'reach' | 'onEnd'>): void {
    const call: Call = { ...work, time: this.cluster.time, attempts: 0, request: null, isOver: false }
    this.cluster.after(this.options.patience, () => {
      this.end(call, call.request === null ? { type: 'refused' } : { type: 'unknown' })
    })
    this.attempt(call, null)
  }

  /** To be told of every output of the cluster. */
  observe(node: NodeId, output: ReplicaOutput<KvResult>): void {
    if (!isAnswer(output)) return
    const call = this.waiting.get(output.id)
    if (call === undefined) return
    this.waiting.delete(output.id)
    const take = this.meaningOf(call, node, output)
    this.cluster.after(this.dice.within(this.options.delay), () => {
      if (call.request === output.id) take()
    })
  }

  private attempt(call: Call, hint: NodeId | null): void {
    if (call.isOver) return
    const reach = call.reach()
    const isHelpful = hint !== null && reach.includes(hint)
    const node = isHelpful ? hint : this.dice.pick(reach)
    call.attempts++
    if (node === undefined) return this.tryAgain(call, null)
    const delay = this.dice.within(this.options.delay)
    this.requests++
    const id = this.requests
    call.request = id
    if (call.input.kind === 'get' && this.options.reads === 'local')
      return this.cluster.after(delay, () => this.readLocally(call, id, node))
    this.waiting.set(id, call)
    this.cluster.submit(node, messageOf(id, call.input), delay)
  }

  /** What the answer means to the client; the state that a read sees is that of now, not of when the answer arrives. */
  private meaningOf(call: Call, node: NodeId, output: Answer): () => void {
    switch (output.type) {
      case 'completed': {
        const [result] = output.results
        invariant(result !== undefined, 'a completed proposal has a result for each command')
        return () => this.end(call, { type: 'answered', output: outputOfResult(result) })
      }
      case 'readable': {
        const value = this.valueAt(node, call.input.key)
        return () => this.end(call, { type: 'answered', output: value })
      }
      case 'refused':
        return () => this.tryAgain(call, output.leader)
      case 'lost':
        return output.reason === 'overwritten'
          ? () => this.tryAgain(call, null)
          : () => this.end(call, { type: 'unknown' })
    }
  }

  private valueAt(node: NodeId, key: string): Output {
    const replica = this.cluster.replica(node)
    invariant(replica !== null, 'who answers is up')
    return outputOfRead(kvGet(replica.machine, key))
  }

  /** The mistake that ReadIndex avoids: a deposed leader that does not know it yet answers with an old state. */
  private readLocally(call: Call, id: RequestId, node: NodeId): void {
    if (call.request !== id) return
    const server = this.cluster.replica(node)?.raft.server
    if (server?.role.type !== 'leader') return this.tryAgain(call, server?.leaderId ?? null)
    this.end(call, { type: 'answered', output: this.valueAt(node, call.input.key) })
  }

  private tryAgain(call: Call, hint: NodeId | null): void {
    call.request = null
    if (call.isOver) return
    const { attemptsMax, patience, delay, backoff } = this.options
    const isHelpful = hint !== null && call.reach().includes(hint)
    const wait = isHelpful ? 0 : this.dice.within(backoff)
    // An attempt whose refusal would come too late is not begun: the outcome would be unknown for nothing.
    const isLate = this.cluster.time + wait + 2 * delay.most >= call.time + patience
    if (call.attempts >= attemptsMax || isLate) return this.end(call, { type: 'refused' })
    if (wait === 0) return this.attempt(call, hint)
    this.cluster.after(wait, () => this.attempt(call, null))
  }

  private end(call: Call, end: End): void {
    if (call.isOver) return
    call.isOver = true
    if (call.request !== null) this.waiting.delete(call.request)
    call.request = null
    call.onEnd(call, end)
  }
}

type Answer = Extract<ReplicaOutput<KvResult>, { readonly type: 'completed' | 'readable' | 'refused' | 'lost' }>

const isAnswer = (output: ReplicaOutput<KvResult>): output is Answer =>
  output.type === 'completed' || output.type === 'readable' || output.type === 'refused' || output.type === 'lost'

const messageOf = (id: RequestId, input: Input): ReplicaMessage =>
  input.kind === 'get'
    ? { type: 'read', id, mode: 'quorum' }
    : { type: 'propose', id, commands: [{ ...commandOf(input) }] }

/** A call as the checker wants it; null when it is known not to have happened. */
export const operationOf = ({ client, input, time }: Call, end: End, now: number): Operation | null => {
  if (end.type === 'refused') return null
  const ended = end.type === 'answered' ? { return: now, output: end.output } : { return: null, output: null }
  return { client, call: time, input, ...ended }
}
