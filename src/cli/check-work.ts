import { UsageError } from '../core/assert.ts'
import { checkLinearizability, type Verdict } from '../linearizability/check.ts'
import { InputProblem } from './files.ts'
import { readHistory } from './history-file.ts'
import { serve, type Watch } from './thread.ts'

/* The thread of `raft check`. */

export interface CheckOrder {
  readonly file: string
  readonly steps: number
}

export interface Checked {
  readonly verdict: Verdict
  readonly operations: number
  /** See HistoryFile. */
  readonly isCut: boolean
}

const work = ({ file, steps }: CheckOrder, watch: Watch): Checked => {
  const { operations, isCut } = readHistory(file)
  try {
    const verdict = checkLinearizability(operations, {
      stepsMax: steps,
      shouldStop: (done) => {
        watch.progress(`${operations.length} operations, ${done} steps`)
        return watch.shouldStop()
      },
    })
    return { verdict, operations: operations.length, isCut }
  } catch (error) {
    if (error instanceof UsageError) throw new InputProblem(`${file}: ${error.message}`)
    throw error
  }
}

serve(work)
