import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import { kvMachine, type KvCommand } from '../../src/machine/kv/kv.ts'
import { createReplica, replicaStep } from '../../src/machine/replica.ts'
import type { ReplicaMessage } from '../../src/machine/replica-state.ts'
import { nanoseconds, row } from './measure.ts'

const machine = kvMachine()
type KvReplica = ReturnType<typeof bornReplica>

const bornReplica = () =>
  createReplica(machine, {
    id: nodeId('n1'),
    configuration: configurationOf([nodeId('n1')]),
    options: { snapshotEntries: 0, snapshotBytes: 0, trailingEntries: 0 },
  })

/** Taking a snapshot of a replica with so many keys, and what a put costs while it is kept. */
export const benchCapture = (): readonly string[] => {
  const lines = ['Capture of a snapshot, and puts while it is kept (single server, the whole step)']
  for (const keys of [1_000, 100_000, 1_000_000]) {
    const replica = filled(keys)
    const capture = nanoseconds(2_000, () => replicaStep(machine, replica, { type: 'capture' }))
    lines.push(row(`capture with ${keys} keys`, capture, 'ns'))
    const captured = replicaStep(machine, replica, { type: 'capture' })[0]
    const put = nanoseconds(500, (at) => settled(captured, putting((at * 7_919) % keys)), 5)
    lines.push(row(`one put, committed, with ${keys} keys`, put, 'ns'))
  }
  return lines
}

const putting = (key: number): ReplicaMessage => {
  const command: KvCommand = { op: 'put', key: `key ${key}`, value: key }
  return { type: 'propose', id: key, commands: [command] }
}

/** The replica after a message, with a disk that answers at once. */
const settled = (replica: KvReplica, message: ReplicaMessage): KvReplica => {
  let current = replica
  const queue: ReplicaMessage[] = [message]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [after, outputs] = replicaStep(machine, current, next)
    current = after
    for (const output of outputs)
      if (output.type === 'save') queue.push({ type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
  }
  return current
}

const filled = (keys: number): KvReplica => {
  let replica = settled(bornReplica(), { type: 'campaign' })
  for (let from = 0; from < keys; from += 1_000) {
    const commands = Array.from({ length: 1_000 }, (_, at): KvCommand => {
      const key = `key ${from + at}`
      return { op: 'put', key, value: from + at }
    })
    replica = settled(replica, { type: 'propose', id: from, commands })
  }
  return replica
}
