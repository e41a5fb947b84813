import { sendsOf } from '../../core/output.ts'
import { describeRpc } from '../../trace/describe.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { Timeline } from './timeline.ts'

/** What became of a message. `unread`: still under way at the end of the trace. */
export type Fate = 'arrived' | 'lost' | 'unread'

/** One message between two lanes. Places in time are events. */
export interface Arrow {
  readonly rpc: Rpc['type']
  readonly from: number
  readonly to: number
  readonly start: number
  /** Null for one that never arrived. */
  readonly end: number | null
  /** Further arrivals. */
  readonly copies: readonly number[]
  readonly fate: Fate
  readonly label: string
}

/** Events after which a message that has not come is taken for lost. */
const PATIENCE = 400

/** The event with which the message of an event left its sender; null where there is none. */
export const sourceOf = ({ traffic }: Timeline, at: number): number | null => {
  const ordinal = traffic.origin.at(at)
  if (ordinal === -1) return null
  const left = traffic.leftAt.at(ordinal)
  return left === -1 ? traffic.sentAt.at(ordinal) : left
}

/** Every message that is sent or received in [from, to]. */
export const arrowsIn = (timeline: Timeline, from: number, to: number): readonly Arrow[] => {
  const seen = new Set<number>()
  const arrows: Arrow[] = []
  const add = (ordinal: number): void => {
    if (ordinal === -1 || seen.has(ordinal)) return
    seen.add(ordinal)
    const arrow = arrowOf(timeline, ordinal)
    if (arrow !== null) arrows.push(arrow)
  }
  for (let at = Math.max(0, from); at <= Math.min(to, timeline.length - 1); at++) {
    add(timeline.traffic.origin.at(at))
    const first = timeline.traffic.firstSend.at(at)
    if (first === -1) continue
    const { sentAt } = timeline.traffic
    for (let ordinal = first; sentAt.at(ordinal) === at; ordinal++) add(ordinal)
  }
  return arrows
}

const arrowOf = (timeline: Timeline, ordinal: number): Arrow | null => {
  const { traffic } = timeline
  const sent = traffic.sentAt.at(ordinal)
  const start = traffic.leftAt.at(ordinal)
  // A promise whose save was never durable has not left.
  if (start === -1) return null
  const taken = timeline.takenAt(sent)
  if (taken === null) return null
  const send = sendsOf(taken.outputs)[ordinal - traffic.firstSend.at(sent)]
  const to = send === undefined ? -1 : timeline.placeOf(send.to)
  if (send === undefined || to === -1) return null
  const arrived = traffic.arrivedAt.at(ordinal)
  return {
    rpc: send.rpc.type,
    from: timeline.node.at(sent),
    to,
    start,
    end: arrived === -1 ? null : arrived,
    copies: traffic.copies.get(ordinal) ?? [],
    fate:
      arrived !== -1
        ? 'arrived'
        : timeline.length - start > PATIENCE || isDropped(timeline, start, send.to)
          ? 'lost'
          : 'unread',
    label: `${send.rpc.type} ${describeRpc(send.rpc)}`,
  }
}

/** Whether the recorder saw the network drop what was sent here: its line stands just after the step. */
const isDropped = ({ trace, nodes, node }: Timeline, start: number, to: string): boolean => {
  for (let at = start + 1; at < Math.min(start + 12, trace.events.length); at++) {
    const event = trace.events[at]
    if (event?.t === 'in') return false
    if (event?.t === 'net' && event.kind === 'drop' && event.to === to && event.from === nodes[node.at(start)])
      return true
  }
  return false
}
