import { describe, expect, it } from 'vitest'
import { promised } from '../../src/shell/storage/disk-queue.ts'
import { memoryStorage } from '../../src/shell/storage/storage.ts'
import { A, newReplica, nodeOver, put } from './support-node.ts'

/** A lone leader that applies two entries a step, and commits ten at once. */
const committed = () => {
  const made = nodeOver(memoryStorage(), newReplica([A], { applyEntriesMax: 2 }))
  made.node.deliver({ type: 'campaign' })
  made.node.deliver({ type: 'propose', id: 1, commands: Array.from({ length: 9 }, (_, at) => put('k', at)) })
  return made
}

describe('a long log', () => {
  it('is applied in several turns of the event loop', () => {
    const { node } = committed()
    expect([node.replica.raft.server.lastApplied < 10, node.isBusy]).toEqual([true, true])
  })

  it('is applied to its end without anything else happening', async () => {
    const { node, events } = committed()
    await promised((callback) => node.whenIdle(callback))
    expect(node.replica.raft.server.lastApplied).toBe(10)
    expect(events.at(-1)).toMatchObject({ type: 'completed', id: 1 })
  })

  it('is applied before those are called back who wait for the disk', async () => {
    const { node } = committed()
    await promised((callback) => node.whenDurable(callback))
    expect([node.replica.raft.server.lastApplied, node.isBusy]).toEqual([10, false])
  })

  it(
    'is applied no further after a stop, and those are called back who wait for that',
    { timeout: 5_000 },
    async () => {
      const { node } = committed()
      const idle = promised((callback) => node.whenIdle(callback))
      node.stop()
      await idle
      expect([node.replica.raft.server.lastApplied < 10, node.isBusy]).toEqual([true, false])
    },
  )
})
