import { ELECTION_TIMEOUT, type Lab } from './lab.ts'
import type { Command } from './lab-raft.ts'
import type { Scenario } from './scenario.ts'
import type { Script } from './virtual-time.ts'

/* Part 3C: clients that write while servers come and go. What they saw committed is never lost. */

const CLIENTS = 3

/** Shared between the test and its clients. */
interface Churn {
  isOver: boolean
  /** Values that clients saw committed. */
  readonly seen: Command[]
}

/** Starts a command on whoever accepts it, and returns the index that the last of them gave. */
const startEverywhere = (lab: Lab, command: Command): number | null => {
  let index: number | null = null
  for (const at of lab.servers) {
    const started = lab.raft(at)?.start(command)
    if (started?.isLeader === true) index = started.index
  }
  return index
}

const client = function* (lab: Lab, me: number, churn: Churn): Script {
  while (!churn.isOver) {
    const command = lab.random()
    const index = startEverywhere(lab, command)
    if (index === null) {
      yield 79 + 17 * me
      continue
    }
    for (const pause of [10, 20, 50, 100, 200]) {
      const { count, value } = lab.committed(index)
      if (count > 0) {
        if (value === command) churn.seen.push(command)
        // In Go a turn of this loop takes a while even if it sleeps nowhere; virtual time needs to be told.
        yield 1
        break
      }
      yield pause
    }
  }
}

const churn = function* (lab: Lab): Script {
  const shared: Churn = { isOver: false, seen: [] }
  const clients = Array.from({ length: CLIENTS }, (_, me) => lab.time.spawn(client(lab, me, shared)))
  for (let round = 0; round < 20; round++) {
    if (lab.below(1000) < 200) lab.disconnect(lab.below(lab.size))
    if (lab.below(1000) < 500) {
      const at = lab.below(lab.size)
      if (lab.raft(at) === null) lab.restart(at)
      lab.connect(at)
    }
    if (lab.below(1000) < 200) {
      const at = lab.below(lab.size)
      if (lab.raft(at) !== null) lab.shutdown(at)
    }
    yield (ELECTION_TIMEOUT * 7) / 10
  }
  yield ELECTION_TIMEOUT
  lab.network.isReliable = true
  for (const at of lab.servers) {
    if (lab.raft(at) === null) lab.restart(at)
    lab.connect(at)
  }
  shared.isOver = true
  for (const task of clients) yield task
  yield ELECTION_TIMEOUT
  const last = yield* lab.one(lab.random(), lab.size, true)
  const committed = new Set<unknown>()
  for (let index = 1; index <= last; index++) committed.add(yield* lab.wait(index, lab.size, -1))
  const lost = shared.seen.find((value) => !committed.has(value))
  if (lost !== undefined) lab.fail(`a committed value is lost: ${lost}`)
}

export const CHURN: readonly Scenario[] = [
  { part: '3C', name: 'ReliableChurn', size: 5, isReliable: true, script: churn },
  { part: '3C', name: 'UnreliableChurn', size: 5, isReliable: false, script: churn },
]
