import { shrink, type Shrunk } from '../trace/shrink.ts'
import { InputProblem, readTrace } from './files.ts'
import { serve, type Watch } from './thread.ts'

/* The thread of `raft shrink`. */

export interface ShrinkOrder {
  readonly file: string
  readonly runs: number
  readonly partial: boolean
}

/** What came of it; or the claim that was violated, and does not show when the trace is played. */
export type ShrinkResult = Extract<Shrunk, { type: 'shrunk' }> | { readonly type: 'not seen'; readonly claim: string }

const work = ({ file, runs, partial }: ShrinkOrder, watch: Watch): ShrinkResult => {
  const trace = readTrace('shrink', file, partial)
  let size = { events: trace.events.length, nodes: trace.header.nodes.length }
  let tried = 0
  const result = shrink(trace, {
    runs,
    onProgress: ({ events, nodes }) => void (size = { events, nodes }),
    shouldStop: () => {
      watch.progress(`${size.events} events, ${size.nodes} nodes after ${tried++} runs`)
      return watch.shouldStop()
    },
  })
  if (result.type === 'shrunk') return result
  if (result.type === 'unconfirmed') return { type: 'not seen', claim: result.found.claim }
  const recorded = trace.events.find((event) => event.t === 'viol')
  if (recorded === undefined) throw new InputProblem(`${file}: violates no claim that could be kept`)
  return { type: 'not seen', claim: recorded.claim }
}

serve(work)
