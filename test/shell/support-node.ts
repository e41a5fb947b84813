import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId, term, type NodeId } from '../../src/core/ids.ts'
import type { Options } from '../../src/core/config.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { kvMachine, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import { createReplica } from '../../src/machine/replica.ts'
import type { Replica } from '../../src/machine/replica-state.ts'
import { Node, type NodeOutput } from '../../src/shell/node.ts'
import type { NodeSettings } from '../../src/shell/node-events.ts'
import { StorageError, type Storage, type StorageWrite } from '../../src/shell/storage/storage.ts'

/** A disk that is busy until somebody says that it is done; objects are made when it is. */
export class ManualStorage implements Storage {
  readonly calls: Call[] = []

  load(): Promise<null> {
    return Promise.resolve(null)
  }

  write(writes: readonly StorageWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.calls.push({ writes, isDone: false, resolve, reject })
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Ends the oldest unfinished write, or the oldest of those that `isMeant`, and waits for what comes of it. */
  async finish(isMeant: (call: Call) => boolean = () => true): Promise<void> {
    this.next(isMeant).resolve()
    await turn()
  }

  async fail(error: Error = new StorageError('ENOSPC')): Promise<void> {
    this.next(() => true).reject(error)
    await turn()
  }

  /** Ends writes until none is left. */
  async finishAll(): Promise<void> {
    while (this.calls.some(({ isDone }) => !isDone)) await this.finish()
  }

  private next(isMeant: (call: Call) => boolean): Call {
    const call = this.calls.find((one) => !one.isDone && isMeant(one))
    if (call === undefined) throw new Error('nothing is being written')
    call.isDone = true
    return call
  }
}

interface Call {
  readonly writes: readonly StorageWrite[]
  isDone: boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Lets promises that are settled call back. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export type Event =
  | { readonly type: 'send'; readonly to: NodeId; readonly rpc: Rpc }
  | { readonly type: 'failed'; readonly error: unknown }
  | NodeOutput<KvResult>

export type KvReplica = Replica<KvState, KvResult>

export const MACHINE = kvMachine()
export const A = nodeId('a')
export const B = nodeId('b')

/** A replica of a cluster of `a`, or of `a` and others, that has just been born. */
export const newReplica = (voters: readonly NodeId[] = [A], options: Partial<Options> = {}): KvReplica =>
  createReplica(MACHINE, { id: A, configuration: configurationOf(voters), options: { preVote: false, ...options } })

export const nodeOver = (
  storage: Storage,
  replica: KvReplica,
  heard: (event: Event) => void = () => undefined,
  settings: NodeSettings = {},
): { readonly node: Node<KvState, KvCommand, KvResult>; readonly events: Event[] } => {
  const events: Event[] = []
  const tell = (event: Event): void => {
    events.push(event)
    heard(event)
  }
  const node = new Node<KvState, KvCommand, KvResult>(
    MACHINE,
    replica,
    storage,
    {
      send: (to, rpc) => tell({ type: 'send', to, rpc }),
      output: tell,
      failed: (error) => tell({ type: 'failed', error }),
    },
    settings,
  )
  return { node, events }
}

export const put = (key: string, value: number | string): KvCommand => ({ op: 'put', key, value })

/** B asks for a vote in a term, as the only candidate. */
export const voteRequest = (inTerm: number): Rpc => ({
  type: 'RequestVote',
  term: term(inTerm),
  candidateId: B,
  lastLogIndex: newReplica().raft.log.lastIndex,
  lastLogTerm: term(0),
})
