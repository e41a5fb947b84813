import { AGREEMENT } from './agreement.ts'
import { CHURN } from './churn.ts'
import { EFFICIENCY } from './efficiency.ts'
import { ELECTIONS } from './elections.ts'
import { PERSISTENCE } from './persistence.ts'
import type { Scenario } from './scenario.ts'
import { SNAPSHOTS } from './snapshots.ts'

/*
 * All constants, limits and orders of events are the 2025 tester's. What differs from Go:
 *
 * - Time is virtual: handlers take none, and a call on a reliable network up to a tenth of a millisecond, so that calls
 *   may overtake each other as goroutines do. A client of the churn tests pauses a millisecond where Go would spin.
 * - Commands have 53 random bits instead of 63, and bytes are counted of JSON instead of gob.
 *
 * What is stricter: values are compared with those of every earlier incarnation, a snapshot's contents too; no term may
 * ever have two leaders, whether or not a test looks; state never goes back to an older snapshot; the core's invariants
 * hold before and after every step; the two minutes of a test are virtual, without luck.
 */

/** All 28 tests of MIT 6.5840's Lab 3. */
export const SCENARIOS: readonly Scenario[] = [
  ...ELECTIONS,
  ...AGREEMENT,
  ...EFFICIENCY,
  ...PERSISTENCE,
  ...CHURN,
  ...SNAPSHOTS,
]
