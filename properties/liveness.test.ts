import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Section 5.4: as long as a majority of the servers can talk to each other, the cluster works. */
it('after the last fault a leader emerges, and all servers agree within 20 election timeouts', () => {
  holdsOverSchedules(CLAIMS.liveness)
})
