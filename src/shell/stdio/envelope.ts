import type { JsonValue } from '../../core/entry.ts'

/** A line of the wire, checked as far as every dialect needs it. */
export interface Request {
  readonly src: string
  readonly dest: string
  readonly type: string
  /** Null when the sender wants no answer. */
  readonly msgId: number | null
  /** The number of our line that this one answers. */
  readonly inReplyTo: number | null
  readonly body: Readonly<Record<string, unknown>>
}

export type ReplyBody = { readonly type: string } & Readonly<Record<string, JsonValue>>

/** Maelstrom's error codes. Definite ones promise that the operation did not and will not happen. */
export const ERROR = {
  timeout: 0,
  notSupported: 10,
  temporarilyUnavailable: 11,
  malformedRequest: 12,
  crash: 13,
  keyDoesNotExist: 20,
  preconditionFailed: 22,
} as const

/** A request that cannot be served; it has changed nothing. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: number
  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}

/** Reads a line. A problem is for people to see; it is not answered, as nobody knows whom to answer. */
export const parseLine = (line: string): { readonly request: Request } | { readonly problem: string } => {
  let value: unknown
  try {
    value = line.includes('-0') ? JSON.parse(line, withoutNegativeZero) : JSON.parse(line)
  } catch {
    return { problem: 'not JSON' }
  }
  if (!isObject(value)) return { problem: 'not an object' }
  const { src, dest, body } = value
  if (typeof src !== 'string' || typeof dest !== 'string') return { problem: 'src and dest are not both strings' }
  if (!isObject(body)) return { problem: 'body is not an object' }
  const { type, msg_id: msgId = null, in_reply_to: inReplyTo = null } = body
  if (!isNumberOrNull(msgId) || !isNumberOrNull(inReplyTo))
    return { problem: 'msg_id and in_reply_to are not whole numbers' }
  return { request: { src, dest, type: typeof type === 'string' ? type : '', msgId, inReplyTo, body } }
}

/** JSON text can say −0, which JSON.stringify writes as 0: as a command it would be refused. */
const withoutNegativeZero = (_key: string, value: unknown): unknown => (Object.is(value, -0) ? 0 : value)

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNumberOrNull = (value: unknown): value is number | null => value === null || Number.isSafeInteger(value)
