import type { ReplyBody } from '../envelope.ts'
import type { CourseHost } from './host.ts'
import type { CourseType, Fields } from './requests.ts'

/** The answer to a request; null where the course has none. The state it tells of is durable when it leaves. */
export type Answer = ReplyBody | null

/** One handler a row of the course's table. @throws RequestError: nothing has changed then. */
export type Handlers = {
  readonly [T in CourseType]: (host: CourseHost, fields: Fields<T>) => Answer | Promise<Answer>
}
