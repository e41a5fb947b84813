import type { ReplyBody, Request } from '../envelope.ts'
import type { CourseHost } from './host.ts'
import { fieldsOf, type CourseType, type Fields } from './requests.ts'

/** The answer to a request; null where the course has none. The state it tells of is durable when it leaves. */
export type Answer = ReplyBody | null

/** One handler a row of the course's table. @throws RequestError: nothing has changed then. */
export type Handlers = {
  readonly [T in CourseType]: (host: CourseHost, fields: Fields<T>) => Answer | Promise<Answer>
}

/** Checks the request's fields, and has them handled. The type parameter ties the schema to its handler. */
export const handle = <T extends CourseType>(
  handlers: { readonly [K in T]: (host: CourseHost, fields: Fields<K>) => Answer | Promise<Answer> },
  type: T,
  host: CourseHost,
  request: Request,
): Answer | Promise<Answer> => handlers[type](host, fieldsOf(type, request))
