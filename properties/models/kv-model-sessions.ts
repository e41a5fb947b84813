import fc from 'fast-check'
import type { KvCommand, KvResult } from '../../src/machine/kv/kv.ts'
import type { SessionCommand, SessionResult } from '../../src/machine/sessions.ts'
import { KvModel, commands } from './kv-model.ts'

export type Command = SessionCommand<KvCommand>
export type Result = SessionResult<KvResult>

interface ModelSession {
  floor: number
  readonly responses: Map<number, KvResult>
}

const FRESH = (): ModelSession => ({ floor: 0, responses: new Map() })

/** Sessions as a specification: one command at a time, a Map whose insertion order is the order of use. */
export class SessionsModel {
  readonly kv = new KvModel()
  readonly sessions = new Map<string, ModelSession>()
  /** How often each (client, sequence) was applied, over the model's whole life. */
  readonly applications = new Map<string, number>()
  readonly #sessionsMax: number
  readonly #responsesMax: number

  constructor(sessionsMax: number, responsesMax: number) {
    this.#sessionsMax = sessionsMax
    this.#responsesMax = responsesMax
  }

  apply(command: Command): Result {
    switch (command.type) {
      case 'direct':
        return { type: 'applied', result: this.kv.apply(command.command) }
      case 'close':
        this.sessions.delete(command.client)
        return { type: 'closed' }
      case 'register':
        this.#use(command.client, this.sessions.get(command.client) ?? FRESH())
        return { type: 'registered' }
      case 'apply':
        return this.#applyInSession(command)
    }
  }

  #applyInSession(command: Extract<Command, { type: 'apply' }>): Result {
    const { client, sequence, acknowledged } = command
    const opened = command.open === true && sequence === 1 ? FRESH() : undefined
    const session = this.sessions.get(client) ?? opened
    if (session === undefined) return { type: 'sessionExpired' }
    this.#use(client, session)
    this.#forget(session, acknowledged)
    if (sequence <= session.floor) return { type: 'forgotten' }
    const known = session.responses.get(sequence)
    if (known !== undefined) return { type: 'applied', result: known }
    const result = this.kv.apply(command.command)
    const name = `${client}/${sequence}`
    this.applications.set(name, (this.applications.get(name) ?? 0) + 1)
    session.responses.set(sequence, result)
    if (session.responses.size > this.#responsesMax) this.#forget(session, Math.min(...session.responses.keys()))
    return { type: 'applied', result }
  }

  #forget(session: ModelSession, upTo: number): void {
    session.floor = Math.max(session.floor, upTo)
    for (const sequence of session.responses.keys()) if (sequence <= session.floor) session.responses.delete(sequence)
  }

  #use(client: string, session: ModelSession): void {
    this.sessions.delete(client)
    this.sessions.set(client, session)
    for (const oldest of this.sessions.keys()) {
      if (this.sessions.size <= this.#sessionsMax) break
      this.sessions.delete(oldest)
    }
  }
}

export const clients: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', '\ud800')

/** Commands in any order, small numbers: duplicates, gaps, late ones and unknown clients are all frequent. */
export const sessionCommands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant('register' as const), client: clients }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close' as const), client: clients }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('direct' as const), command: commands }) },
  {
    weight: 12,
    arbitrary: fc
      .record({
        client: clients,
        sequence: fc.integer({ min: 1, max: 8 }),
        behind: fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 8 })),
        command: commands,
        open: fc.boolean(),
      })
      .map(({ client, sequence, behind, command, open }): Command => {
        return { type: 'apply', client, sequence, acknowledged: Math.max(0, sequence - behind), command, open }
      }),
  },
)

export const sessionBatches: fc.Arbitrary<Command[][]> = fc.array(
  fc.array(sessionCommands, { maxLength: 12, size: 'large' }),
  { maxLength: 10, size: 'large' },
)
