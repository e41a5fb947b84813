import { invariant } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { isCounter } from '../core/ids.ts'
import { COMMAND_DEPTH_MAX, misfitIn } from '../core/json.ts'
import {
  OBJECT_BYTES_MAX,
  arrayOf,
  checkPositive,
  tableThenMachine,
  recordObjects,
  type Records,
  type WithTable,
} from './capture.ts'
import { OrderedMap, type MapEdit } from './kv/ordered-map.ts'
import type { StateMachine } from './machine.ts'

/**
 * Exactly-once commands (thesis 6.3). A client numbers its commands; the replicated table of sessions remembers the
 * responses, so that a command that reaches the log twice is applied once and answered alike both times.
 *
 * A client's name is for one session only, a random one for instance: under a name that is used again after its
 * session ended, a delayed duplicate from before passes for a new command.
 */
export type SessionCommand<C extends JsonValue> =
  /** Opens a session; one that is open already stays as it is. */
  | { readonly type: 'register'; readonly client: string }
  | {
      readonly type: 'apply'
      readonly client: string
      /** 1, 2, 3 … A retry repeats it. Commands under way together may arrive in any order. */
      readonly sequence: number
      /** The client has had all responses up to this one, which is less than `sequence`: they are dropped. */
      readonly acknowledged: number
      readonly command: C
      /**
       * Opens the session, if there is none and `sequence` is 1. It saves a round trip and costs a guarantee: a
       * duplicate of this very command that comes after its session expired is applied a second time.
       */
      readonly open?: boolean
    }
  | { readonly type: 'close'; readonly client: string }
  /** Without a session: applied as often as it is in the log. */
  | { readonly type: 'direct'; readonly command: C }

export type SessionResult<R extends JsonValue> =
  | { readonly type: 'registered' }
  /** There is no such session any more, if there was one. */
  | { readonly type: 'closed' }
  | { readonly type: 'applied'; readonly result: R }
  /** Not applied now. It was before, or came too late: its response is acknowledged or was dropped for others. */
  | { readonly type: 'forgotten' }
  /** Not applied: no such session. What became of the session's earlier commands cannot be known from here. */
  | { readonly type: 'sessionExpired' }
  /** Not applied: not a command. */
  | { readonly type: 'invalid'; readonly reason: string }

export type SessionsState<S> = WithTable<SessionTable, S>

export interface SessionTable {
  readonly sessions: OrderedMap<Session>
  /** Clients by last use in the log, {@link stampOf} as key: the first is the next to expire. */
  readonly order: OrderedMap<string>
}

export interface Session {
  /** Greater than that of every session used less recently. */
  readonly usedAt: number
  /** Up to here nothing is applied any more, and no response is held. */
  readonly floor: number
  /** At most responsesMax, ascending, all above the floor. */
  readonly responses: readonly Response[]
}

export interface Response {
  readonly sequence: number
  /** What the machine inside said: a result of its own type. */
  readonly answer: Applied<JsonValue>
}

type Applied<R extends JsonValue> = Extract<SessionResult<R>, { readonly type: 'applied' }>

export interface SessionsOptions {
  /** Sessions held, at most; a further one ends the least recently used. The same on all servers. Default 10,000. */
  readonly sessionsMax?: number
  /**
   * Responses held for a client, at most: a client with no more commands under way never loses one. Beyond it the
   * lowest is dropped, and nothing up to its number is applied any more. The same on all servers. Default 256.
   */
  readonly responsesMax?: number
  /** Bytes in one snapshot object of the table, at most; a single larger response still gets one. Default 256 KiB. */
  readonly objectBytesMax?: number
}

type Limits = Required<SessionsOptions>

/**
 * The machine with sessions around it. Its snapshot holds the table first, then the machine's own objects.
 * @throws UsageError when an option is not a whole number, 1 or more.
 */
export const withSessions = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  options: SessionsOptions = {},
): StateMachine<SessionsState<S>, SessionCommand<C>, SessionResult<R>> => {
  const limits: Limits = {
    sessionsMax: checkPositive('sessionsMax', options.sessionsMax ?? 10_000),
    responsesMax: checkPositive('responsesMax', options.responsesMax ?? 256),
    objectBytesMax: checkPositive('objectBytesMax', options.objectBytesMax ?? OBJECT_BYTES_MAX),
  }
  return {
    initial: { table: { sessions: new OrderedMap(), order: new OrderedMap() }, machine: machine.initial, wanted: null },
    apply: (state, commands) => applyBatch(machine, limits, state, commands),
    ...tableThenMachine(recordObjects(RECORDS, limits.objectBytesMax), machine),
  }
}

interface Table {
  readonly limits: Limits
  readonly sessions: MapEdit<Session>
  readonly order: MapEdit<string>
}

/** The scratch pad of one batch. */
interface Work<C extends JsonValue, R extends JsonValue> extends Table {
  readonly admitted: C[]
  /** One for each admitted command: its result is filled in at the end of the batch; nobody sees it before. */
  readonly answers: { -readonly [K in keyof Applied<R>]: Applied<R>[K] }[]
}

/**
 * Whether a command is applied depends on the table alone, never on a result: so the whole batch is admitted first,
 * and the machine inside gets all its commands in one call.
 */
const applyBatch = <S, C extends JsonValue, R extends JsonValue>(
  machine: StateMachine<S, C, R>,
  limits: Limits,
  state: SessionsState<S>,
  commands: readonly SessionCommand<C>[],
): readonly [SessionsState<S>, readonly SessionResult<R>[]] => {
  const { sessions, order } = state.table
  const work: Work<C, R> = { limits, sessions: sessions.edit(), order: order.edit(), admitted: [], answers: [] }
  const outcomes = commands.map((command) => handleCommand(work, command))
  const [inner, results] =
    work.admitted.length === 0 ? [state.machine, []] : machine.apply(state.machine, work.admitted)
  invariant(results.length === work.answers.length, 'a machine gives one result for each command')
  invariant(results.findIndex((each) => misfitIn(each, COMMAND_DEPTH_MAX) !== null) === -1, 'the table remembers JSON')
  for (const [at, answer] of work.answers.entries()) answer.result = results[at] as R
  const table = { sessions: work.sessions.done(), order: work.order.done() }
  return [{ table, machine: inner, wanted: null }, outcomes]
}

const handleCommand = <C extends JsonValue, R extends JsonValue>(
  work: Work<C, R>,
  command: SessionCommand<C>,
): SessionResult<R> => {
  const reason = faultOf(command)
  if (reason !== null) return { type: 'invalid', reason }
  switch (command.type) {
    case 'register':
      use(work, command.client, work.sessions.get(command.client) ?? FRESH)
      return { type: 'registered' }
    case 'apply':
      return handleApply(work, command)
    case 'close':
      end(work, command.client, work.sessions.get(command.client)?.usedAt ?? 0)
      return { type: 'closed' }
    case 'direct':
      return admit(work, command.command)
  }
}

const handleApply = <C extends JsonValue, R extends JsonValue>(
  work: Work<C, R>,
  command: Extract<SessionCommand<C>, { readonly type: 'apply' }>,
): SessionResult<R> => {
  const { client, sequence } = command
  const session = work.sessions.get(client) ?? (command.open === true && sequence === 1 ? FRESH : undefined)
  if (session === undefined) return { type: 'sessionExpired' }
  const floor = Math.max(session.floor, command.acknowledged)
  const responses = session.responses.filter((response) => response.sequence > floor)
  const known = responses.find((response) => response.sequence === sequence)
  if (known !== undefined || sequence <= floor) {
    use(work, client, { ...session, floor, responses })
    // The machine that made the result is the machine that reads it.
    return known === undefined ? { type: 'forgotten' } : (known.answer as Applied<R>)
  }
  const answer = admit(work, command.command)
  const place = responses.findIndex((response) => response.sequence > sequence)
  responses.splice(place === -1 ? responses.length : place, 0, { sequence, answer })
  const dropped = responses.length > work.limits.responsesMax ? responses.shift() : undefined
  use(work, client, { ...session, floor: dropped?.sequence ?? floor, responses })
  return answer
}

/** Hands a command to the machine inside, at the end of the batch. */
const admit = <C extends JsonValue, R extends JsonValue>(work: Work<C, R>, command: C): Applied<R> => {
  const answer = { type: 'applied' as const, result: null as unknown as R }
  work.admitted.push(command)
  work.answers.push(answer)
  return answer
}

const FRESH: Session = { usedAt: 0, floor: 0, responses: [] }

/** Stores a session as the most recently used one, and ends the least recently used if there are too many. */
const use = (work: Table, client: string, session: Session): void => {
  const { sessions, order, limits } = work
  const latest = Number(order.maxKey() ?? 0)
  // The one used last stays where it is: cheaper, and the order is the same.
  const usedAt = session.usedAt !== 0 && session.usedAt === latest ? latest : latest + 1
  if (usedAt !== session.usedAt) {
    order.delete(stampOf(session.usedAt))
    order.set(stampOf(usedAt), client)
  }
  sessions.set(client, { ...session, usedAt })
  while (sessions.size > limits.sessionsMax) {
    const oldest = order.minKey()
    invariant(oldest !== undefined, 'every session has its place in the order')
    end(work, order.get(oldest) ?? '', Number(oldest))
  }
}

const end = (work: Table, client: string, usedAt: number): void => {
  work.sessions.delete(client)
  work.order.delete(stampOf(usedAt))
}

/** A number in the order of strings: 16 digits hold every safe integer. */
const stampOf = (usedAt: number): string => String(usedAt).padStart(16, '0')

/** What is wrong with something that claims to be a command; null when it is one. */
const faultOf = (command: unknown): string | null => {
  if (typeof command !== 'object' || command === null) return 'a command is an object'
  const fields = command as Readonly<Record<string, unknown>>
  const type = fields['type']
  if (type === 'direct') return fields['command'] === undefined ? 'command is missing' : null
  if (type !== 'register' && type !== 'apply' && type !== 'close') return 'type is register, apply, close or direct'
  if (typeof fields['client'] !== 'string' || fields['client'] === '') return 'client is a non-empty string'
  if (type !== 'apply') return null
  const { sequence, acknowledged, open } = fields
  if (!isCounter(sequence) || sequence === 0) return 'sequence is a whole number, 1 or more'
  if (!isCounter(acknowledged) || acknowledged >= sequence) return 'acknowledged is a whole number less than sequence'
  if (open !== undefined && typeof open !== 'boolean') return 'open is true or false'
  return fields['command'] === undefined ? 'command is missing' : null
}

/**
 * One record for each response, so that an object is bounded however much a client has under way: [client, usedAt,
 * floor, sequence, result]; or the first three only for a session without responses, whose sequence counts as 0.
 */
const RECORDS: Records<SessionTable, Position> = {
  *after(table, position) {
    for (const [client, { usedAt, floor, responses }] of table.sessions.entries(position?.[0])) {
      const begun = position !== null && client === position[0] ? position[1] : -1
      const head = [client, usedAt, floor]
      if (responses.length === 0 && begun < 0) yield { position: [client, 0], record: head }
      for (const { sequence, answer } of responses) {
        if (sequence > begun) yield { position: [client, sequence], record: [...head, sequence, answer.result] }
      }
    }
  },
  last({ sessions }) {
    const client = sessions.maxKey()
    return client === undefined ? null : [client, sessions.get(client)?.responses.at(-1)?.sequence ?? 0]
  },
  parse(value) {
    const [client, sequence] = arrayOf(value) ?? []
    return typeof client === 'string' && isCounter(sequence) ? [client, sequence] : null
  },
  isLess: (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]),
  add(partial, _position, added) {
    const sessions = partial.sessions.edit()
    const order = partial.order.edit()
    for (const record of added) {
      const error = addRecord(sessions, order, arrayOf(record) ?? [])
      if (error !== null) return { error }
    }
    return { state: { sessions: sessions.done(), order: order.done() } }
  },
}

type Position = readonly [client: string, sequence: number]

/** Adds one record, unless it is there. The reason if it is none, or contradicts what is there; null otherwise. */
const addRecord = (
  sessions: MapEdit<Session>,
  order: MapEdit<string>,
  [client, usedAt, floor, sequence, result]: readonly JsonValue[],
): string | null => {
  if (typeof client !== 'string' || !isCounter(usedAt) || !isCounter(floor)) return 'the object is damaged'
  const session = sessions.get(client) ?? { usedAt, floor, responses: [] }
  if (session.usedAt !== usedAt || session.floor !== floor) return 'the object is from another snapshot'
  order.set(stampOf(usedAt), client)
  sessions.set(client, session)
  if (sequence === undefined) return null
  if (!isCounter(sequence) || result === undefined) return 'the object is damaged'
  if (sequence <= (session.responses.at(-1)?.sequence ?? 0)) return null
  const response: Response = { sequence, answer: { type: 'applied', result } }
  sessions.set(client, { ...session, responses: [...session.responses, response] })
  return null
}
