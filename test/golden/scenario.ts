import type { Stage, StageOptions } from './stage.ts'

/** A play in which every move is written down: the transcript beside it says what came of each. */
export interface Scenario {
  /** The name of the transcript's file. */
  readonly name: string
  readonly title: string
  /** What happens and why, for somebody who knows the paper. */
  readonly about: readonly string[]
  readonly stage: StageOptions
  readonly play: (stage: Stage) => void
}
