import { describe, expect, it } from 'vitest'
import { SnapshotNotStored } from '../../src/shell/storage/storage.ts'
import { A, ManualStorage, newReplica, nodeOver, put } from './support-node.ts'

describe('a snapshot', () => {
  it('that has no room is reported, and the node goes on', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A], { snapshotEntries: 2 }))
    node.deliver({ type: 'campaign' })
    await storage.finishAll()
    node.deliver({ type: 'propose', id: 1, commands: [put('x', 1)] })
    await storage.finish()
    await storage.fail(new SnapshotNotStored('the disk is full'))
    expect(events).toContainEqual({ type: 'note', event: 'snapshotFailed', index: 2, reason: 'the disk is full' })
    node.deliver({ type: 'propose', id: 2, commands: [put('x', 2)] })
    await storage.finishAll()
    expect(events.filter(({ type }) => type === 'failed')).toEqual([])
    expect(node.replica.raft.server.lastApplied).toBe(3)
  })
})
