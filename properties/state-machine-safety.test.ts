import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Figure 3, "State Machine Safety", with snapshots: they are what replaying the log gives. */
it('no two servers apply different entries at the same index', () => {
  holdsOverSchedules(CLAIMS['state-machine-safety'])
})
