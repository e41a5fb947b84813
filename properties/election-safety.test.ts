import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Figure 3, "Election Safety": over the whole history of a cluster, all lives of all servers included. */
it('at most one leader is elected in a term, and a server votes once', () => {
  holdsOverSchedules(CLAIMS['election-safety'])
})
