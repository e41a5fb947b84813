import { ELECTION_TIMEOUT, TERM_PASSED, type Lab } from './lab.ts'
import type { Scenario } from './scenario.ts'
import type { Script } from './virtual-time.ts'

/* Part 3B: the log, as long as agreement is the question. Efficiency is in efficiency.ts. */

const basicAgree = function* (lab: Lab): Script {
  for (let index = 1; index < 4; index++) {
    if (lab.committed(index).count > 0) lab.fail('some have committed before start()')
    const reached = yield* lab.one(index * 100, lab.size, false)
    if (reached !== index) lab.fail(`got index ${reached}, expected ${index}`)
  }
}

/** Starts a command at a server that is to accept it at this very index. */
const startAt = (lab: Lab, server: number, command: number, expected: readonly number[]): void => {
  const started = lab.raft(server)?.start(command)
  if (started?.isLeader !== true) return lab.fail('the leader rejected start()')
  if (!expected.includes(started.index)) lab.fail(`unexpected index ${started.index}, not ${expected.join(' or ')}`)
}

const followerFailure = function* (lab: Lab): Script {
  yield* lab.one(101, lab.size, false)
  const first = yield* lab.checkOneLeader()
  lab.disconnect((first + 1) % lab.size)
  yield* lab.one(102, lab.size - 1, false)
  yield ELECTION_TIMEOUT
  yield* lab.one(103, lab.size - 1, false)
  const second = yield* lab.checkOneLeader()
  lab.disconnect((second + 1) % lab.size)
  lab.disconnect((second + 2) % lab.size)
  startAt(lab, second, 104, [4])
  yield 2 * ELECTION_TIMEOUT
  lab.checkNoAgreement(4)
}

const leaderFailure = function* (lab: Lab): Script {
  yield* lab.one(101, lab.size, false)
  const first = yield* lab.checkOneLeader()
  lab.disconnect(first)
  yield* lab.one(102, lab.size - 1, false)
  yield ELECTION_TIMEOUT
  yield* lab.one(103, lab.size - 1, false)
  const second = yield* lab.checkOneLeader()
  lab.disconnect(second)
  for (const at of lab.servers) lab.raft(at)?.start(104)
  yield 2 * ELECTION_TIMEOUT
  lab.checkNoAgreement(4)
}

const failAgree = function* (lab: Lab): Script {
  yield* lab.one(101, lab.size, false)
  const leader = yield* lab.checkOneLeader()
  lab.disconnect((leader + 1) % lab.size)
  yield* lab.one(102, lab.size - 1, false)
  yield* lab.one(103, lab.size - 1, false)
  yield ELECTION_TIMEOUT
  yield* lab.one(104, lab.size - 1, false)
  yield* lab.one(105, lab.size - 1, false)
  lab.connect((leader + 1) % lab.size)
  yield* lab.one(106, lab.size, true)
  yield ELECTION_TIMEOUT
  yield* lab.one(107, lab.size, true)
}

const failNoAgree = function* (lab: Lab): Script {
  yield* lab.one(10, lab.size, false)
  const leader = yield* lab.checkOneLeader()
  for (const by of [1, 2, 3]) lab.disconnect((leader + by) % lab.size)
  startAt(lab, leader, 20, [2])
  yield 2 * ELECTION_TIMEOUT
  lab.checkNoAgreement(2)
  for (const by of [1, 2, 3]) lab.connect((leader + by) % lab.size)
  // The disconnected majority may have chosen a leader among themselves, and forgotten index 2.
  const second = yield* lab.checkOneLeader()
  startAt(lab, second, 30, [2, 3])
  yield* lab.one(1000, lab.size, true)
}

const concurrentStarts = function* (lab: Lab): Script {
  for (let attempt = 0; attempt < 5; attempt++) {
    if (attempt > 0) yield 3000
    const leader = yield* lab.checkOneLeader()
    const started = lab.raft(leader)?.start(1)
    if (started?.isLeader !== true) continue
    const indices: number[] = []
    const tasks = [0, 1, 2, 3, 4].map((by) => lab.time.spawn(startInTerm(lab, leader, 100 + by, started.term, indices)))
    for (const task of tasks) yield task
    if (lab.servers.some((at) => lab.raft(at)?.getState().term !== started.term)) continue
    const values = new Set<number | string>()
    let isSpoilt = false
    for (const index of indices) {
      const value = yield* lab.wait(index, lab.size, started.term)
      if (value === TERM_PASSED) isSpoilt = true
      else values.add(value)
    }
    if (isSpoilt) continue
    for (let by = 0; by < 5; by++) if (!values.has(100 + by)) lab.fail(`command ${100 + by} is missing`)
    return
  }
  lab.fail('term changed too often')
}

const startInTerm = function* (lab: Lab, leader: number, command: number, term: number, indices: number[]): Script {
  const started = lab.raft(leader)?.start(command)
  if (started?.isLeader === true && started.term === term) indices.push(started.index)
  yield 0
}

const rejoin = function* (lab: Lab): Script {
  yield* lab.one(101, lab.size, true)
  const first = yield* lab.checkOneLeader()
  lab.disconnect(first)
  for (const command of [102, 103, 104]) lab.raft(first)?.start(command)
  yield* lab.one(103, 2, true)
  const second = yield* lab.checkOneLeader()
  lab.disconnect(second)
  lab.connect(first)
  yield* lab.one(104, 2, true)
  lab.connect(second)
  yield* lab.one(105, lab.size, true)
}

export const AGREEMENT: readonly Scenario[] = [
  { part: '3B', name: 'BasicAgree', size: 3, isReliable: true, script: basicAgree },
  { part: '3B', name: 'FollowerFailure', size: 3, isReliable: true, script: followerFailure },
  { part: '3B', name: 'LeaderFailure', size: 3, isReliable: true, script: leaderFailure },
  { part: '3B', name: 'FailAgree', size: 3, isReliable: true, script: failAgree },
  { part: '3B', name: 'FailNoAgree', size: 5, isReliable: true, script: failNoAgree },
  { part: '3B', name: 'ConcurrentStarts', size: 3, isReliable: true, script: concurrentStarts },
  { part: '3B', name: 'Rejoin', size: 3, isReliable: true, script: rejoin },
]
