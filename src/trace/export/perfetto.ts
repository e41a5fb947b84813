import type { NodeId } from '../../core/ids.ts'
import type { RaftState } from '../../core/state.ts'
import type { Start, Trace } from '../format.ts'
import { happenings, type Happening } from './vector-clocks.ts'

/** One entry of the Chrome trace event format, as far as it is used here. */
interface ChromeEvent {
  readonly name: string
  /** M metadata, X slice, s and f the ends of an arrow, i instant, C counter. */
  readonly ph: 'M' | 'X' | 's' | 'f' | 'i' | 'C'
  readonly pid: number
  readonly tid: number
  /** Microseconds. */
  readonly ts?: number
  readonly dur?: number
  readonly id?: number
  readonly cat?: string
  readonly bp?: 'e'
  readonly s?: 't'
  readonly args?: Readonly<Record<string, unknown>>
}

const STEPS_THREAD = 1
const ROLE_THREAD = 2
/** A step takes no time; it is drawn this wide. */
const STEP_MICROSECONDS = 500
/** The unit of `at` is drawn as a millisecond; steps at the same time follow each other. */
const UNIT_MICROSECONDS = 1_000

/**
 * A trace for ui.perfetto.dev or chrome://tracing, as JSON: a process for each server with its steps and its roles, an
 * arrow from each send to its receive, counters of commitIndex and term.
 */
export const toPerfetto = (trace: Trace): string => {
  const drawing = new Drawing(trace.header.nodes)
  for (const [node, start] of Object.entries(trace.header.init)) drawing.begin(node as NodeId, start)
  for (const happening of happenings(trace)) drawing.add(happening)
  return `{"displayTimeUnit":"ms","traceEvents":[\n${drawing
    .finish()
    .map((event) => JSON.stringify(event))
    .join(',\n')}\n]}\n`
}

class Drawing {
  private readonly events: ChromeEvent[] = []
  private readonly processes = new Map<NodeId, number>()
  private readonly roles = new Map<NodeId, { readonly name: string; readonly since: number }>()
  /** When each step was drawn, and for whom. */
  private readonly steps = new Map<number, { readonly ts: number; readonly pid: number }>()
  private now = 0
  private arrows = 0

  constructor(nodes: readonly NodeId[]) {
    for (const [at, node] of nodes.entries()) {
      const pid = at + 1
      this.processes.set(node, pid)
      this.events.push({ name: 'process_name', ph: 'M', pid, tid: 0, args: { name: node } })
      this.events.push({ name: 'thread_name', ph: 'M', pid, tid: STEPS_THREAD, args: { name: 'steps' } })
      this.events.push({ name: 'thread_name', ph: 'M', pid, tid: ROLE_THREAD, args: { name: 'role' } })
    }
  }

  add({ node, event, text, replayed, origin }: Happening): void {
    const pid = this.processes.get(node)
    if (pid === undefined) return
    this.now = Math.max(event.at * UNIT_MICROSECONDS, this.now + STEP_MICROSECONDS)
    const ts = this.now
    if (event.t !== 'in') {
      this.events.push({ name: text, ph: 'i', pid, tid: STEPS_THREAD, ts, s: 't' })
      if (event.t === 'fault') this.changeRole(node, pid, ts, event.kind === 'restart' ? roleAt(event.start) : 'down')
      return
    }
    const name = event.m.type === 'receive' ? event.m.rpc.type : event.m.type
    const args = { i: event.i, text }
    this.events.push({ name, ph: 'X', pid, tid: STEPS_THREAD, ts, dur: STEP_MICROSECONDS, args })
    this.steps.set(event.i, { ts, pid })
    if (origin !== null && event.m.type === 'receive') this.arrow(name, origin, pid, ts)
    if (replayed !== null) this.showState(node, pid, ts, replayed.after)
  }

  /** A server is there from the beginning on. */
  begin(node: NodeId, start: Start): void {
    const pid = this.processes.get(node)
    if (pid !== undefined) this.changeRole(node, pid, 0, roleAt(start))
  }

  finish(): readonly ChromeEvent[] {
    for (const [node, pid] of this.processes) this.changeRole(node, pid, this.now + STEP_MICROSECONDS, '')
    return this.events
  }

  private arrow(name: string, origin: number, pid: number, ts: number): void {
    const from = this.steps.get(origin)
    if (from === undefined) return
    const shared = { name, cat: 'rpc', tid: STEPS_THREAD, id: ++this.arrows } as const
    this.events.push({ ...shared, ph: 's', pid: from.pid, ts: from.ts })
    this.events.push({ ...shared, ph: 'f', bp: 'e', pid, ts })
  }

  private showState(node: NodeId, pid: number, ts: number, { server }: RaftState): void {
    this.changeRole(node, pid, ts, `${server.role.type} t${server.currentTerm}`)
    const args = { commitIndex: server.commitIndex, term: server.currentTerm }
    this.events.push({ name: 'progress', ph: 'C', pid, tid: 0, ts, args })
  }

  private changeRole(node: NodeId, pid: number, ts: number, name: string): void {
    const held = this.roles.get(node)
    if (held?.name === name) return
    if (held !== undefined)
      this.events.push({ name: held.name, ph: 'X', pid, tid: ROLE_THREAD, ts: held.since, dur: ts - held.since })
    this.roles.set(node, { name, since: ts })
  }
}

/** A server comes back from its disk as a follower; one that was put in place as a whole is what its state says. */
const roleAt = (start: Start): string =>
  start.how === 'state' ? `${start.server.role.type} t${start.server.currentTerm}` : 'follower'
