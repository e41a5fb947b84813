import { ELECTION_TIMEOUT, type Lab } from './lab.ts'
import type { Scenario } from './scenario.ts'
import type { Script } from './virtual-time.ts'

/* Part 3A: leader election. */

const initialElection = function* (lab: Lab): Script {
  yield* lab.checkOneLeader()
  yield 50
  const term = lab.checkTerms()
  if (term < 1) lab.fail(`term is ${term}, but should be at least 1`)
  // That the term stays the same is only wished for.
  yield 2 * ELECTION_TIMEOUT
  lab.checkTerms()
  yield* lab.checkOneLeader()
}

const reElection = function* (lab: Lab): Script {
  const first = yield* lab.checkOneLeader()
  lab.disconnect(first)
  yield* lab.checkOneLeader()
  // The old leader joins again: it must not disturb the new one, and must step down.
  lab.connect(first)
  const second = yield* lab.checkOneLeader()
  lab.disconnect(second)
  lab.disconnect((second + 1) % lab.size)
  yield 2 * ELECTION_TIMEOUT
  lab.checkNoLeader()
  lab.connect((second + 1) % lab.size)
  yield* lab.checkOneLeader()
  lab.connect(second)
  yield* lab.checkOneLeader()
}

const manyElections = function* (lab: Lab): Script {
  yield* lab.checkOneLeader()
  for (let round = 1; round < 10; round++) {
    const cut = [lab.below(lab.size), lab.below(lab.size), lab.below(lab.size)]
    for (const at of cut) lab.disconnect(at)
    yield* lab.checkOneLeader()
    for (const at of cut) lab.connect(at)
  }
  yield* lab.checkOneLeader()
}

export const ELECTIONS: readonly Scenario[] = [
  { part: '3A', name: 'InitialElection', size: 3, isReliable: true, script: initialElection },
  { part: '3A', name: 'ReElection', size: 3, isReliable: true, script: reElection },
  { part: '3A', name: 'ManyElections', size: 7, isReliable: true, script: manyElections },
]
