import { it } from 'vitest'
import { holdsOverSchedules } from './harness/campaign.ts'
import { CLAIMS } from './harness/claims.ts'

/** Every promise rests on the disk when it leaves; whatever the moment of a crash, it is honoured. */
it('nothing committed is lost when all servers crash at once and every unanswered save with them', () => {
  holdsOverSchedules(CLAIMS.durability)
})
