import type { Options } from '../../src/core/config.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { INDEX_ZERO, TERM_ZERO, index, nodeId, type NodeId } from '../../src/core/ids.ts'
import { termAt } from '../../src/core/log/log.ts'
import type { Message } from '../../src/core/message.ts'
import type { Send } from '../../src/core/output.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { birthSnapshot } from '../../src/core/start.ts'
import { Host } from './host.ts'

/** The algorithm of sections 5 and 7 alone: what the thesis and section 8 add is off, and nothing is compacted unasked. */
export const PAPER: Partial<Options> = {
  preVote: false,
  checkQuorum: false,
  noopOnElection: false,
  snapshotEntries: 0,
  snapshotBytes: 0,
  trailingEntries: 0,
}

export const [s1, s2, s3, s4, s5] = ['s1', 's2', 's3', 's4', 's5'].map(nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]

/** Servers s1, s2 …, and what is on the way between them: it is handed over, in order, when asked for. */
export class Cluster {
  readonly ids: readonly NodeId[]
  readonly flight: { readonly from: NodeId; readonly to: NodeId; readonly rpc: Rpc }[] = []
  /** When false, saves wait for `write` or `save`. */
  savesAtOnce = true
  private readonly hosts: ReadonlyMap<NodeId, Host>
  private connected: readonly NodeId[]

  constructor(size: number, options: Partial<Options> = {}, seed = 0) {
    this.ids = [s1, s2, s3, s4, s5].slice(0, size)
    this.connected = this.ids
    const birth = {
      options: { ...PAPER, ...options },
      seed,
      hardState: { currentTerm: TERM_ZERO, votedFor: null },
      snapshot: birthSnapshot(configurationOf(this.ids)),
      base: { index: INDEX_ZERO, term: TERM_ZERO },
      entries: [],
    }
    this.hosts = new Map(this.ids.map((id) => [id, new Host({ ...birth, id })]))
  }

  private host(id: NodeId): Host {
    const host = this.hosts.get(id)
    if (host === undefined) throw new Error(`${id} is no member`)
    return host
  }

  server = (id: NodeId) => this.host(id).state.server
  log = (id: NodeId) => this.host(id).state.log
  applied = (id: NodeId): readonly Entry[] => this.host(id).applied
  up = (): readonly NodeId[] => this.ids.filter((id) => this.host(id).isUp)
  leaders = (): readonly NodeId[] => this.up().filter((id) => this.server(id).role.type === 'leader')

  /** The terms of the entries in a server's log, from index 1 on; null for what is compacted. */
  terms(id: NodeId): readonly (number | null)[] {
    const log = this.log(id)
    return Array.from({ length: log.lastIndex }, (_, at) => termAt(log, index(at + 1)))
  }

  private send(from: NodeId, sends: readonly Send[]): this {
    this.flight.push(...sends.map(({ to, rpc }) => ({ from, to, rpc })))
    return this
  }

  do = (id: NodeId, message: Message): this => this.send(id, this.host(id).run(message, this.savesAtOnce))
  save = (id: NodeId): this => this.send(id, this.host(id).save())
  snapshot = (id: NodeId): this => this.send(id, this.host(id).snapshot())
  campaign = (id: NodeId): this => this.do(id, { type: 'campaign' }).deliver()
  propose = (id: NodeId, ...commands: readonly string[]): this =>
    this.do(id, { type: 'propose', id: 0, commands }).deliver()

  /** Everything asked for reaches the disk, without the server knowing yet. */
  write(id: NodeId): this {
    this.host(id).write()
    return this
  }

  crash(id: NodeId): this {
    this.host(id).crash()
    return this
  }

  restart(id: NodeId): this {
    this.host(id).restart()
    return this
  }

  /** From now on only these reach each other. */
  connect(...ids: readonly NodeId[]): this {
    this.connected = ids
    return this
  }

  /** Hands over everything on the way, and what follows of it. */
  deliver(): this {
    for (let handed = 0; this.flight.length > 0; handed++) {
      if (handed > 1000) throw new Error('the servers never stop talking')
      this.deliverAt(0)
    }
    return this
  }

  /** Hands over one message. It is lost when either end is cut off, or the receiver is down. */
  deliverAt(at: number): void {
    const [next] = this.flight.splice(at, 1)
    if (next === undefined || !this.host(next.to).isUp) return
    if (this.connected.includes(next.from) && this.connected.includes(next.to))
      this.do(next.to, { type: 'receive', from: next.from, rpc: next.rpc })
  }

  /** So many units of time for every server, messages handed over after each. */
  tick(times = 1): this {
    for (let at = 0; at < times; at++) {
      for (const id of this.up()) this.do(id, { type: 'tick' })
      this.deliver()
    }
    return this
  }
}
