import type { Output } from '../../core/output.ts'
import { describeEvent, describeStep, describeRpc, describeOutputs } from '../../trace/describe.ts'
import { lineOf } from '../../trace/format.ts'
import { changesBetween, type Change } from './changes.ts'
import { kindsIn, type Kind } from './kinds.ts'
import { sourceOf } from './arrows.ts'
import type { Timeline } from './timeline.ts'

/** What the panel of the chosen event shows. Plain data. */
export interface StepView {
  readonly at: number
  readonly step: number | null
  readonly line: number
  readonly node: string | null
  readonly time: number
  readonly title: string
  readonly text: string
  readonly kinds: readonly Kind[]
  /** The message as JSON, for who wants all of it. */
  readonly message: string
  readonly changes: readonly Change[]
  readonly outputs: readonly string[]
  /** What becomes true only with the save: sent once it is durable. */
  readonly promises: readonly string[]
  /** The event that sent the message, and the one at which this step's save was durable. */
  readonly source: number | null
  readonly durableAt: number | null
}

const MESSAGE_CHARS_MAX = 4_000

export const stepView = (timeline: Timeline, at: number): StepView | null => {
  const event = timeline.trace.events[at]
  if (event === undefined) return null
  const taken = at < timeline.length ? timeline.takenAt(at) : null
  const durable = timeline.traffic.durableAt.at(at)
  const body = event.t === 'in' ? event.m : event
  const text = JSON.stringify(body, null, 1)
  return {
    at,
    step: event.t === 'in' ? event.i : event.t === 'viol' ? event.i : null,
    line: lineOf(timeline.trace, at),
    node: 'n' in event ? (event.n ?? null) : null,
    time: event.at,
    title: describeEvent(event),
    text: taken === null ? describeEvent(event) : describeStep(taken),
    kinds: kindsIn(Math.max(0, timeline.bits.at(at))),
    message: text.length > MESSAGE_CHARS_MAX ? `${text.slice(0, MESSAGE_CHARS_MAX)}\n…` : text,
    changes: taken === null ? [] : changesBetween(taken.before, taken.after),
    outputs:
      taken === null ? [] : describeOutputs(taken.outputs, taken.event.m).filter((line) => !line.startsWith('then ')),
    promises: taken === null ? [] : promisesOf(taken.outputs),
    source: sourceOf(timeline, at),
    durableAt: durable === -1 ? null : durable,
  }
}

const promisesOf = (outputs: readonly Output[]): readonly string[] =>
  outputs.flatMap((output) =>
    output.type === 'save' ? output.then.map(({ to, rpc }) => `to ${to}: ${rpc.type} ${describeRpc(rpc)}`) : [],
  )
