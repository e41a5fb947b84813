import { UsageError } from '../core/assert.ts'
import { explore, type Exploration, type ExploreOptions } from '../sim/explore/explore.ts'
import { UsageProblem } from './exit.ts'
import { serve, type Watch } from './thread.ts'

/* The thread of `raft explore`. */

export type ExploreOrder = Pick<ExploreOptions, 'servers' | 'depth' | 'worldsMax' | 'bounds' | 'raft'>

const work = (order: ExploreOrder, watch: Watch): Exploration => {
  const start = performance.now()
  const elapsed = (): string => `${((performance.now() - start) / 1_000).toFixed(1)} s`
  try {
    return explore({
      ...order,
      onDepth: ({ depth, worlds, frontier }) =>
        watch.note(`depth ${depth}: ${worlds} worlds, ${frontier} of them new, ${elapsed()}`),
      shouldStop: ({ depth, worlds }) => {
        watch.progress(`depth ${depth}, ${worlds} worlds, ${elapsed()}`)
        return watch.shouldStop()
      },
    })
  } catch (error) {
    if (error instanceof UsageError) throw new UsageProblem(error.message)
    throw error
  }
}

serve(work)
