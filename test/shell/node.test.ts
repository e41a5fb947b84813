import { describe, expect, it } from 'vitest'
import { memoryStorage, StorageError, type StorageWrite } from '../../src/shell/storage/storage.ts'
import { A, B, ManualStorage, newReplica, nodeOver, put, turn, voteRequest, type Event } from './support-node.ts'

const typesOf = (events: readonly Event[]): readonly string[] =>
  events.filter(({ type }) => type !== 'note').map(({ type }) => type)

const sent = (events: readonly Event[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'send' ? [event.rpc.type] : []))

const kindsOf = (writes: readonly StorageWrite[]): readonly string[] => writes.map(({ type }) => type)

/** A node that leads the cluster of itself, its disk idle. */
const leader = async (options = {}) => {
  const storage = new ManualStorage()
  const made = nodeOver(storage, newReplica([A], options))
  made.node.deliver({ type: 'campaign' })
  await storage.finishAll()
  made.events.length = 0
  storage.calls.length = 0
  return { storage, ...made }
}

describe('promises', () => {
  it('leave once the save they rest on is durable, not before', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(3) })
    await turn()
    expect(sent(events)).toEqual([])
    await storage.finish()
    expect(events.filter(({ type }) => type === 'send')).toMatchObject([{ to: B, rpc: { voteGranted: true } }])
  })

  it('leave in the order of their saves, also where several share a write', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    for (const inTerm of [1, 2, 3, 4]) node.deliver({ type: 'receive', from: B, rpc: voteRequest(inTerm) })
    expect(storage.calls.map(({ writes }) => writes.length)).toEqual([1])
    await storage.finish()
    expect(storage.calls.map(({ writes }) => writes.length)).toEqual([1, 3])
    await storage.finish()
    const terms = events.flatMap((event) => (event.type === 'send' ? [event.rpc.term] : []))
    expect(terms).toEqual([1, 2, 3, 4])
  })

  it('never leave after the disk failed', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    const told: (Error | null)[] = []
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    node.whenDurable((failure) => told.push(failure))
    const error = new StorageError('ENOSPC')
    await storage.fail(error)
    expect(events.at(-1)).toEqual({ type: 'failed', error })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(3) })
    node.deliver({ type: 'tick' })
    await turn()
    expect(sent(events)).toEqual([])
    expect(told).toEqual([error])
    expect(storage.calls).toHaveLength(1)
  })

  it('never leave after a stop, though the write succeeds', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.stop()
    await storage.finish()
    expect(sent(events)).toEqual([])
  })

  it('stop leaving in the middle, when whoever gets one stops the node', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]), (event) => {
      if (event.type === 'send') node.stop()
    })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    await storage.finish()
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    expect(sent(events)).toHaveLength(1)

    const another = new ManualStorage()
    const busy = nodeOver(another, newReplica([A, B]), (event) => {
      if (event.type === 'send' && event.rpc.term === 2) busy.node.stop()
    })
    for (const inTerm of [1, 2, 3, 4]) busy.node.deliver({ type: 'receive', from: B, rpc: voteRequest(inTerm) })
    await another.finish()
    await another.finish()
    expect(sent(busy.events)).toHaveLength(2)
  })
})

describe('a failure', () => {
  it('is told once, and not to whoever stopped the node before', async () => {
    const { storage, node, events } = await leader()
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    await storage.finish()
    node.deliver({ type: 'capture' })
    node.deliver({ type: 'propose', id: 2, commands: [put('k', 2)] })
    await storage.fail()
    await storage.fail()
    expect(events.filter(({ type }) => type === 'failed')).toHaveLength(1)

    const stopped = await leader()
    stopped.node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    stopped.node.stop()
    await stopped.storage.fail()
    expect(stopped.events.some(({ type }) => type === 'failed')).toBe(false)
  })
})

describe('saves', () => {
  it('of proposals that come while the disk is busy share the next write', async () => {
    const { storage, node, events } = await leader()
    for (let id = 1; id <= 10; id++) node.deliver({ type: 'propose', id, commands: [put('k', id)] })
    expect(storage.calls.map(({ writes }) => writes.length)).toEqual([1])
    await storage.finish()
    expect(storage.calls.length).toBe(2)
    expect(node.isBusy).toBe(true)
    await storage.finish()
    expect(node.isBusy).toBe(false)
    const completed = events.flatMap((event) => (event.type === 'completed' ? [event.id] : []))
    expect(completed).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('of messages that come from within share a write too', () => {
    const storage = new ManualStorage()
    let isFirst = true
    const { node } = nodeOver(storage, newReplica([A, B]), () => {
      if (isFirst) for (const inTerm of [2, 3]) node.deliver({ type: 'receive', from: B, rpc: voteRequest(inTerm) })
      isFirst = false
    })
    node.deliver({ type: 'campaign' })
    expect(storage.calls.map(({ writes }) => kindsOf(writes))).toEqual([['save', 'save', 'save']])
  })
})

describe('whoever waits for durability', () => {
  it('is called when everything before is durable', async () => {
    const { storage, node, events } = await leader()
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    const told: string[] = []
    node.whenDurable(() => told.push(...typesOf(events)))
    await storage.finish()
    expect(told).toContain('completed')
  })

  it('is called at once on an idle disk, in order, also from within', async () => {
    const { storage, node } = await leader()
    const order: string[] = []
    node.whenDurable(() => {
      order.push('first')
      node.whenDurable(() => order.push('third'))
      order.push('end of the first')
    })
    node.whenDurable(() => order.push('fourth'))
    expect(order).toEqual(['first', 'end of the first', 'third', 'fourth'])

    node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    const later: string[] = []
    node.whenDurable(() => {
      later.push('one')
      node.whenDurable(() => later.push('three'))
    })
    node.whenDurable(() => later.push('two'))
    expect(later).toEqual([])
    await storage.finishAll()
    expect(later).toEqual(['one', 'two', 'three'])
  })

  it('keeps that order on a storage without a disk', () => {
    const { node } = nodeOver(memoryStorage(), newReplica())
    node.deliver({ type: 'campaign' })
    const order: number[] = []
    node.whenDurable(() => {
      order.push(1)
      node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
      node.whenDurable(() => order.push(3))
      order.push(2)
    })
    node.whenDurable(() => order.push(4))
    expect(order).toEqual([1, 2, 3, 4])
    expect(node.replica.machine.get('k')).toBe(1)
  })
})

describe("a snapshot of the node's own", () => {
  it('is written after the saves before it, and keeps none after it waiting', async () => {
    const { storage, node } = await leader({ trailingEntries: 0 })
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    await storage.finish()
    node.deliver({ type: 'capture' })
    node.deliver({ type: 'propose', id: 2, commands: [put('k', 2)] })
    expect(storage.calls.map(({ writes }) => kindsOf(writes))).toEqual([['save'], ['snapshot'], ['save']])
    await storage.finish(({ writes }) => writes[0]?.type === 'save')
    expect(node.replica.machine.get('k')).toBe(2)
    expect(node.replica.raft.server.snapshot.lastIncludedIndex).toBe(0)
    expect(node.isBusy).toBe(true)
    await storage.finish()
    expect(node.replica.raft.server.snapshot.lastIncludedIndex).toBe(2)
    expect(kindsOf(storage.calls.at(-1)?.writes ?? [])).toEqual(['save'])
    await storage.finishAll()
    expect(node.isBusy).toBe(false)
  })

  it('holds the state of its index, whatever is applied while it is written', async () => {
    const { storage, node } = await leader()
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 'then')] })
    await storage.finish()
    node.deliver({ type: 'capture' })
    node.deliver({ type: 'propose', id: 2, commands: [put('k', 'now')] })
    const call = storage.calls.find(({ writes }) => writes[0]?.type === 'snapshot')
    await storage.finish(({ writes }) => writes[0]?.type === 'save')
    const [write] = call?.writes ?? []
    const objects = write?.type === 'snapshot' ? [...write.objects] : []
    expect(objects.map(({ data }) => data).join('')).toContain('then')
  })
})

describe('replacing the replica', () => {
  it('writes the whole of the new one', async () => {
    const storage = new ManualStorage()
    const { node } = nodeOver(storage, newReplica())
    const other = await leader()
    other.node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    await other.storage.finishAll()
    node.replace(other.node.replica)
    expect(node.replica).toBe(other.node.replica)
    expect(storage.calls[0]?.writes).toMatchObject([
      { type: 'reset', remains: { id: A, hardState: { currentTerm: 1 }, entries: [{ index: 1 }, { index: 2 }] } },
    ])
  })

  it('writes the snapshot that its meaning speaks of, though an older one is still kept for somebody', async () => {
    const { storage, node } = await leader()
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 'old')] })
    await storage.finishAll()
    node.deliver({ type: 'capture' })
    await storage.finishAll()
    const old = node.replica.captures
    node.deliver({ type: 'propose', id: 2, commands: [put('k', 'new')] })
    await storage.finishAll()
    node.deliver({ type: 'capture' })
    await storage.finishAll()
    node.replace({ ...node.replica, captures: [...old, ...node.replica.captures] })
    const write = storage.calls.at(-1)?.writes[0]
    const objects = write?.type === 'reset' ? [...write.objects] : []
    expect(objects.map(({ data }) => data).join('')).toContain('new')
  })

  it('keeps promises and answers of the earlier one from leaving', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    node.replace(newReplica([A, B]))
    await storage.finishAll()
    expect(sent(events)).toEqual([])
    expect(node.replica.raft.server).toMatchObject({ currentTerm: 0, savedSequence: 0 })
  })

  it('within an output leaves the rest of the outputs alone', () => {
    const { node, events } = nodeOver(memoryStorage(), newReplica(), (event) => {
      if (event.type === 'applied' && event.results.length > 0) node.replace(newReplica())
    })
    node.deliver({ type: 'campaign' })
    node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })
    expect(typesOf(events)).toContain('applied')
    expect(typesOf(events)).not.toContain('completed')
    expect(node.replica.raft.server.currentTerm).toBe(0)
  })

  it('within an output keeps answers of the disk that wait from the new one', () => {
    const { node, events } = nodeOver(memoryStorage(), newReplica(), (event) => {
      if (event.type === 'accepted') node.deliver({ type: 'capture' })
      if (event.type === 'applied' && event.results.length > 0) node.replace(newReplica())
    })
    node.deliver({ type: 'campaign' })
    // A snapshot and the save of the proposal are written together: their answers wait one behind the other.
    expect(() => node.deliver({ type: 'propose', id: 1, commands: [put('k', 1)] })).not.toThrow()
    expect(typesOf(events)).toContain('applied')
    expect(node.replica.raft.server.snapshot.lastIncludedIndex).toBe(0)
  })

  it('within a callback, answers of the disk that come with it included', async () => {
    const storage = new ManualStorage()
    const { node } = nodeOver(storage, newReplica([A, B]), (event) => {
      if (event.type === 'send') node.replace(newReplica([A, B]))
    })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    await storage.finishAll()
    expect(node.replica.raft.server).toMatchObject({ currentTerm: 0, savedSequence: 0 })
  })
})
