import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { snapshotMetaAt } from '../../src/core/snapshot/compaction.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { restart } from '../../src/core/start.ts'
import { MAIN } from '../cli/process.ts'
import { Server, THREE, append, command, n1, n2, n3, snapshotAt } from '../core/server.ts'
import { requestVote } from '../paper/rpcs.ts'

/*
 * Lessons that are not about transfers. Of the others, 19 (a snapshot is of the state it names) and 20 (a failed save ends
 * all promises) are in test/shell/node.test.ts, 20 once more in test/sim/disk-faults.test.ts, and 21 (a late answer of the
 * disk) is in test/core/replication.test.ts.
 */

it('2: a start with a hole between snapshot and log is refused (hashicorp/raft #85)', () => {
  const holed = {
    id: n1,
    hardState: { currentTerm: term(1), votedFor: null },
    snapshot: snapshotAt(2, 1),
    base: { index: index(5), term: term(1) },
    entries: [command(6, 1)],
  }
  expect(() => restart(holed)).toThrow('covers everything before the first entry')
  expect(restart({ ...holed, snapshot: snapshotAt(5, 1) }).log.lastIndex).toBe(6)
})

it('3: a snapshot holds the last configuration at or below its index (hashicorp/raft #617)', () => {
  const wider = configurationOf([n1, n2, n3, nodeId('n4')])
  const change = { type: 'configuration', index: index(2), term: term(1), bytes: 0, configuration: wider } as const
  const server = new Server([1]).hear(n2, append(1, [1, 1], [change, command(3, 1)])).saved()
  expect(snapshotMetaAt(server.state, index(1)).configuration).toEqual(THREE)
  expect(snapshotMetaAt(server.state, index(3))).toMatchObject({ configuration: wider, configurationIndex: 2 })
})

it('17: two processes make the same trace of a seed, byte for byte (openraft #1741, camunda #5668)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-lesson-'))
  try {
    const traces = ['one', 'two'].map((name) => {
      const file = join(folder, name)
      const args = [MAIN, 'sim', '--seed', '17', '--steps', '1500', '--trace', file]
      // Another zone, another language and another seed for hash tables: none of them may show.
      const env = {
        ...process.env,
        TZ: name === 'one' ? 'UTC' : 'Asia/Tokyo',
        LANG: name === 'one' ? 'C' : 'de_DE.UTF-8',
      }
      const { status } = spawnSync(process.execPath, name === 'one' ? args : ['--hash-seed=17', ...args], { env })
      expect(status).toBe(0)
      return readFileSync(file, 'utf8')
    })
    expect(traces[0]).toBe(traces[1])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('22: who steps down within its term has voted all the same (microsoft/CCF #8094)', () => {
  const options = { preVote: false, checkQuorum: false }
  const server = new Server([1], options).do({ type: 'campaign' }).saved()
  const { currentTerm } = server.server
  // The winner of the same term speaks, of a log that does not even match.
  server.hear(n2, append(currentTerm, [9, 1], []))
  expect([server.server.role.type, server.server.votedFor]).toEqual(['follower', n1])
  server.hear(n3, requestVote(currentTerm, [9, 1], n3)).saved()
  expect(server.server.votedFor).toBe(n1)
})
