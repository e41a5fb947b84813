import type { ReplyBody, Request } from '../envelope.ts'
import type { CourseHost } from './host.ts'
import type { Later } from './later.ts'
import { fieldsOf, type CourseType, type Fields } from './requests.ts'

/** The answer to a request; null where the course has none. The state it tells of is durable when it leaves. */
export type Answer = ReplyBody | null

/** An answer, or one that waits for a commit; the promise resolves when the next request may be handled. */
export type Answering = Answer | Later<Answer> | Promise<Answer | Later<Answer>>

/** One handler a row of the course's table. @throws RequestError: nothing has changed then. */
export type Handlers = {
  readonly [T in CourseType]: (host: CourseHost, fields: Fields<T>) => Answering
}

/** Checks the request's fields, and has them handled. The type parameter ties the schema to its handler. */
export const handle = <T extends CourseType>(
  handlers: { readonly [K in T]: (host: CourseHost, fields: Fields<K>) => Answering },
  type: T,
  host: CourseHost,
  request: Request,
): Answering => handlers[type](host, fieldsOf(type, request))
