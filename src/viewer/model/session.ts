import type { Trace } from '../../trace/format.ts'
import { describeEvent, describeStep } from '../../trace/describe.ts'
import { fieldOf } from './changes.ts'
import { ClaimRun, brokenRecorded, type Broken } from './claims.ts'
import { parseFilter, type Filter } from './filter.ts'
import { KINDS, bitOf, kindsIn, type Kind } from './kinds.ts'
import { MachineValue, type ValueView } from './machine-value.ts'
import { nodeView, type NodeView } from './node-view.ts'
import { overviewOf, type Overview } from './overview.ts'
import { sceneOf, type Scene } from './scene.ts'
import { stepView, type StepView } from './step-view.ts'
import { Timeline } from './timeline.ts'
import type { Reducer } from '../../core/output.ts'

/** About a trace as a whole. Plain data. */
export interface Summary {
  readonly nodes: readonly string[]
  readonly events: number
  readonly steps: number
  /** How far it could be replayed, and why no further. */
  readonly replayed: number
  readonly problem: string | null
  readonly isCut: boolean
  readonly core: string
  /** The event to open at: the first violation that was recorded, else the last event of a halted replay, else the first. */
  readonly opening: number
  readonly counts: Readonly<Record<Kind, number>>
}

export interface Moment {
  readonly step: StepView | null
  readonly nodes: readonly NodeView[]
  readonly values: readonly (ValueView | null)[]
  readonly broken: Broken | null
}

export interface Row {
  readonly at: number
  readonly step: number | null
  readonly node: string
  readonly text: string
  readonly kinds: readonly Kind[]
}

export interface CheckProgress {
  readonly checked: number
  readonly events: number
  readonly isDone: boolean
  readonly hashes: number
  readonly found: Broken | null
}

const MATCHES_MAX = 100_000

/** One opened trace, and every question that a page asks about it. Answers are plain data. */
export class Session {
  readonly timeline: Timeline
  private readonly claims: ClaimRun
  private value: MachineValue | null = null
  private recorded: Broken | null = null
  private found: { readonly text: string; readonly at: readonly number[] } = { text: '', at: [] }

  constructor(trace: Trace, step?: Reducer) {
    this.timeline = new Timeline(trace, step)
    this.claims = new ClaimRun(this.timeline)
  }

  /** Replays some more; false when all is read. */
  advance(count: number): boolean {
    return this.timeline.advance(count)
  }

  summary(): Summary {
    const { trace, halt, length, eventOfStep, bits } = this.timeline
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>
    for (let at = 0; at < length; at++) for (const kind of kindsIn(bits.at(at))) counts[kind]++
    const violation = trace.events.findIndex(({ t }) => t === 'viol')
    this.recorded = violation === -1 ? null : brokenRecorded(this.timeline, violation)
    const opening = this.recorded?.at ?? (halt === null ? 0 : Math.min(halt.at, Math.max(0, length - 1)))
    return {
      nodes: this.timeline.nodes,
      events: trace.events.length,
      steps: eventOfStep.length,
      replayed: length,
      problem: halt === null ? null : halt.reason,
      isCut: trace.end === null,
      core: trace.header.core,
      opening,
      counts,
    }
  }

  /** Everything about the moment after an event. */
  moment(at: number): Moment {
    const { timeline } = this
    const broken = this.brokenAt(at)
    const states = timeline.statesAt(Math.min(at, timeline.length - 1))
    return {
      step: stepView(timeline, at),
      nodes: states.map((state, place) => nodeView(timeline.nodes[place] ?? '', state, broken?.index ?? null)),
      values: states.map((state) => (state === null ? null : this.values().after(state.server.lastApplied))),
      broken,
    }
  }

  private brokenAt(at: number): Broken | null {
    const { found } = this.claims
    const known = found ?? this.recorded
    if (known === null) return null
    const event = this.timeline.trace.events[at]
    return known.at === at || event?.t === 'viol' ? known : null
  }

  /** The first time it is asked for, every applied entry is looked at once. */
  private values(): MachineValue {
    if (this.value !== null) return this.value
    const value = new MachineValue()
    const { timeline } = this
    for (let at = 0; at < timeline.length; at++) {
      if (timeline.trace.events[at]?.t !== 'in') continue
      for (const output of timeline.takenAt(at)?.outputs ?? [])
        if (output.type === 'apply') for (const entry of output.entries) value.add(entry)
    }
    this.value = value
    return value
  }

  scene(from: number, to: number): Scene {
    return sceneOf(this.timeline, from, to)
  }

  overview(columns: number): Overview {
    return overviewOf(this.timeline, columns)
  }

  rows(from: number, to: number): readonly Row[] {
    const rows: Row[] = []
    for (let at = Math.max(0, from); at <= Math.min(to, this.timeline.length - 1); at++) rows.push(this.row(at))
    return rows
  }

  private row(at: number): Row {
    const event = this.timeline.trace.events[at]
    const taken = this.timeline.takenAt(at)
    return {
      at,
      step: event?.t === 'in' ? event.i : null,
      node: this.timeline.nodes[this.timeline.node.at(at)] ?? '',
      text: taken !== null ? describeStep(taken) : event === undefined ? '' : describeEvent(event),
      kinds: kindsIn(this.timeline.bits.at(at)),
    }
  }

  /** The events that a filter leaves, at most MATCHES_MAX of them; `error` for a filter that makes no sense. */
  matches(text: string): { readonly count: number; readonly error: string | null } {
    const parsed = parseFilter(text)
    if ('error' in parsed) return { count: 0, error: parsed.error }
    this.found = { text, at: this.select(parsed.filter) }
    return { count: this.found.at.length, error: null }
  }

  private select(filter: Filter): readonly number[] {
    const at: number[] = []
    for (let event = 0; event < this.timeline.length && at.length < MATCHES_MAX; event++)
      if (filter(this.timeline, event)) at.push(event)
    return at
  }

  /** Rows of the events that the last filter left. */
  matchRows(first: number, count: number): readonly Row[] {
    return this.found.at.slice(first, first + count).map((at) => this.row(at))
  }

  /** The place among the matches of the first one at or after an event. */
  matchPlace(at: number): number {
    const place = this.found.at.findIndex((match) => match >= at)
    return place === -1 ? this.found.at.length : place
  }

  /** The next (1) or previous (−1) event of a kind, or match of the last filter; null where there is none. */
  jump(kind: Kind | 'match', from: number, direction: 1 | -1): number | null {
    if (kind === 'match') {
      const { at } = this.found
      return (direction === 1 ? at.find((match) => match > from) : at.findLast((match) => match < from)) ?? null
    }
    const bit = bitOf(kind)
    const { bits, length } = this.timeline
    if (kind === 'violation' && this.claims.found !== null) {
      const { at } = this.claims.found
      if (direction === 1 ? at > from : at < from) return at
    }
    for (let at = from + direction; at >= 0 && at < length; at += direction) if ((bits.at(at) & bit) !== 0) return at
    return null
  }

  eventOfStep(step: number): number | null {
    const at = this.timeline.eventOfStep.at(step)
    return at === -1 ? null : at
  }

  /** The latest event at or before `at` that changed a field of a node. */
  lastChanged(node: string, path: string, at: number): number | null {
    const { timeline } = this
    const lane = timeline.placeOf(node)
    for (let event = at; event >= 0; event--) {
      if (timeline.node.at(event) !== lane) continue
      const taken = timeline.takenAt(event)
      if (taken === null) {
        if (timeline.trace.events[event]?.t === 'fault') return event
        continue
      }
      if (fieldOf(taken.before, path) !== fieldOf(taken.after, path)) return event
    }
    return null
  }

  /** Checks some more claims and hashes. */
  check(count: number): CheckProgress {
    if (!this.claims.isDone) this.claims.advance(count)
    const { checked, isDone, hashes, found } = this.claims
    return { checked, events: this.timeline.length, isDone, hashes, found }
  }

  /** The first event at which two traces differ, or at which one of them ends; null when they are equal. */
  firstDifference(other: Session): number | null {
    const mine = this.timeline.trace.events
    const theirs = other.timeline.trace.events
    for (let at = 0; at < Math.max(mine.length, theirs.length); at++)
      if (JSON.stringify(withoutHash(mine[at])) !== JSON.stringify(withoutHash(theirs[at]))) return at
    return null
  }
}

/** Hashes are written now and then only: they are no difference of the runs. */
const withoutHash = (event: unknown): unknown =>
  typeof event === 'object' && event !== null ? { ...event, h: undefined, s: undefined } : event
