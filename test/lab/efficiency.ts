import { ELECTION_TIMEOUT, TERM_PASSED, type Lab } from './lab.ts'
import type { Scenario } from './scenario.ts'
import type { Script } from './virtual-time.ts'

/* Part 3B: what agreement may cost, in bytes, requests and round trips. */

const rpcBytes = function* (lab: Lab): Script {
  yield* lab.one(99, lab.size, false)
  const before = lab.network.bytes
  let sent = 0
  for (let index = 2; index < 12; index++) {
    const command = lab.randomText(5000)
    const reached = yield* lab.one(command, lab.size, false)
    if (reached !== index) lab.fail(`got index ${reached}, expected ${index}`)
    sent += command.length
  }
  const bytes = lab.network.bytes - before
  const allowed = lab.size * sent + 50_000
  if (bytes > allowed) lab.fail(`too many RPC bytes: ${bytes}, expected at most ${allowed}`)
}

const backup = function* (lab: Lab): Script {
  const { size } = lab
  yield* lab.one(lab.random(), size, true)
  const first = yield* lab.checkOneLeader()
  const group = (by: number): number => (first + by) % size
  for (const by of [2, 3, 4]) lab.disconnect(group(by))
  for (let count = 0; count < 50; count++) lab.raft(first)?.start(lab.random())
  yield ELECTION_TIMEOUT / 2
  for (const by of [0, 1]) lab.disconnect(group(by))
  for (const by of [2, 3, 4]) lab.connect(group(by))
  for (let count = 0; count < 50; count++) yield* lab.one(lab.random(), 3, true)
  const second = yield* lab.checkOneLeader()
  const other = second === group(2) ? (second + 1) % size : group(2)
  lab.disconnect(other)
  for (let count = 0; count < 50; count++) lab.raft(second)?.start(lab.random())
  yield ELECTION_TIMEOUT / 2
  for (const at of lab.servers) lab.disconnect(at)
  for (const at of [group(0), group(1), other]) lab.connect(at)
  for (let count = 0; count < 50; count++) yield* lab.one(lab.random(), 3, true)
  for (const at of lab.servers) lab.connect(at)
  yield* lab.one(lab.random(), size, true)
}

const count = function* (lab: Lab): Script {
  yield* lab.checkOneLeader()
  const toElect = lab.rpcs()
  if (toElect > 30 || toElect < 1) lab.fail(`${toElect} RPCs to elect the initial leader`)
  for (let attempt = 0; attempt < 5; attempt++) {
    if (attempt > 0) yield 3000
    const after = yield* countAgreement(lab)
    if (after === null) continue
    yield ELECTION_TIMEOUT
    const idle = lab.rpcs() - after
    if (idle > 3 * 20) lab.fail(`${idle} RPCs for 1 second of idleness`)
    return
  }
  lab.fail('term changed too often')
}

/** Agrees on 10 commands in one term, and returns the RPCs so far; null when the term passed. */
const countAgreement = function* (lab: Lab): Script<number | null> {
  const leader = yield* lab.checkOneLeader()
  const before = lab.rpcs()
  const commands = [1]
  const first = lab.raft(leader)?.start(1)
  if (first?.isLeader !== true) return null
  for (let by = 1; by < 12; by++) {
    const command = lab.random()
    commands.push(command)
    const started = lab.raft(leader)?.start(command)
    if (started?.isLeader !== true || started.term !== first.term) return null
    if (started.index !== first.index + by) lab.fail(`start() answered ${started.index}, not ${first.index + by}`)
  }
  for (let by = 1; by < 11; by++) {
    const value = yield* lab.wait(first.index + by, lab.size, first.term)
    if (value === TERM_PASSED) return null
    if (value !== commands[by]) lab.fail(`wrong value ${value} committed at index ${first.index + by}`)
  }
  if (lab.servers.some((at) => lab.raft(at)?.getState().term !== first.term)) return null
  const after = lab.rpcs()
  if (after - before > (10 + 1 + 3) * 3) lab.fail(`${after - before} RPCs for 10 entries`)
  return after
}

export const EFFICIENCY: readonly Scenario[] = [
  { part: '3B', name: 'RPCBytes', size: 3, isReliable: true, script: rpcBytes },
  { part: '3B', name: 'Backup', size: 5, isReliable: true, script: backup },
  { part: '3B', name: 'Count', size: 3, isReliable: true, script: count },
]
