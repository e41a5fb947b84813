import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Figure 3, "Leader Completeness": what is committed is on a quorum of disks, and stays. */
it('what is committed in a term is in the logs of the leaders of all later terms', () => {
  holdsOverSchedules(CLAIMS['leader-completeness'])
})
