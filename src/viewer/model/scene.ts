import { arrowsIn, type Arrow } from './arrows.ts'
import { describeEvent } from '../../trace/describe.ts'
import { bitOf, kindsIn, type Kind } from './kinds.ts'
import type { Timeline } from './timeline.ts'

/** One event as a mark on its lane. */
export interface Mark {
  readonly at: number
  /** −1: an event of the whole cluster. */
  readonly lane: number
  readonly kinds: readonly Kind[]
  readonly title: string
}

/** Part of a lane. `down` is a gap; `led`, `candidate`: the role; `write`: a save from issue to durable. */
export interface Span {
  readonly lane: number
  readonly from: number
  readonly to: number
  readonly kind: 'down' | 'led' | 'candidate' | 'write'
  readonly term: number
  /** For a write that was not seen to be durable. */
  readonly isOpen: boolean
}

/** A stretch in which the network is split. */
export interface Split {
  readonly from: number
  readonly to: number
  readonly groups: readonly (readonly string[])[]
}

/** All that a space-time diagram of [from, to] shows: a list, drawn by whoever has something to draw on. */
export interface Scene {
  readonly from: number
  readonly to: number
  readonly lanes: readonly string[]
  readonly marks: readonly Mark[]
  readonly spans: readonly Span[]
  readonly splits: readonly Split[]
  readonly arrows: readonly Arrow[]
}

/** Messages in one scene, at most: the eye cannot follow more. */
const ARROWS_MAX = 600

export const sceneOf = (timeline: Timeline, from: number, to: number): Scene => {
  const first = Math.max(0, from)
  const last = Math.min(to, timeline.length - 1)
  const marks: Mark[] = []
  for (let at = first; at <= last; at++) {
    const event = timeline.trace.events[at]
    if (event === undefined || event.t === 'op') continue
    marks.push({ at, lane: timeline.node.at(at), kinds: kindsIn(timeline.bits.at(at)), title: describeEvent(event) })
  }
  return {
    from: first,
    to: last,
    lanes: timeline.nodes,
    marks,
    spans: [...rolesIn(timeline, first, last), ...writesIn(timeline, first, last)],
    splits: splitsIn(timeline, first, last),
    arrows: arrowsIn(timeline, first, last).slice(0, ARROWS_MAX),
  }
}

/** Stretches of each lane in which it is down, leads or campaigns. */
const rolesIn = (timeline: Timeline, from: number, to: number): readonly Span[] => {
  const spans: Span[] = []
  const open: (Span | null)[] = timeline.nodes.map(() => null)
  const close = (lane: number, at: number): void => {
    const span = open[lane] ?? null
    if (span !== null) spans.push({ ...span, to: at })
    open[lane] = null
  }
  for (let at = from; at <= to; at++) {
    const states = at === from ? [...timeline.nodes.keys()] : [timeline.node.at(at)]
    for (const lane of states) {
      if (lane === -1) continue
      const state = timeline.statesAt(at)[lane] ?? null
      const role = state?.server.role.type
      const kind =
        state === null ? 'down' : role === 'leader' ? 'led' : role === 'follower' ? null : ('candidate' as const)
      const term = state?.server.currentTerm ?? 0
      const was = open[lane] ?? null
      if (was !== null && was.kind === kind && was.term === term) continue
      close(lane, at)
      if (kind !== null) open[lane] = { lane, from: at, to: at, kind, term, isOpen: false }
    }
  }
  for (const lane of timeline.nodes.keys()) close(lane, to)
  return spans
}

const TRUNCATION = bitOf('truncation')

const writesIn = (timeline: Timeline, from: number, to: number): readonly Span[] => {
  const spans: Span[] = []
  for (let at = from; at <= to; at++) {
    const done = timeline.traffic.durableAt.at(at)
    const lane = timeline.node.at(at)
    const isLost =
      done === -1 && lane !== -1 && (timeline.takenAt(at)?.outputs.some(({ type }) => type === 'save') ?? false)
    if (done === -1 && !isLost) continue
    const term = (timeline.bits.at(at) & TRUNCATION) !== 0 ? -1 : timeline.term.at(at)
    spans.push({
      lane,
      from: at,
      to: done === -1 ? Math.min(to, at + 1) : done,
      kind: 'write',
      term,
      isOpen: done === -1,
    })
  }
  return spans
}

/** Looks back a while for a split that was there before. */
const LOOK_BACK = 4_096

const splitsIn = ({ trace }: Timeline, from: number, to: number): readonly Split[] => {
  const splits: Split[] = []
  let open: { from: number; groups: Split['groups'] } | null = null
  for (let at = Math.max(0, from - LOOK_BACK); at <= to; at++) {
    const event = trace.events[at]
    if (event?.t !== 'fault' || (event.kind !== 'partition' && event.kind !== 'heal')) continue
    if (open !== null && at >= from) splits.push({ from: Math.max(from, open.from), to: at, groups: open.groups })
    open = event.kind === 'partition' ? { from: at, groups: event.groups } : null
  }
  if (open !== null) splits.push({ from: Math.max(from, open.from), to, groups: open.groups })
  return splits
}
