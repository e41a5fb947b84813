import type { Options } from '../../src/core/config.ts'
import { index, term, type NodeId, type ObjectId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import type { Remains } from '../../src/core/start.ts'
import { Server, n1, n2, snapshotAt } from './server.ts'

export interface Packet {
  readonly to: NodeId
  readonly rpc: Rpc
}

/** What the two shells do. An answer that is null never comes. */
export interface Shells {
  /** The object's data and the name of the next one, or why it cannot be read. */
  readonly read: (objectId: ObjectId) => { readonly data: string; readonly next: ObjectId | null } | string | null
  /** The object wanted next, or the reason of a rejection. */
  readonly save: (
    objectId: ObjectId,
    data: string,
    isLast: boolean,
  ) => { readonly next: ObjectId } | { readonly reason: string } | null
  readonly installs: boolean
  readonly isSlow: boolean
}

/** Objects 0, 1, 2 … of these texts; both machines agree on what comes next. */
export const shellsFor = (objects: readonly string[], changes: Partial<Shells> = {}): Shells => ({
  read: (objectId) => {
    const data = objects[Number(objectId)]
    if (data === undefined) return 'there is no such object'
    return { data, next: Number(objectId) + 1 < objects.length ? Number(objectId) + 1 : null }
  },
  save: (objectId) => ({ next: Number(objectId) + 1 }),
  installs: true,
  isSlow: false,
  ...changes,
})

/**
 * A leader with a snapshot at 10 and a follower that has nothing of it, over a network that holds every packet until
 * it is delivered. Disks are at once, unless the follower's machine is slow. Every step of both is checked.
 */
export class TransferPair {
  readonly leader: Server
  readonly follower: Server
  /** Oldest first. */
  readonly wire: Packet[] = []
  /** What a slow machine of the follower has not answered yet. */
  readonly unanswered: Message[] = []
  /** Objects of snapshots that the leader has sent, and transfers that it began. */
  sent = 0
  started = 0
  ended = 0
  private readonly shells: Shells

  constructor(shells: Shells, options: Partial<Options> = {}, received?: Remains['received']) {
    this.shells = shells
    const hardState = { currentTerm: term(1), votedFor: null }
    this.leader = new Server([], options, { snapshot: snapshotAt(10, 1), hardState }).lead()
    this.carryOut(this.leader)
    const remains = received === undefined ? {} : { received }
    this.follower = new Server([], options, { id: n2, hardState, ...remains })
  }

  get isInstalled(): boolean {
    return this.follower.server.snapshot.lastIncludedIndex === index(10)
  }

  get progress() {
    return this.leader.progressOf(n2)
  }

  /** Only the leader's clock matters here: nobody campaigns. */
  tick(times = 1): this {
    for (let at = 0; at < times; at++) this.run(this.leader, { type: 'tick' })
    return this
  }

  deliver(at = 0): this {
    const [packet] = this.wire.splice(at, 1)
    if (packet === undefined) return this
    const [to, from] = packet.to === n1 ? [this.leader, n2] : [this.follower, n1]
    return this.run(to, { type: 'receive', from, rpc: packet.rpc })
  }

  /** The follower's machine has done the oldest thing it was asked for. */
  answer(): this {
    const message = this.unanswered.shift()
    return message === undefined ? this : this.run(this.follower, message)
  }

  /** Delivers in order until nothing is under way; at most so many packets. */
  settle(limit = 100_000): this {
    for (let count = 0; this.wire.length > 0; count++) {
      if (count === limit) throw new Error('there is no end of packets')
      this.deliver()
    }
    return this
  }

  /** Ticks, and delivers everything after each. */
  live(ticks: number): this {
    for (let at = 0; at < ticks && !this.isInstalled; at++) this.tick().settle()
    return this
  }

  private run(server: Server, message: Message): this {
    server.do(message)
    this.carryOut(server)
    return this
  }

  private carryOut(server: Server): void {
    for (const output of server.outputs) {
      if (output.type === 'save') {
        for (const { to, rpc } of output.then) this.send(to, rpc)
        this.run(server, { type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
      } else if (output.type === 'send') this.send(output.to, output.rpc)
      else if (output.type === 'apply')
        this.run(server, { type: 'applied', index: output.entries.at(-1)?.index ?? index(0) })
      else if (output.type === 'note' && output.event === 'transferStarted') this.started++
      else if (output.type === 'transferEnded') this.ended++
      else {
        const message = this.answerOf(output)
        if (message === null) continue
        if (this.shells.isSlow && server === this.follower) this.unanswered.push(message)
        else this.run(server, message)
      }
    }
  }

  private answerOf(output: Output): Message | null {
    if (output.type === 'readObject') {
      const { to, transferId, objectId } = output
      const found = this.shells.read(objectId)
      if (found === null) return null
      if (typeof found === 'string') return { type: 'objectReadFailed', to, transferId, reason: found }
      return { type: 'objectRead', to, transferId, objectId, data: found.data, nextObjectId: found.next }
    }
    if (output.type === 'saveObject') {
      const { transferId, objectId, data, isLast } = output
      const kept = this.shells.save(objectId, data, isLast)
      if (kept === null) return null
      if ('reason' in kept) return { type: 'objectRejected', transferId, reason: kept.reason }
      return { type: 'objectSaved', transferId, objectId, nextObjectId: kept.next }
    }
    if (output.type !== 'installSnapshot' || !this.shells.installs) return null
    return { type: 'snapshotInstalled', transferId: output.transferId }
  }

  private send(to: NodeId, rpc: Rpc): void {
    if (rpc.type === 'InstallSnapshot') this.sent++
    if (to === n1 || to === n2) this.wire.push({ to, rpc })
  }
}
