import type { NodeId } from '../../core/ids.ts'
import { describeEvent, describeStep } from '../describe.ts'
import type { StepEvent, Trace, TraceEvent } from '../format.ts'
import { linksOf, type Origins } from '../provenance.ts'
import { replay, type Replayed } from '../replay.ts'

/** How often each server has acted, as far as whoever holds the clock can know (Fidge, Mattern). */
export type VectorClock = ReadonlyMap<NodeId, number>

/** One event of one server, with everything that exports say of it. */
export interface Happening {
  readonly node: NodeId
  readonly event: TraceEvent
  readonly text: string
  readonly clock: VectorClock
  /** Null for what is no step, and for a step that the reducer did not survive. */
  readonly replayed: Replayed | null
  /** The step it answers, of whichever server. */
  readonly origin: number | null
}

/** All events of servers, in the order of the trace: steps, crashes, restarts and violations. */
export const happenings = (trace: Trace): readonly Happening[] => {
  const steps = new Map<number, Replayed>()
  replay(trace, { hashes: false, onStep: (step) => steps.set(step.event.i, step) })
  const origins = linksOf(trace, true)
  const clocks = new Map<NodeId, VectorClock>()
  const clockOfStep = new Map<number, VectorClock>()
  const found: Happening[] = []
  for (const event of trace.events) {
    const node = nodeOf(event)
    if (node === null) continue
    const origin = event.t === 'in' ? originOf(event, origins) : null
    const clock = tick(clocks.get(node), node, origin === null ? undefined : clockOfStep.get(origin))
    clocks.set(node, clock)
    if (event.t === 'in') clockOfStep.set(event.i, clock)
    const replayed = event.t === 'in' ? (steps.get(event.i) ?? null) : null
    found.push({
      node,
      event,
      text: replayed === null ? describeEvent(event) : describeStep(replayed),
      clock,
      replayed,
      origin,
    })
  }
  return found
}

const nodeOf = (event: TraceEvent): NodeId | null => {
  if (event.t === 'in') return event.n
  if (event.t === 'viol') return event.n ?? null
  return event.t === 'fault' && 'n' in event ? event.n : null
}

const originOf = (event: StepEvent, origins: Origins): number | null => origins[event.i]?.step ?? event.src ?? null

const tick = (own: VectorClock | undefined, node: NodeId, cause: VectorClock | undefined): VectorClock => {
  const clock = new Map(own)
  for (const [other, count] of cause ?? []) clock.set(other, Math.max(count, clock.get(other) ?? 0))
  clock.set(node, (own?.get(node) ?? 0) + 1)
  return clock
}
