import { expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import { kvMachine } from '../../src/machine/kv/kv.ts'
import { createReplica, replicaStep } from '../../src/machine/replica.ts'
import type { ReplicaMessage } from '../../src/machine/replica-state.ts'

const machine = kvMachine()
const n1 = nodeId('n1')

it('a capture that could not be written is let go of: a full disk does not fill the memory', () => {
  let replica = createReplica(machine, {
    id: n1,
    configuration: configurationOf([n1]),
    options: { snapshotEntries: 2 },
  })
  let failed = 0
  const run = (message: ReplicaMessage): void => {
    const [after, outputs] = replicaStep(machine, replica, message)
    replica = after
    for (const output of outputs) {
      if (output.type === 'save') run({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
      if (output.type !== 'saveSnapshot') continue
      failed++
      run({ type: 'snapshotFailed', index: output.snapshot.lastIncludedIndex, reason: 'the disk is full' })
    }
  }
  run({ type: 'campaign' })
  for (let id = 0; id < 20; id++) run({ type: 'propose', id, commands: [{ op: 'put', key: 'k', value: id }] })
  expect(failed).toBeGreaterThan(5)
  expect(replica.captures.map(({ snapshot }) => snapshot.lastIncludedIndex)).toEqual([0])
})

it('a snapshot that is asked for twice is written once: no failure takes the capture of another write', () => {
  let replica = createReplica(machine, {
    id: n1,
    configuration: configurationOf([n1]),
    options: { snapshotEntries: 3 },
  })
  const asked: number[] = []
  const run = (message: ReplicaMessage): void => {
    const [after, outputs] = replicaStep(machine, replica, message)
    replica = after
    for (const output of outputs) {
      if (output.type === 'save') run({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
      if (output.type === 'saveSnapshot') asked.push(output.snapshot.lastIncludedIndex)
    }
  }
  run({ type: 'campaign' })
  for (let id = 0; id < 2; id++) run({ type: 'propose', id, commands: [{ op: 'put', key: 'k', value: id }] })
  run({ type: 'capture' })
  const { lastApplied } = replica.raft.server
  expect(asked).toEqual([lastApplied])
  run({ type: 'snapshotFailed', index: lastApplied, reason: 'the disk is full' })
  run({ type: 'capture' })
  run({ type: 'snapshotTaken', index: lastApplied })
  expect(asked).toEqual([lastApplied, lastApplied])
  expect(replica.captures.map(({ snapshot }) => snapshot.lastIncludedIndex)).toEqual([lastApplied])
})
