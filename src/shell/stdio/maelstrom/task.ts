import type { JsonValue } from '../../../core/entry.ts'
import { VALUE_DEPTH_MAX } from '../../../core/json.ts'
import { kvGet, type KvResult } from '../../../machine/kv/kv.ts'
import type { Command, Result, State } from '../context.ts'
import { isObject, type ReplyBody, type Request } from '../envelope.ts'
import { isShallow } from './operation.ts'

/**
 * What a leader is asked to do, by itself or by another node. Whoever asks may ask again: reads change nothing, and
 * commands are numbered by a session.
 */
export type Task =
  { readonly type: 'read'; readonly key: string } | { readonly type: 'propose'; readonly command: Command }

/** The answer to a read, in the words in which commands are answered. */
export const readResult = (state: State, key: string): Result => {
  const value = kvGet(state.machine, key)
  return { type: 'applied', result: value === undefined ? { type: 'missing' } : { type: 'value', value } }
}

/*
 * Between nodes: `forward` asks, `forwarded` answers. Silence says nothing, and there is no way to say no: whoever asked
 * asks again, the same node or the next leader.
 */

export const forwardBody = (id: string, task: Task): ReplyBody => ({ type: 'forward', id, task })

/** What a `forward` asks for; null when it makes no sense. What is wrong with a command the machine will say. */
export const readForward = ({ body }: Request): { readonly id: string; readonly task: Task } | null => {
  const { id, task } = body
  if (typeof id !== 'string' || !isObject(task)) return null
  const { type, key, command } = task
  if (type === 'read') return typeof key === 'string' ? { id, task: { type, key } } : null
  // A session's command is an object around one of the machine's, which is an object around values.
  if (type !== 'propose' || !isObject(command) || !isShallow(command, VALUE_DEPTH_MAX + 2)) return null
  return { id, task: { type, command: command as Command } }
}

export const forwardedBody = (id: string, result: Result): ReplyBody => ({ type: 'forwarded', id, result })

/** What a `forwarded` answers; null when it makes no sense. */
export const readForwarded = ({ body }: Request): { readonly id: string; readonly result: Result } | null => {
  const { id } = body
  const result = resultOf(body['result'])
  return typeof id === 'string' && result !== null ? { id, result } : null
}

const resultOf = (value: unknown): Result | null => {
  if (!isObject(value)) return null
  const { type, reason } = value
  switch (type) {
    case 'registered':
    case 'closed':
    case 'forgotten':
    case 'sessionExpired':
      return { type }
    case 'invalid':
      return typeof reason === 'string' ? { type, reason } : null
    case 'applied': {
      const result = kvResultOf(value['result'])
      return result === null ? null : { type, result }
    }
    default:
      return null
  }
}

const kvResultOf = (value: unknown): KvResult | null => {
  if (!isObject(value)) return null
  const { type, reason } = value
  switch (type) {
    case 'ok':
    case 'missing':
      return { type }
    case 'value':
    case 'mismatch':
      return value['value'] === undefined ? null : { type, value: value['value'] as JsonValue }
    case 'invalid':
      return typeof reason === 'string' ? { type, reason } : null
    default:
      return null
  }
}
