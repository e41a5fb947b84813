import type { JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import type { RequestId } from '../core/message.ts'
import type { Replica, ReplicaMessage, ReplicaOutput } from '../machine/replica-state.ts'
import type { SessionCommand, SessionResult, SessionsState } from '../machine/sessions.ts'
import type { Mark } from '../trace/checker/index.ts'
import { ClaimViolation } from '../trace/checker/index.ts'
import { Dice } from './dice.ts'
import { ELECTION_TIMEOUT_MS, type Mix } from './profile.ts'
import type { Request, Service, Told } from './service.ts'

/** What of a cluster clients reach: see SimCluster. */
export interface Servers<S, R extends JsonValue> {
  readonly time: number
  replica(id: NodeId): Replica<SessionsState<S>, SessionResult<R>> | null
  submit(id: NodeId, message: ReplicaMessage, delay: number): void
  after(delay: number, run: () => void): void
}

/** What clients tell of themselves. */
export interface ClientsObserver<S, C extends JsonValue> {
  readonly onMark: (mark: Mark) => void
  /** A question was answered from a server's state. */
  readonly onLook: (node: NodeId, ask: (state: S) => JsonValue, value: JsonValue) => void
  readonly onCall: (client: string, request: Request<S, C>) => void
  readonly onAnswer: (client: string, request: Request<S, C>, value: JsonValue) => void
}

interface Client<S, C extends JsonValue> {
  readonly name: string
  /** Of its session's commands: the present one, or the last. */
  sequence: number
  request: Request<S, C> | null
  /** Its latest commands that were answered. */
  past: { readonly sequence: number; readonly command: C }[]
  call: number
  /** Counts attempts, so that answers to earlier ones and old alarms are known. */
  attempt: number
}

/** One way between a client and a server. */
const DELAY = { least: 1, most: 10 }
/** Without an answer for so long, a client asks again, somewhere else perhaps. */
const PATIENCE = { least: ELECTION_TIMEOUT_MS, most: 3 * ELECTION_TIMEOUT_MS }
const BACKOFF = { least: 5, most: ELECTION_TIMEOUT_MS / 2 }

/**
 * Clients with a session each (thesis 6.3), one request at a time: whatever became of it, they ask again until there is
 * an answer, and every command takes effect once.
 */
export class SessionClients<S, C extends JsonValue, R extends JsonValue> {
  readonly history: Told<S, C, R>[] = []
  private readonly servers: Servers<S, R>
  private readonly service: Service<S, C, R>
  private readonly mix: Mix
  private readonly dice: Dice
  private readonly observer: ClientsObserver<S, C>
  private readonly clients: readonly Client<S, C>[]
  private readonly asked = new Map<RequestId, { readonly client: Client<S, C>; readonly attempt: number }>()
  private requests = 0
  private reach: readonly NodeId[]
  private isOver = false

  constructor(
    servers: Servers<S, R> & { readonly ids: readonly NodeId[] },
    service: Service<S, C, R>,
    mix: Mix,
    seed: number,
    observer: ClientsObserver<S, C>,
  ) {
    this.servers = servers
    this.service = service
    this.mix = mix
    this.dice = new Dice('session clients', seed)
    this.observer = observer
    this.reach = servers.ids
    this.clients = Array.from({ length: mix.clients }, (_, at) => ({
      name: `c${at + 1}`,
      sequence: 0,
      request: null,
      past: [],
      call: 0,
      attempt: 0,
    }))
    for (const client of this.clients) this.servers.after(this.dice.within(mix.think), () => this.begin(client))
  }

  /** From now on nothing new is asked, and what is still open is asked of these servers only. */
  finish(reach: readonly NodeId[]): void {
    this.isOver = true
    this.reach = reach
  }

  get openCount(): number {
    return this.clients.filter(({ request }) => request !== null).length
  }

  /** What was answered, and what never was. */
  get told(): readonly Told<S, C, R>[] {
    const open = this.clients.flatMap(({ name, request, call }) =>
      request === null ? [] : [{ client: name, request, call, answer: null }],
    )
    return [...this.history, ...open]
  }

  observe(node: NodeId, output: ReplicaOutput<SessionResult<R>>): void {
    const { type } = output
    if (type !== 'completed' && type !== 'readable' && type !== 'refused' && type !== 'lost') return
    const found = this.asked.get(output.id)
    if (found === undefined || found.attempt !== found.client.attempt) return
    const { client, attempt } = found
    const arrive = (run: () => void): void =>
      this.servers.after(this.dice.within(DELAY), () => {
        if (client.attempt === attempt) run()
      })
    if (type === 'completed') {
      const result = resultOf(client.name, output.results)
      return arrive(() => this.end(client, result))
    }
    if (type === 'readable') {
      if (this.mix.leaseRate > 0 && this.mix.tick.least < this.mix.tick.most)
        this.observer.onMark('lease read under drift')
      const value = this.look(node, client)
      return arrive(() => this.end(client, value))
    }
    if (type === 'lost') this.observer.onMark('command lost')
    const hint = type === 'refused' ? output.leader : null
    arrive(() => this.tryAgain(client, hint))
  }

  private begin(client: Client<S, C>): void {
    if (this.isOver) return
    client.request = this.service.next(this.dice)
    client.call = this.servers.time
    if (client.request.type === 'command') client.sequence++
    this.observer.onCall(client.name, client.request)
    this.attempt(client, null)
  }

  private attempt(client: Client<S, C>, hint: NodeId | null): void {
    const { request } = client
    const node = hint !== null && this.reach.includes(hint) ? hint : this.dice.pick(this.reach)
    if (request === null || node === undefined) return
    const attempt = ++client.attempt
    const id = ++this.requests
    this.asked.set(id, { client, attempt })
    this.servers.submit(node, this.messageOf(id, client, request), this.dice.within(DELAY))
    this.servers.after(this.dice.within(PATIENCE), () => {
      this.asked.delete(id)
      if (client.attempt !== attempt) return
      this.observer.onMark('command retried')
      this.attempt(client, null)
    })
  }

  private messageOf(id: RequestId, { name, sequence }: Client<S, C>, request: Request<S, C>): ReplicaMessage {
    if (request.type === 'query')
      return { type: 'read', id, mode: this.dice.chance(this.mix.leaseRate) ? 'lease' : 'quorum' }
    return this.proposal(id, name, sequence, request.command)
  }

  private proposal(id: RequestId, name: string, sequence: number, command: C): ReplicaMessage {
    const session: SessionCommand<C> = {
      type: 'apply',
      client: name,
      sequence,
      acknowledged: sequence - 1,
      command,
      open: true,
    }
    return { type: 'propose', id, commands: [session] }
  }

  /** A copy of an old command that was held up on its way: it is logged after newer ones, and must change nothing. */
  private repeat({ name, past }: Client<S, C>): void {
    if (this.isOver || !this.dice.chance(this.mix.repeatRate)) return
    const old = this.dice.pick(past.slice(-8))
    const node = this.dice.pick(this.reach)
    if (old === undefined || node === undefined) return
    const message = this.proposal(++this.requests, name, old.sequence, old.command)
    this.servers.submit(node, message, this.dice.within(PATIENCE))
  }

  private tryAgain(client: Client<S, C>, hint: NodeId | null): void {
    // Whatever the earlier attempt may still come to: this one is the one that counts.
    client.attempt++
    const wait = hint !== null && this.dice.chance(0.9) ? 0 : this.dice.within(BACKOFF)
    this.servers.after(wait, () => this.attempt(client, hint))
  }

  /** What a reader sees is the state of the moment in which its read was granted. */
  private look(node: NodeId, { request }: Client<S, C>): JsonValue {
    const replica = this.servers.replica(node)
    if (request?.type !== 'query' || replica === null) return null
    const value = request.ask(replica.machine.machine)
    this.observer.onLook(node, request.ask, value)
    return value
  }

  private end(client: Client<S, C>, value: JsonValue): void {
    const { name, request, call } = client
    if (request === null) return
    client.attempt++
    client.request = null
    this.history.push({ client: name, request, call, answer: { time: this.servers.time, value } })
    this.observer.onAnswer(name, request, value)
    const mark = this.service.markOf?.(request, value) ?? null
    if (mark !== null) this.observer.onMark(mark)
    if (request.type === 'command') client.past.push({ sequence: client.sequence, command: request.command })
    this.repeat(client)
    this.servers.after(this.dice.within(this.mix.think), () => this.begin(client))
  }
}

/** A session that is used one command at a time always answers with the machine's own result. */
const resultOf = <R extends JsonValue>(client: string, results: readonly SessionResult<R>[]): R => {
  const [result] = results
  if (result?.type !== 'applied')
    throw new ClaimViolation('LIN', 'a session answers each of its commands', { client, result })
  return result.result
}
