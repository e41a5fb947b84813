import { lineOf, type Trace } from '../trace/format.ts'
import { ImpossibleStart } from '../trace/shrink/schedule.ts'
import { shrink, type ShrinkOptions, type Shrunk } from '../trace/shrink/shrink.ts'
import { InputProblem, readTrace } from './files.ts'
import { serve, type Watch } from './thread.ts'

/* The thread of `raft shrink`. */

export interface ShrinkOrder {
  readonly file: string
  readonly runs: number
  readonly partial: boolean
}

/** What came of it; or the claim that was violated, and does not show when the trace is played. */
export type ShrinkResult =
  | Extract<Shrunk, { type: 'shrunk' }>
  | { readonly type: 'not seen'; readonly claim: string }
  /** The time did not suffice to play the trace once. */
  | { readonly type: 'not played' }

const work = ({ file, runs, partial }: ShrinkOrder, watch: Watch): ShrinkResult => {
  const trace = readTrace('shrink', file, partial)
  let size = { events: trace.events.length, nodes: trace.header.nodes.length }
  let tried = 0
  const result = attempt(file, trace, {
    runs,
    onProgress: ({ events, nodes }) => void (size = { events, nodes }),
    shouldStop: () => {
      watch.progress(`${size.events} events, ${size.nodes} nodes after ${tried++} runs`)
      return watch.shouldStop()
    },
  })
  if (result.type === 'shrunk') return result
  if (result.type === 'stopped') return { type: 'not played' }
  if (result.type === 'unconfirmed') return { type: 'not seen', claim: result.found.claim }
  const recorded = trace.events.find((event) => event.t === 'viol')
  if (recorded === undefined) throw new InputProblem(`${file}: violates no claim that could be kept`)
  return { type: 'not seen', claim: recorded.claim }
}

/** Names the line of a start that cannot be, as replay does. */
const attempt = (file: string, trace: Trace, options: ShrinkOptions): Shrunk => {
  try {
    return shrink(trace, options)
  } catch (error) {
    if (!(error instanceof ImpossibleStart)) throw error
    const line = error.event === null ? 1 : lineOf(trace, trace.events.indexOf(error.event))
    throw new InputProblem(`${file}:${line}: ${error.message}`)
  }
}

serve(work)
