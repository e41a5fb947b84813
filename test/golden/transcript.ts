import { successor, type NodeId } from '../../src/core/ids.ts'
import { slice } from '../../src/core/log/log.ts'
import type { RaftState } from '../../src/core/state.ts'
import { describeEvent, describeStep } from '../../src/trace/describe.ts'
import type { NetEvent, TraceEvent } from '../../src/trace/format.ts'
import { replay } from '../../src/trace/replay.ts'
import { traceIn } from '../trace/support.ts'
import type { Scenario } from './scenario.ts'
import { Stage } from './stage.ts'

/**
 * Plays a scenario and tells it: what is recorded is read back, replayed with every claim checked, and described event
 * by event.
 */
export const transcriptOf = ({ title, about, stage: options, play }: Scenario): string => {
  const stage = new Stage(options)
  play(stage)
  stage.end()
  const trace = traceIn(stage.lines.join('\n'))
  const steps = new Map<number, string>()
  const { ending } = replay(trace, { claims: true, onStep: (step) => steps.set(step.event.i, describeStep(step)) })
  if (ending.type !== 'complete') throw new Error(`the replay ended otherwise: ${JSON.stringify(ending)}`)
  const lines = [`# ${title}`, '', ...about]
  for (const [at, { before, text, isAside }] of stage.headings.entries()) {
    const events = trace.events.slice(before, stage.headings[at + 1]?.before)
    lines.push('', `## ${text}`, ...(isAside ? [`… ${events.length} events`] : tell(events, steps)))
  }
  lines.push('', '## In the end', ...stage.cast.map(({ id, state }) => describeServer(id, state)))
  return `${lines.join('\n')}\n`
}

/** A line for each event; those that read alike and follow each other share one. */
const tell = (events: readonly TraceEvent[], steps: ReadonlyMap<number, string>): readonly string[] => {
  const told: string[] = []
  for (let at = 0; at < events.length;) {
    const event = events[at]
    if (event === undefined) break
    const alike = events.slice(at).findIndex((other) => !isLike(event, other, steps))
    const run = alike === -1 ? events.slice(at) : events.slice(at, at + alike)
    const text = event.t === 'net' ? describeEvent({ ...event, to: receiversIn(run) }) : textOf(event, steps)
    told.push(run.length === 1 ? text : `${text} (×${run.length})`)
    at += run.length
  }
  return told
}

const textOf = (event: TraceEvent, steps: ReadonlyMap<number, string>): string =>
  event.t === 'in' ? (steps.get(event.i) ?? '') : describeEvent(event)

/** Letters of one kind from one server that are lost together are told as one loss, whomever they were for. */
const isLike = (one: TraceEvent, other: TraceEvent, steps: ReadonlyMap<number, string>): boolean =>
  one.t === 'net' && other.t === 'net'
    ? one.from === other.from && one.rpc === other.rpc
    : textOf(one, steps) === textOf(other, steps)

const receiversIn = (run: readonly TraceEvent[]): NetEvent['to'] =>
  [...new Set(run.flatMap((event) => (event.t === 'net' ? [event.to] : [])))].join(',') as NodeId

/** "n1 leader t2, log t1 t1 t2, commit 3": a log by the terms of its entries, as the paper draws it. */
const describeServer = (id: NodeId, state: RaftState | null): string => {
  if (state === null) return `${id} down`
  const { server, log } = state
  const snapshot = log.baseIndex === 0 ? [] : [`snapshot of 1–${log.baseIndex}`]
  const terms = slice(log, successor(log.baseIndex), log.lastIndex).map(({ term }) => `t${term}`)
  return `${id} ${server.role.type} t${server.currentTerm}, log ${[...snapshot, ...terms].join(' ')}, commit ${server.commitIndex}`
}
