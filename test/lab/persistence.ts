import { ELECTION_TIMEOUT, type Lab } from './lab.ts'
import type { Scenario } from './scenario.ts'
import type { Script } from './virtual-time.ts'

/* Part 3C: persistence. Client-driven churn is in churn.ts. */

const persist1 = function* (lab: Lab): Script {
  yield* lab.one(11, lab.size, true)
  lab.restartAll()
  yield* lab.one(12, lab.size, true)
  const first = yield* lab.checkOneLeader()
  lab.restart(first)
  yield* lab.one(13, lab.size, true)
  const second = yield* lab.checkOneLeader()
  lab.shutdown(second)
  yield* lab.one(14, lab.size - 1, true)
  lab.restart(second)
  // The restarted server must have caught up before another one is taken away.
  yield* lab.wait(4, lab.size, -1)
  const third = ((yield* lab.checkOneLeader()) + 1) % lab.size
  lab.shutdown(third)
  yield* lab.one(15, lab.size - 1, true)
  lab.restart(third)
  yield* lab.one(16, lab.size, true)
}

const persist2 = function* (lab: Lab): Script {
  const { size } = lab
  let command = 1
  for (let round = 0; round < 5; round++) {
    yield* lab.one(10 + command++, size, true)
    const leader = yield* lab.checkOneLeader()
    const at = (by: number): number => (leader + by) % size
    for (const by of [1, 2]) lab.shutdown(at(by))
    yield* lab.one(10 + command++, size - 2, true)
    for (const by of [0, 3, 4]) lab.shutdown(at(by))
    for (const by of [1, 2]) lab.restart(at(by))
    yield ELECTION_TIMEOUT
    lab.restart(at(3))
    yield* lab.one(10 + command++, size - 2, true)
    for (const by of [4, 0]) lab.restart(at(by))
  }
  yield* lab.one(1000, size, true)
}

const persist3 = function* (lab: Lab): Script {
  yield* lab.one(101, 3, true)
  const leader = yield* lab.checkOneLeader()
  const at = (by: number): number => (leader + by) % lab.size
  lab.disconnect(at(2))
  yield* lab.one(102, 2, true)
  lab.shutdown(at(0))
  lab.shutdown(at(1))
  lab.connect(at(2))
  lab.restart(at(0))
  yield* lab.one(103, 2, true)
  lab.restart(at(1))
  yield* lab.one(104, 3, true)
}

/** Mostly no time at all for replication, sometimes enough. */
const shortWhile = (lab: Lab): number => (lab.below(1000) < 100 ? lab.below(ELECTION_TIMEOUT / 2) : lab.below(13))

/** Leaders that crash soon after they append: what figure 8 of the paper warns of. */
const figure8 = function* (lab: Lab): Script {
  yield* lab.one(lab.random(), 1, true)
  let up = lab.size
  for (let iteration = 0; iteration < 1000; iteration++) {
    let leader: number | null = null
    for (const at of lab.servers) if (lab.raft(at)?.start(lab.random()).isLeader === true) leader = at
    yield shortWhile(lab)
    if (leader !== null) {
      lab.shutdown(leader)
      up--
    }
    if (up >= 3) continue
    const at = lab.below(lab.size)
    if (lab.raft(at) !== null) continue
    lab.restart(at)
    up++
  }
  for (const at of lab.servers) if (lab.raft(at) === null) lab.restart(at)
  yield* lab.one(lab.random(), lab.size, true)
}

/** The same with leaders cut off, on a network that loses much and answers late. */
const figure8Unreliable = function* (lab: Lab): Script {
  yield* lab.one(lab.below(10_000), 1, true)
  let up = lab.size
  for (let iteration = 0; iteration < 1000; iteration++) {
    if (iteration === 200) lab.network.reordersReplies = true
    let leader: number | null = null
    for (const at of lab.servers)
      if (lab.raft(at)?.start(lab.below(10_000)).isLeader === true && lab.isConnected(at)) leader = at
    yield shortWhile(lab)
    if (leader !== null && lab.below(1000) < ELECTION_TIMEOUT / 2) {
      lab.disconnect(leader)
      up--
    }
    if (up >= 3) continue
    const at = lab.below(lab.size)
    if (lab.isConnected(at)) continue
    lab.connect(at)
    up++
  }
  for (const at of lab.servers) if (!lab.isConnected(at)) lab.connect(at)
  yield* lab.one(lab.below(10_000), lab.size, true)
}

const agreeOnce = function* (lab: Lab, command: number): Script {
  yield* lab.one(command, 1, true)
}

const unreliableAgree = function* (lab: Lab): Script {
  const tasks = []
  for (let round = 1; round < 50; round++) {
    for (let by = 0; by < 4; by++) tasks.push(lab.time.spawn(agreeOnce(lab, 100 * round + by)))
    yield* lab.one(round, 1, true)
  }
  lab.network.isReliable = true
  for (const task of tasks) yield task
  yield* lab.one(100, lab.size, true)
}

export const PERSISTENCE: readonly Scenario[] = [
  { part: '3C', name: 'Persist1', size: 3, isReliable: true, script: persist1 },
  { part: '3C', name: 'Persist2', size: 5, isReliable: true, script: persist2 },
  { part: '3C', name: 'Persist3', size: 3, isReliable: true, script: persist3 },
  { part: '3C', name: 'Figure8', size: 5, isReliable: true, script: figure8 },
  { part: '3C', name: 'UnreliableAgree', size: 5, isReliable: false, script: unreliableAgree },
  { part: '3C', name: 'Figure8Unreliable', size: 5, isReliable: false, script: figure8Unreliable },
]
