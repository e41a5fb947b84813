import type { Reducer } from '../../src/core/output.ts'
import { describe, expect, it } from 'vitest'
import { InvariantViolation, UsageError } from '../../src/core/assert.ts'
import { nodeId } from '../../src/core/ids.ts'
import { step } from '../../src/core/step.ts'
import { Node } from '../../src/shell/node.ts'
import { memoryStorage, StorageError, type Storage } from '../../src/shell/storage/storage.ts'
import { A, B, MACHINE, ManualStorage, newReplica, nodeOver, turn, voteRequest, type Event } from './support-node.ts'

const sent = (events: readonly Event[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'send' ? [event.rpc.type] : []))

const failures = (events: readonly Event[]): readonly unknown[] =>
  events.flatMap((event) => (event.type === 'failed' ? [event.error] : []))

const bug = new Error('a bug of the embedder')

/** A callback that throws at the first event of a type. */
const throwingAt = (type: Event['type']) => {
  let isArmed = true
  return (event: Event): void => {
    if (!isArmed || event.type !== type) return
    isArmed = false
    throw bug
  }
}

describe('a callback that throws', () => {
  it.each(['note', 'send'] as const)('at %s costs no other output of the step, its save included', (type) => {
    const storage = new ManualStorage()
    const replica = newReplica([A, B, nodeId('c')], { preVote: type === 'send' })
    const { node, events } = nodeOver(storage, replica, throwingAt(type))
    node.deliver({ type: 'campaign' })
    const whole = new ManualStorage()
    const undisturbed = nodeOver(whole, replica)
    undisturbed.node.deliver({ type: 'campaign' })
    expect(events.filter((event) => event.type !== 'failed')).toEqual(undisturbed.events)
    expect(storage.calls.map(({ writes }) => writes)).toEqual(whole.calls.map(({ writes }) => writes))
  })

  it('stops the node, which gives its exception as the cause, once', () => {
    const { node, events } = nodeOver(new ManualStorage(), newReplica([A, B]), throwingAt('note'))
    node.deliver({ type: 'campaign' })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(9) })
    expect(failures(events)).toEqual([bug])
    expect(node.replica.raft.server.currentTerm).toBe(1)
  })

  it('after a save costs no other promise that rested on it', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]), throwingAt('send'))
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    await storage.finish()
    expect(failures(events)).toEqual([bug])

    const busy = new ManualStorage()
    let promises = 0
    const troubled = nodeOver(busy, newReplica([A, B]), (event) => {
      if (event.type === 'send' && ++promises === 2) throw bug
    })
    for (const inTerm of [1, 2, 3, 4]) troubled.node.deliver({ type: 'receive', from: B, rpc: voteRequest(inTerm) })
    await busy.finishAll()
    expect(sent(troubled.events)).toHaveLength(4)
    expect(failures(troubled.events)).toEqual([bug])
  })

  it('while waiting for durability stops the node, and the others get the cause', async () => {
    const storage = new ManualStorage()
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    const told: unknown[] = []
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.whenDurable(() => {
      throw bug
    })
    node.whenDurable((failure) => told.push(failure))
    node.whenIdle((failure) => told.push(failure))
    await storage.finish()
    expect(told).toEqual([bug, bug])
    expect(failures(events)).toEqual([bug])
  })

  it('at failed is heard by the caller, after all who wait have been called', () => {
    const told: unknown[] = []
    const node = new Node(MACHINE, newReplica([A, B]), new ManualStorage(), {
      send: () => undefined,
      output: () => {
        node.whenDurable((failure) => told.push(failure))
        throw bug
      },
      failed: (error) => {
        throw new Error('failed failed', { cause: error })
      },
    })
    expect(() => node.deliver({ type: 'campaign' })).toThrow('failed failed')
    expect(told).toContain(bug)
    expect(() => node.deliver({ type: 'tick' })).not.toThrow()
  })

  it('having stopped the node is heard of all the same', () => {
    const { node, events } = nodeOver(new ManualStorage(), newReplica([A, B]), (event) => {
      if (event.type !== 'note') return
      node.stop()
      throw bug
    })
    node.deliver({ type: 'campaign' })
    expect(failures(events)).toEqual([bug])
  })
})

describe('a message that is not lawful', () => {
  const unlawful = { type: 'propose', id: 1, commands: [] } as const
  const misused = (node: { deliver: (message: typeof unlawful) => void }): UsageError => {
    try {
      node.deliver(unlawful)
    } catch (error) {
      if (error instanceof UsageError) return error
    }
    throw new Error('it was taken')
  }
  /** A node whose reducer takes no empty proposal. */
  const strict = (heard: (event: Event) => void = () => undefined) => {
    const storage = new ManualStorage()
    const reduce: Reducer = (state, message) => {
      if (message.type === 'propose') throw new UsageError('a proposal has commands')
      if (message.type === 'read') throw new InvariantViolation('reads are fine')
      return step(state, message)
    }
    const observer = { reduce, replaced: () => undefined }
    const { node, events } = nodeOver(storage, newReplica([A, B]), heard, { observer })
    return { node, events, storage }
  }

  it('is thrown to its sender, and the node goes on', () => {
    const { node, events, storage } = strict()
    expect(misused(node).message).toBe('a proposal has commands')
    node.deliver({ type: 'campaign' })
    expect(storage.calls).toHaveLength(1)
    expect(failures(events)).toEqual([])
  })

  it('from within a callback stops the node, and costs no other message its save', () => {
    let isFirst = true
    const { node, events, storage } = strict(() => {
      if (isFirst) node.deliver(unlawful)
      isFirst = false
    })
    expect(() => node.deliver({ type: 'campaign' })).not.toThrow()
    expect(storage.calls).toHaveLength(1)
    expect(failures(events)).toEqual([expect.any(UsageError)])
  })

  it('is not what a broken invariant is: that stops the node', () => {
    const { node, events } = strict()
    node.deliver({ type: 'read', id: 1, mode: 'quorum' })
    expect(failures(events)).toEqual([expect.any(InvariantViolation)])
  })
})

describe('after the disk has failed', () => {
  const failed = () => {
    const storage = new ManualStorage()
    const made = nodeOver(storage, newReplica([A, B]))
    const error = new StorageError('ENOSPC')
    made.node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    return { storage, error, ...made }
  }

  it('whatever waits is called with the reason, in order', async () => {
    const { storage, error, node } = failed()
    const told: unknown[] = []
    node.whenDurable((failure) => told.push('written', failure))
    node.whenIdle((failure) => told.push('idle', failure))
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    node.whenDurable((failure) => told.push('waiting', failure))
    await storage.fail(error)
    expect(told).toEqual(['written', error, 'waiting', error, 'idle', error])
  })

  it('so is what shares the write that fails', async () => {
    const { storage, error, node } = failed()
    const told: unknown[] = []
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    node.whenDurable((failure) => told.push(failure))
    await storage.finish()
    await storage.fail(error)
    expect(told).toEqual([error])
    expect(node.isBusy).toBe(false)
  })

  it('whatever comes later is called with the reason, at once', async () => {
    const { storage, error, node } = failed()
    await storage.fail(error)
    const told: unknown[] = []
    node.whenDurable((failure) => told.push(failure))
    node.whenIdle((failure) => told.push(failure))
    expect(told).toEqual([error, error])
    expect(node.isBusy).toBe(false)
  })

  it('a storage that throws is one that failed', async () => {
    const error = new StorageError('closed')
    const storage: Storage = {
      ...memoryStorage(),
      write: () => {
        throw error
      },
    }
    const { node, events } = nodeOver(storage, newReplica([A, B]))
    expect(() => node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })).not.toThrow()
    await turn()
    expect(failures(events)).toEqual([error])
  })
})

describe('after a stop', () => {
  it('nothing that waits for durability is left waiting', async () => {
    const storage = new ManualStorage()
    const { node } = nodeOver(storage, newReplica([A, B]))
    const told: (Error | null)[] = []
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.whenDurable((failure) => told.push(failure))
    node.stop()
    node.whenDurable((failure) => told.push(failure))
    expect(told).toEqual([expect.any(Error), expect.any(Error)])
    await storage.finish()
    expect(told).toHaveLength(2)
  })

  it('in the middle of promises neither', async () => {
    const storage = new ManualStorage()
    const { node } = nodeOver(storage, newReplica([A, B]), (event) => {
      if (event.type === 'send' && event.rpc.term === 2) node.stop()
    })
    const told: (Error | null)[] = []
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
    node.deliver({ type: 'receive', from: B, rpc: voteRequest(2) })
    node.whenDurable((failure) => told.push(failure))
    await storage.finish()
    await storage.finish()
    expect(told).toEqual([expect.any(Error)])
  })

  it('the disk is still waited for, and says how that ended', async () => {
    for (const ends of ['well', 'badly'] as const) {
      const storage = new ManualStorage()
      const { node, events } = nodeOver(storage, newReplica([A, B]))
      const told: (Error | null)[] = []
      node.deliver({ type: 'receive', from: B, rpc: voteRequest(1) })
      node.stop()
      node.whenIdle((failure) => told.push(failure))
      expect(told).toEqual([])
      await (ends === 'well' ? storage.finish() : storage.fail())
      expect(told).toEqual([ends === 'well' ? null : expect.any(StorageError)])
      expect(failures(events)).toEqual([])
    }
  })
})

describe('messages from within a callback', () => {
  it('wait for the rest of the outputs, and for the promises that rest on the same write', async () => {
    const storage = new ManualStorage()
    const order: string[] = []
    const { node } = nodeOver(storage, newReplica([A, B]), (event) => {
      if (event.type === 'send') order.push(`promise of term ${event.rpc.term}`)
      if (event.type === 'send' && event.rpc.term === 2) node.deliver({ type: 'campaign' })
      if (event.type === 'note' && event.event === 'became') order.push(event.role)
    })
    for (const inTerm of [1, 2, 3]) node.deliver({ type: 'receive', from: B, rpc: voteRequest(inTerm) })
    await storage.finish()
    order.length = 0
    await storage.finish()
    expect(order.slice(0, 3)).toEqual(['promise of term 2', 'promise of term 3', 'candidate'])
  })
})
