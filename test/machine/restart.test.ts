import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { birthSnapshot, type Remains } from '../../src/core/start.ts'
import type { CapturedObject } from '../../src/machine/capture.ts'
import { objectsOf } from '../../src/machine/capture.ts'
import { kvFromObject, kvMachine } from '../../src/machine/kv/kv.ts'
import { restartReplica } from '../../src/machine/replica.ts'

const machine = kvMachine({ objectBytesMax: 1 })
const configuration = configurationOf([nodeId('n1'), nodeId('n2')])
const objects = objectsOf(machine, kvFromObject({ a: 1, b: 2, c: 3 }))

/** A node that crashed in the midst of a reception. */
const restarted = (received: readonly CapturedObject[]) => {
  const snapshot = {
    lastIncludedIndex: index(5),
    lastIncludedTerm: term(2),
    configuration,
    configurationIndex: index(0),
  }
  const remains: Remains = {
    id: nodeId('n1'),
    hardState: { currentTerm: term(2), votedFor: null },
    snapshot: birthSnapshot(configuration),
    entries: [],
    received: { snapshot, nextObjectId: objects[1]?.id ?? '', digest: 7 },
  }
  return restartReplica(machine, remains, [], received)
}

describe('what is left of a reception', () => {
  it('is where the transfer goes on', () => {
    const { incoming, raft } = restarted(objects.slice(0, 1))
    expect([incoming?.snapshot.lastIncludedIndex, raft.server.receiving?.digest]).toEqual([5, 7])
  })

  it('does not prevent a start where it cannot be read: the transfer begins at the first object', () => {
    const { incoming, raft } = restarted([{ id: 0, data: '?' }])
    expect([incoming, raft.server.receiving]).toEqual([null, null])
  })
})

describe('remains of a machine with a disk of its own', () => {
  const entries = [{ type: 'noop' as const, index: index(1), term: term(1), bytes: 0 }]
  const snapshot = birthSnapshot(configuration)
  const remains = { id: nodeId('n1'), hardState: { currentTerm: term(1), votedFor: null }, snapshot, entries }
  const ahead = { ...snapshot, lastIncludedIndex: index(1), lastIncludedTerm: term(1) }

  it.each([{ lastApplied: index(1) }, { installed: ahead }])(
    'are refused, as its state would be taken for a later one: %o',
    (more) => {
      expect(() => restartReplica(machine, { ...remains, ...more }, [])).toThrow('a machine in memory')
    },
  )
})
