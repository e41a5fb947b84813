import { UsageError } from '../../core/assert.ts'
import type { JsonValue } from '../../core/entry.ts'
import { REQUEST_MAX } from './lines.ts'
import { decimalOf, mayHoldNumerals, parseNumerals } from '../../codec/numerals.ts'

/** A line of the wire, checked as far as every dialect needs it. */
export interface Request {
  readonly src: string
  readonly dest: string
  readonly type: string
  /** A string of digits where a double would round the number; null when the sender wants no answer. */
  readonly msgId: number | string | null
  /** The number of our line that this one answers. */
  readonly inReplyTo: number | null
  readonly body: Readonly<Record<string, unknown>>
  /** Why the body is refused: it has a number that could not be kept, or is too long to be carried on. Usually null. */
  readonly bodyProblem: string | null
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

/** A request that cannot be served; it has changed nothing. An answer, not a fault of this program: it has no stack. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: number
  constructor(code: number, text: string) {
    const { stackTraceLimit } = Error
    // A stack costs many times what the request does.
    Error.stackTraceLimit = 0
    super(text)
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
  }
}

/**
 * What to answer when a request was not carried out; null when the error concerns the node as a whole. A UsageError
 * means that the core was asked for something it never does: it was thrown before anything changed.
 */
export const refusalOf = (error: unknown): RequestError | null => {
  if (error instanceof RequestError) return error
  return error instanceof UsageError ? new RequestError(ERROR.malformedRequest, error.message) : null
}

/** Reads a line. A problem is for people to see; it is not answered, as nobody knows whom to answer. */
export const parseLine = (line: string): { readonly request: Request } | { readonly problem: string } => {
  let value: unknown
  try {
    value = withoutNegativeZeros(line, JSON.parse(line))
  } catch {
    return { problem: 'it is not JSON' }
  }
  if (!isObject(value)) return { problem: 'it is not an object' }
  const { src, dest, body } = value
  if (typeof src !== 'string' || typeof dest !== 'string') return { problem: 'src and dest are not both strings' }
  if (!isObject(body)) return { problem: 'body is not an object' }
  const type = typeof body['type'] === 'string' ? body['type'] : ''
  const read = isBetweenNodes(type) || !mayHoldNumerals(line) ? { body, bodyProblem: null } : exactly(line, type, body)
  const msgId = wholeNumberOf(read.body['msg_id'])
  const inReplyTo = wholeNumberOf(read.body['in_reply_to'])
  // Numbers of our own lines are small: what answers a larger one answers nothing.
  if (msgId === undefined || inReplyTo === undefined || typeof inReplyTo === 'string')
    return { problem: 'msg_id and in_reply_to are not whole numbers' }
  const bodyProblem = read.bodyProblem ?? (isBetweenNodes(type) ? null : lengthProblem(line, body))
  return { request: { src, dest, type, msgId, inReplyTo, body: JUDGED.has(type) ? read.body : body, bodyProblem } }
}

/** What nodes say to each other. Its numbers were rounded when they came in, and JSON carries a double unchanged. */
export const isBetweenNodes = (type: string): boolean => type === 'raft' || type === 'forward' || type === 'forwarded'

/** Requests that keep nothing: their numbers are compared as they are written, see {@link parseNumerals}. */
const JUDGED: ReadonlySet<string> = new Set(['verify_linearizability'])

type Body = Request['body']

/** The body with all numbers as they are written, and what is wrong with them. */
const exactly = (line: string, type: string, body: Body): Pick<Request, 'body' | 'bodyProblem'> => {
  try {
    // It was an object around an object a moment ago.
    const exact = (withoutNegativeZeros(line, parseNumerals(line)) as { readonly body: Body }).body
    const beyond = JUDGED.has(type) ? null : numberBeyond({ ...exact, msg_id: null, in_reply_to: null })
    const bodyProblem =
      beyond === null
        ? null
        : `the number ${excerpt(beyond)} is beyond ±(2^53 − 1) and would be rounded; send it as a string`
    return { body: exact, bodyProblem }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { body, bodyProblem: error.message }
  }
}

/** What a character of a line becomes at most: half a surrogate pair six, and 1e15, with its comma, 17 instead of 5. */
const GROWTH_MAX = 6

const lengthProblem = (line: string, body: Body): string | null => {
  if (line.length * GROWTH_MAX <= REQUEST_MAX) return null
  const length = jsonLength(body)
  return length <= REQUEST_MAX ? null : `the body takes ${length} characters as JSON, of ${REQUEST_MAX} at most`
}

/** The length of what JSON.stringify gives. No recursion, as before. */
export const jsonLength = (value: unknown): number => {
  let length = 0
  const stack = [value]
  while (stack.length > 0) {
    const item = stack.pop()
    if (typeof item !== 'object' || item === null) {
      length += typeof item === 'number' ? String(item).length : JSON.stringify(item).length
      continue
    }
    const inner: readonly unknown[] = Object.values(item)
    // Brackets and commas.
    length += 2 + Math.max(0, inner.length - 1)
    for (const each of inner) stack.push(each)
    if (Array.isArray(item)) continue
    for (const name of Object.keys(item)) length += JSON.stringify(name).length + 1
  }
  return length
}

/** A number in a value whose double may stand for other whole numbers too, or is none; null when there is none. */
const numberBeyond = (value: unknown): string | null => {
  // No recursion: a line may nest deeper than the stack.
  const stack = [value]
  while (stack.length > 0) {
    const item = stack.pop()
    const decimal = typeof item === 'number' ? String(item) : decimalOf(item)
    if (decimal !== null && !(Math.abs(Number(decimal)) <= Number.MAX_SAFE_INTEGER)) return decimal
    if (typeof item === 'object' && item !== null) for (const inner of Object.values(item)) stack.push(inner)
  }
  return null
}

/** As text when a double would not do; undefined for what is no whole number. */
const wholeNumberOf = (value: unknown): number | string | null | undefined => {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isInteger(value))
    return Number.isSafeInteger(value) ? value : BigInt(value).toString()
  const decimal = decimalOf(value)
  return decimal !== null && /^-?\d+(?:e\d+)?$/.test(decimal) ? decimal : undefined
}

/** @throws RequestError when a request is for another node, as two might act on it, or its body is refused. */
export const checkRequest = ({ type, dest, bodyProblem }: Request, self: string): void => {
  // A second init for another node is refused by a reason of its own.
  if (dest !== self && type !== 'init')
    throw new RequestError(ERROR.malformedRequest, `this is node ${self}, not ${dest}`)
  if (bodyProblem !== null) throw new RequestError(ERROR.malformedRequest, `${type}: ${bodyProblem}`)
}

/** Text that may have −0 in it, or a negative number that rounds to it. */
const NEGATIVE_ZERO = /-0|-[\d.]+[eE]-/

/** JSON text can say −0, which JSON.stringify writes as 0: as a command it would be refused. */
const withoutNegativeZeros = (line: string, value: unknown): unknown => {
  if (!NEGATIVE_ZERO.test(line)) return value
  if (typeof value !== 'object' || value === null) return value
  // No recursion, as before: what is too deep may lie beside a value that is taken.
  const stack: object[] = [value]
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) makeZeros(item, stack)
  return value
}

/** Makes 0 of each −0 directly in an item; adds what else is to be searched to the stack. */
const makeZeros = (item: object, stack: object[]): void => {
  const visit = (name: string | number, inner: unknown): void => {
    if (Object.is(inner, -0)) Reflect.set(item, name, 0)
    else if (typeof inner === 'object' && inner !== null) stack.push(inner)
  }
  // Without a list of its entries: of millions of numbers on a line that takes a hundred times the line's memory.
  if (Array.isArray(item)) for (let at = 0; at < item.length; at++) visit(at, item[at])
  else for (const name of Object.keys(item)) visit(name, Reflect.get(item, name))
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const excerpt = (text: string, lengthMax = 200): string =>
  text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text
