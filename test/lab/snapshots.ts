import type { Lab } from './lab.ts'
import type { Scenario } from './scenario.ts'
import { SNAPSHOT_INTERVAL } from './service.ts'
import type { Script } from './virtual-time.ts'

/* Part 3D: log compaction. */

/** Bytes of persisted Raft state, without the snapshot, that no server may reach. */
const LOG_SIZE_MAX = 2000

type Failure = 'none' | 'disconnect' | 'crash'

const common = (failure: Failure) =>
  function* (lab: Lab): Script {
    const { size } = lab
    yield* lab.one(lab.random(), size, true)
    let leader = yield* lab.checkOneLeader()
    for (let iteration = 0; iteration < 30; iteration++) {
      const isLeaderCut = iteration % 3 === 1
      const victim = isLeaderCut ? leader : (leader + 1) % size
      const sender = isLeaderCut ? (leader + 1) % size : leader
      if (failure !== 'none') {
        if (failure === 'disconnect') lab.disconnect(victim)
        else lab.shutdown(victim)
        yield* lab.one(lab.random(), size - 1, true)
      }
      const commands = SNAPSHOT_INTERVAL / 2 + lab.below(SNAPSHOT_INTERVAL)
      for (let count = 0; count < commands; count++) lab.raft(sender)?.start(lab.random())
      yield* lab.one(lab.random(), failure === 'none' ? size : size - 1, true)
      const logSize = lab.logSize()
      if (logSize >= LOG_SIZE_MAX) lab.fail(`log size too large: ${logSize}`)
      if (failure === 'none') continue
      if (failure === 'disconnect') lab.connect(victim)
      else lab.restart(victim)
      yield* lab.one(lab.random(), size, true)
      leader = yield* lab.checkOneLeader()
    }
  }

const allCrash = function* (lab: Lab): Script {
  yield* lab.one(lab.random(), lab.size, true)
  for (let round = 0; round < 5; round++) {
    const commands = SNAPSHOT_INTERVAL / 2 + lab.below(SNAPSHOT_INTERVAL)
    for (let count = 0; count < commands; count++) yield* lab.one(lab.random(), lab.size, true)
    const before = yield* lab.one(lab.random(), lab.size, true)
    lab.restartAll()
    const after = yield* lab.one(lab.random(), lab.size, true)
    if (after < before + 1) lab.fail(`index decreased from ${before} to ${after}`)
  }
}

const init = function* (lab: Lab): Script {
  yield* lab.one(lab.random(), lab.size, true)
  for (let count = 0; count < SNAPSHOT_INTERVAL + 1; count++) yield* lab.one(lab.random(), lab.size, true)
  lab.restartAll()
  // A single operation, to get something saved again.
  yield* lab.one(lab.random(), lab.size, true)
  lab.restartAll()
  yield* lab.one(lab.random(), lab.size, true)
}

export const SNAPSHOTS: readonly Scenario[] = [
  { part: '3D', name: 'SnapshotBasic', size: 3, isReliable: true, script: common('none') },
  { part: '3D', name: 'SnapshotInstall', size: 3, isReliable: true, script: common('disconnect') },
  { part: '3D', name: 'SnapshotInstallUnreliable', size: 3, isReliable: false, script: common('disconnect') },
  { part: '3D', name: 'SnapshotInstallCrash', size: 3, isReliable: true, script: common('crash') },
  { part: '3D', name: 'SnapshotInstallUnCrash', size: 3, isReliable: false, script: common('crash') },
  { part: '3D', name: 'SnapshotAllCrash', size: 3, isReliable: false, script: allCrash },
  { part: '3D', name: 'SnapshotInit', size: 3, isReliable: false, script: init },
]
