import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Figure 3, "Log Matching", and what leaders conclude from it about their followers. */
it('logs that agree on an index and term agree on everything up to it', () => {
  holdsOverSchedules(CLAIMS['log-matching'])
})
