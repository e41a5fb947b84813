import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Figure 3, "Leader Append-Only". */
it('a leader never overwrites or deletes entries in its log', () => {
  holdsOverSchedules(CLAIMS['leader-append-only'])
})
