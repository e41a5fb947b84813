import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Thesis 6.4 and 6.4.1. All clocks tick together here, as leases trust them to; everything else is free to go wrong. */
it('a read sees everything that was committed before it was asked', () => {
  holdsOverSchedules(CLAIMS.reads)
})
