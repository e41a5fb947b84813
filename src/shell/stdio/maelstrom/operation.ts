import type { JsonValue } from '../../../core/entry.ts'
import { VALUE_DEPTH_MAX } from '../../../core/json.ts'
import type { KvCommand, KvResult } from '../../../machine/kv/kv.ts'
import { ERROR, RequestError, excerpt, jsonLength, type ReplyBody, type Request } from '../envelope.ts'
import { KEY_MAX } from '../lines.ts'

/** What the workload lin-kv asks of a store. */
export type Operation = Exclude<KvCommand, { readonly op: 'delete' }>

/** Reads a client's request. @throws RequestError (malformed) when a field is missing or is not what it should be. */
export const operationOf = ({ type, body }: Request): Operation => {
  switch (type) {
    case 'read':
      return { op: 'get', key: keyOf(body) }
    case 'write':
      return { op: 'put', key: keyOf(body), value: fieldOf(body, 'value') }
    case 'cas': {
      const create = body['create_if_not_exists'] ?? false
      if (typeof create !== 'boolean') throw malformed('create_if_not_exists is true or false')
      const key = keyOf(body)
      return { op: 'cas', key, from: fieldOf(body, 'from'), to: fieldOf(body, 'to'), createIfMissing: create }
    }
    default:
      throw new RequestError(ERROR.notSupported, `${type} is not supported`)
  }
}

const malformed = (text: string): RequestError => new RequestError(ERROR.malformedRequest, text)

/** @throws RequestError (malformed) when it is missing, or too long for the name of a snapshot's object. */
const keyOf = (body: Request['body']): string => {
  const key = storedKey(fieldOf(body, 'key'))
  if (key.length * 6 > KEY_MAX && jsonLength(key) > KEY_MAX)
    throw malformed(`key takes ${jsonLength(key)} characters as it is stored, of ${KEY_MAX} at most`)
  return key
}

const fieldOf = (body: Request['body'], name: string): JsonValue => {
  // A line is JSON, and so is everything in it.
  const value = body[name] as JsonValue | undefined
  if (value === undefined) throw malformed(`${name} is missing`)
  if (!isShallow(value)) throw malformed(`${name} is nested more than ${VALUE_DEPTH_MAX} deep`)
  return value
}

/** Whether a value is one that the machine takes, and that code which calls itself can walk. */
export const isShallow = (value: unknown, depth = VALUE_DEPTH_MAX): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (depth > 0 && Object.values(value).every((item) => isShallow(item, depth - 1)))

/**
 * The machine's keys are strings, Maelstrom's any JSON: a string stands for itself, anything else for the text of it
 * behind a NUL, and so does a string that begins with one. Different keys never meet; the order of an object's members
 * makes no different key.
 */
export const storedKey = (key: JsonValue): string =>
  typeof key === 'string' && !key.startsWith('\u0000') ? key : `\u0000${JSON.stringify(sorted(key))}`

const sorted = (value: JsonValue): JsonValue => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(sorted)
  // As pairs: an object would put members that look like numbers first, but all in one order, which is enough; a member
  // called __proto__ needs Object.fromEntries, which makes it one like any other.
  const members = Object.entries(value).map(([name, item]) => [name, sorted(item)] as const)
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * The reply to an operation that has taken effect, or has found that it has none. A read of a missing key is answered
 * by null if `missingIsNull`. @throws RequestError with a definite code where Maelstrom knows an error for the result.
 */
export const replyOf = (operation: Operation, result: KvResult, missingIsNull: boolean): ReplyBody => {
  switch (result.type) {
    case 'ok':
      return { type: operation.op === 'cas' ? 'cas_ok' : 'write_ok' }
    case 'value':
      return { type: 'read_ok', value: result.value }
    case 'missing':
      if (operation.op === 'get' && missingIsNull) return { type: 'read_ok', value: null }
      throw new RequestError(ERROR.keyDoesNotExist, 'there is no such key')
    case 'mismatch':
      throw new RequestError(
        ERROR.preconditionFailed,
        `the value is ${excerpt(JSON.stringify(result.value), 100)}, not what was expected`,
      )
    case 'invalid':
      throw malformed(result.reason)
  }
}
