import type { JsonValue } from '../../src/core/entry.ts'
import type { Input, Operation, Output } from '../../src/linearizability/history.ts'
import type { Clock } from '../../src/shell/clock.ts'
import type { Router } from './router.ts'

export type Body = { readonly type: string } & Readonly<Record<string, JsonValue>>

/** Indefinite: the operation may still take effect. */
const INDEFINITE: readonly JsonValue[] = [0, 13]

/** Clients of a cluster behind a router: they ask, and keep the history of it. */
export class Clients {
  readonly history: Operation[] = []
  private readonly router: Router
  private readonly clock: Clock
  private readonly waiting = new Map<string, (body: Body) => void>()
  /** Positions in the history of what certainly did not happen. */
  private readonly failed = new Set<number>()
  private asked = 0

  constructor(router: Router, clock: Clock) {
    this.router = router
    this.clock = clock
  }

  /** Sends a request to a node; resolves with the reply, when and if it comes. */
  ask(node: string, body: Body): Promise<Body> {
    const msgId = ++this.asked
    const name = `c${msgId}`
    return new Promise((resolve) => {
      this.router.client(name, (line) => {
        const { body: reply } = JSON.parse(line) as { body: Body }
        if (reply['in_reply_to'] !== msgId) throw new Error(`an answer to nothing: ${line}`)
        const waiting = this.waiting.get(name)
        if (waiting === undefined) throw new Error(`a second answer: ${line}`)
        this.waiting.delete(name)
        waiting(reply)
      })
      this.waiting.set(name, resolve)
      this.router.carry(JSON.stringify({ src: name, dest: node, body: { ...body, msg_id: msgId } }))
    })
  }

  /** Asks, and writes down what was asked and answered. The reply of an error has its code. */
  async record(node: string, input: Input): Promise<Body> {
    const at = this.history.length
    const open: Operation = { client: `c${at}`, call: this.clock.now(), return: null, input, output: null }
    this.history.push(open)
    const reply = await this.ask(node, bodyOf(input))
    const output = outputOf(input, reply)
    if (output === null) return reply
    this.history[at] = { ...open, return: this.clock.now(), output: output === 'nothing' ? null : output }
    if (output === 'nothing') this.failed.add(at)
    return reply
  }

  /** All but what certainly did not happen. */
  get operations(): readonly Operation[] {
    return this.history.filter((_, at) => !this.failed.has(at))
  }
}

const bodyOf = (input: Input): Body => {
  switch (input.kind) {
    case 'get':
      return { type: 'read', key: input.key }
    case 'put':
      return { type: 'write', key: input.key, value: input.value }
    case 'cas': {
      const { key, from, to, createIfMissing } = input
      return { type: 'cas', key, from, to, ...(createIfMissing ? { create_if_not_exists: true } : {}) }
    }
    case 'delete':
      throw new Error('lin-kv has no delete')
  }
}

/** Null when nobody knows; 'nothing' when it did not happen. */
const outputOf = (input: Input, reply: Body): Output | null | 'nothing' => {
  switch (reply.type) {
    case 'read_ok':
      return { type: 'value', value: reply['value'] ?? null }
    case 'write_ok':
    case 'cas_ok':
      return { type: 'ok' }
    case 'error': {
      const code = reply['code'] ?? null
      if (code === 20) return { type: 'missing' }
      if (code === 22 && input.kind === 'cas') return { type: 'mismatch' }
      if (code === 11) return 'nothing'
      if (INDEFINITE.includes(code)) return null
      break
    }
    default:
  }
  throw new Error(`unexpected reply: ${JSON.stringify(reply)}`)
}
