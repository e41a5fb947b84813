import { Lab } from './lab.ts'
import type { ClusterSettings } from './cluster.ts'
import { LabFailure, type Script } from './virtual-time.ts'

/** One of the lab's tests. */
export interface Scenario {
  readonly part: '3A' | '3B' | '3C' | '3D'
  readonly name: string
  /** Servers. */
  readonly size: number
  readonly isReliable: boolean
  readonly script: (lab: Lab) => Script
}

/** What a test that passed has cost. */
export interface Cost {
  /** Virtual. */
  readonly milliseconds: number
  /** Requests that reached a server, and bytes of all that crossed the network. */
  readonly rpcs: number
  readonly bytes: number
  /** Commands agreed on. */
  readonly commands: number
}

/** Milliseconds that a test may take, as the lab's grader says. */
export const TEST_LIMIT = 120_000

/** Ten times as long a run is given up: no test waits that long. */
const RUN_LIMIT = 10 * TEST_LIMIT

/**
 * Runs one test with one seed.
 * @throws LabFailure when it fails, and InvariantViolation when the core's state is not sound.
 */
export const runScenario = (
  { name, part, size, isReliable, script }: Scenario,
  settings: Pick<ClusterSettings, 'seed' | 'checks' | 'reduce' | 'options'>,
): Cost => {
  const lab = new Lab({ size, isReliable, hasSnapshots: part === '3D', ...settings })
  lab.time.run(script(lab), RUN_LIMIT)
  const { now } = lab.time
  if (now > TEST_LIMIT) throw new LabFailure(`${name} took ${now} ms, more than ${TEST_LIMIT}`)
  const { network, history } = lab
  return { milliseconds: now, rpcs: network.dispatched, bytes: network.bytes, commands: history.size }
}
