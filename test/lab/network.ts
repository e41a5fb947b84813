import type { Rpc } from '../../src/core/rpc.ts'
import type { Dice } from '../../src/sim/dice.ts'
import { rpcBytes } from './rpc-bytes.ts'
import type { VirtualTime } from './virtual-time.ts'

/*
 * The lab's network: remote calls of one request and one reply, lost, delayed and reordered exactly as MIT's labrpc
 * does it. The constants are that package's own.
 */

type Response = Extract<Rpc, { type: `${string}Response` }>
export type Request = Exclude<Rpc, Response>

/** What a handler returns: null when it has nothing to say. */
export type Reply = Response | null

/** The caller always learns whether the call came through. */
export type CallResult = { readonly ok: true; readonly reply: Reply } | { readonly ok: false }

/** The receiving side of one incarnation of a server. */
export interface RpcServer {
  dispatch(from: number, request: Request): Reply
}

/** One incarnation's way to one other server. */
export class ClientEnd {
  isEnabled = false
  readonly from: number
  readonly to: number
  private readonly network: LabNetwork

  constructor(network: LabNetwork, from: number, to: number) {
    this.network = network
    this.from = from
    this.to = to
  }

  /** Returns at once; `done` is called exactly once, later. */
  call(request: Request, done: (result: CallResult) => void): void {
    this.network.carry(this, request, done)
  }
}

/** How the network treated one call: read once, when the call is made, as labrpc does. */
interface Mood {
  readonly isReliable: boolean
  readonly reordersReplies: boolean
}

const FAILED: CallResult = { ok: false }

/** Calls run side by side and may overtake each other even on a good day: up to so many milliseconds apart. */
const SCHEDULING_JITTER = 0.1

export class LabNetwork {
  isReliable = true
  /** Calls to nowhere take up to seven seconds to fail, instead of a tenth. */
  hasLongDelays = false
  /** Two of three replies come 200 to 2200 ms late. */
  reordersReplies = false
  /** Encoded arguments of every call, and encoded replies that were delivered. */
  bytes = 0
  /** Requests that any dispatcher ever ran. */
  dispatched = 0
  private readonly time: VirtualTime
  private readonly dice: Dice
  private readonly servers: (RpcServer | null)[]
  private readonly counts: number[]

  constructor(time: VirtualTime, dice: Dice, size: number) {
    this.time = time
    this.dice = dice
    this.servers = Array.from({ length: size }, () => null)
    this.counts = Array.from({ length: size }, () => 0)
  }

  /** Puts an incarnation in place; its count of requests begins at 0. */
  addServer(at: number, server: RpcServer): void {
    this.servers[at] = server
    this.counts[at] = 0
  }

  deleteServer(at: number): void {
    this.servers[at] = null
  }

  /** Requests that the dispatcher of a server ran: lost ones do not count. */
  countOf(at: number): number {
    return this.counts[at] ?? 0
  }

  /** Carries one call. Only a `ClientEnd` calls this. */
  carry(end: ClientEnd, request: Request, done: (result: CallResult) => void): void {
    this.bytes += rpcBytes(request)
    const mood: Mood = { isReliable: this.isReliable, reordersReplies: this.reordersReplies }
    const server = end.isEnabled ? this.servers[end.to] : null
    if (server === null || server === undefined) {
      const wait = this.dice.integer(0, this.hasLongDelays ? 7000 : 100)
      this.time.after(wait, () => done(FAILED))
      return
    }
    const jitter = (this.dice.integer(0, 100) / 100) * SCHEDULING_JITTER
    const delay = mood.isReliable ? 0 : this.dice.integer(0, 27)
    this.time.after(delay + jitter, () => {
      if (!mood.isReliable && this.dice.integer(0, 1000) < 100) done(FAILED)
      else this.execute(end, server, request, mood, done)
    })
  }

  private execute(
    end: ClientEnd,
    server: RpcServer,
    request: Request,
    mood: Mood,
    done: (result: CallResult) => void,
  ): void {
    this.dispatched++
    if (this.servers[end.to] === server) this.counts[end.to] = this.countOf(end.to) + 1
    const reply = server.dispatch(end.from, request)
    // A server that died or was cut off meanwhile never answers, though its effect may stay.
    if (!end.isEnabled || this.servers[end.to] !== server) return done(FAILED)
    if (!mood.isReliable && this.dice.integer(0, 1000) < 100) return done(FAILED)
    if (mood.reordersReplies && this.dice.integer(0, 900) < 600) {
      const late = 200 + this.dice.integer(0, 1 + this.dice.integer(0, 2000))
      this.time.after(late, () => this.deliver(reply, done))
      return
    }
    this.deliver(reply, done)
  }

  private deliver(reply: Reply, done: (result: CallResult) => void): void {
    this.bytes += rpcBytes(reply)
    done({ ok: true, reply })
  }
}
