import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import type { Save } from '../../src/core/output.ts'
import type { Options } from '../../src/core/config.ts'
import { index, term, type NodeId } from '../../src/core/ids.ts'
import type { AppendEntries } from '../../src/core/rpc.ts'
import { A, B, ManualStorage, newReplica, nodeOver, put, type Event } from './support-node.ts'

/** A leader, of itself or of two servers, with the first of some proposals being written. */
const writingLeader = async (voters: readonly NodeId[] = [A], options: Partial<Options> = {}) => {
  const storage = new ManualStorage()
  const heard: { callback: (event: Event) => void } = { callback: () => undefined }
  const { node, events } = nodeOver(storage, newReplica(voters, options), (event) => heard.callback(event))
  node.deliver({ type: 'campaign' })
  await storage.finishAll()
  if (voters.length > 1) {
    const rpc = { type: 'RequestVoteResponse', term: term(1), voteGranted: true } as const
    node.deliver({ type: 'receive', from: B, rpc })
    await storage.finishAll()
    // It has the leader's blank entry: more than one AppendEntries may be under way to it.
    const matched = {
      type: 'AppendEntriesResponse',
      term: term(1),
      success: true,
      matchIndex: index(1),
      round: 0,
    } as const
    node.deliver({ type: 'receive', from: B, rpc: matched })
    await storage.finishAll()
  }
  const propose = (id: number | string, ...values: readonly (number | string)[]): void =>
    node.deliver({ type: 'propose', id, commands: values.map((value) => put(`k${value}`, value)) })
  propose('first', 0)
  events.length = 0
  storage.calls.splice(0, storage.calls.length - 1)
  return { storage, node, events, propose, heard }
}

const savesOf = ({ calls }: ManualStorage): readonly Save[] =>
  calls.flatMap(({ writes }) => writes.flatMap((write) => (write.type === 'save' ? [write] : [])))

const entriesSaved = (storage: ManualStorage): readonly number[] =>
  savesOf(storage).map(({ entries }) => entries.length)

const answers = (events: readonly Event[], type: 'accepted' | 'completed' | 'refused' | 'lost') =>
  events.flatMap((event) => (event.type === type ? [event.id] : []))

const appends = (events: readonly Event[]): readonly number[] =>
  events.flatMap((event) =>
    event.type === 'send' && event.rpc.type === 'AppendEntries' && event.rpc.entries.length > 0
      ? [event.rpc.entries.length]
      : [],
  )

describe('proposals that come while the disk writes', () => {
  it('become one save', async () => {
    const { storage, propose } = await writingLeader()
    for (const id of [1, 2, 3]) propose(id, id)
    await storage.finishAll()
    expect(entriesSaved(storage)).toEqual([1, 3])
  })

  it('become one AppendEntries for each follower', async () => {
    const { storage, propose, events } = await writingLeader([A, B])
    for (const id of [1, 2, 3]) propose(id, id)
    await storage.finish()
    expect(appends(events)).toEqual([3])
  })

  it('are answered one by one, in order, with their own indices and results', async () => {
    const { storage, propose, events } = await writingLeader()
    propose('a', 1)
    propose('b', 2, 3)
    propose('c', 4)
    await storage.finishAll()
    const own = events.filter(
      (event) => event.type === 'accepted' || (event.type === 'completed' && event.id !== 'first'),
    )
    expect(own).toMatchObject([
      { type: 'accepted', id: 'a', firstIndex: 3, lastIndex: 3 },
      { type: 'accepted', id: 'b', firstIndex: 4, lastIndex: 5 },
      { type: 'accepted', id: 'c', firstIndex: 6, lastIndex: 6 },
      { type: 'completed', id: 'a', firstIndex: 3, results: [{}] },
      { type: 'completed', id: 'b', firstIndex: 4, results: [{}, {}] },
      { type: 'completed', id: 'c', firstIndex: 6, results: [{}] },
    ])
  })

  it('wait no longer than a tick: a disk that stalls does not keep them from the followers', async () => {
    const { propose, node, events } = await writingLeader([A, B])
    propose(1, 1)
    propose(2, 2)
    expect(appends(events)).toEqual([])
    node.deliver({ type: 'tick' })
    propose(3, 3)
    expect(appends(events)).toEqual([2, 1])
  })

  it('are part of what a callback for durability waits for', async () => {
    const { storage, propose, node } = await writingLeader()
    propose(1, 1)
    const saved: number[] = []
    node.whenDurable(() => saved.push(...entriesSaved(storage)))
    await storage.finishAll()
    expect(saved).toEqual([1, 1])
  })

  it('are refused one by one, as far as they find no room', async () => {
    const { storage, propose, events } = await writingLeader([A, B], { uncommittedEntriesMax: 3 })
    for (const id of [1, 2, 3, 4]) propose(id, id)
    await storage.finish()
    expect(answers(events, 'accepted')).toEqual([1, 2])
    expect(answers(events, 'refused')).toEqual([3, 4])
  })

  it('are refused by a server that leads no more, all of them', async () => {
    const { propose, node, events } = await writingLeader([A, B])
    propose(1, 1)
    propose(2, 2)
    const rpc = { type: 'RequestVoteResponse', term: term(7), voteGranted: false } as const
    node.deliver({ type: 'receive', from: B, rpc })
    expect(answers(events, 'refused')).toEqual([1, 2])
  })

  it('are lost one by one when another leader overwrites them', async () => {
    const { storage, propose, node, events } = await writingLeader([A, B])
    propose(1, 1)
    propose(2, 2)
    await storage.finish()
    const entries = [3, 4, 5].map((at) => ({ type: 'noop', index: index(at), term: term(7), bytes: 0 }) as const)
    const rpc: AppendEntries = {
      type: 'AppendEntries',
      term: term(7),
      leaderId: B,
      prevLogIndex: index(2),
      prevLogTerm: term(1),
      entries,
      leaderCommit: index(5),
      round: 0,
    }
    node.deliver({ type: 'receive', from: B, rpc })
    await storage.finishAll()
    expect(answers(events, 'lost')).toEqual([1, 2])
  })

  it('are one step of at most 1,024 commands: then they do not wait any longer', async () => {
    const { storage, propose } = await writingLeader()
    for (let id = 1; id <= 1500; id++) propose(id, id)
    await storage.finishAll()
    expect(entriesSaved(storage)).toEqual([1, 1024, 476])
  })

  it('are judged at once: one that is not lawful is thrown to its sender, and costs no other', async () => {
    const { storage, propose, node } = await writingLeader()
    propose(1, 1)
    expect(() => node.deliver({ type: 'propose', id: 2, commands: [] })).toThrow(UsageError)
    expect(() => node.deliver({ type: 'propose', id: 3, commands: [put('k', Number.NaN)] })).toThrow(UsageError)
    propose(4, 4)
    await storage.finishAll()
    expect(entriesSaved(storage)).toEqual([1, 2])
  })
})

describe('proposals from within callbacks', () => {
  it('become one', async () => {
    const { storage, heard, propose } = await writingLeader()
    heard.callback = (event) => {
      if (event.type === 'completed' && event.id === 'first') for (const id of [1, 2, 3]) propose(id, id)
    }
    await storage.finishAll()
    expect(entriesSaved(storage)).toEqual([1, 3])
  })

  it('that stops the node, are answered no further', async () => {
    const { storage, heard, propose, node, events } = await writingLeader()
    propose(1, 1)
    propose(2, 2)
    heard.callback = (event) => {
      if (event.type === 'completed' && event.id === 1) node.stop()
    }
    await storage.finishAll()
    expect(answers(events, 'completed')).toEqual(['first', 1])
  })
})

it.each(['propose', 'read'] as const)('a %s under a name that the node gives is refused', async (type) => {
  const { node } = await writingLeader()
  const id = 'joint proposal 1'
  expect(() =>
    node.deliver(type === 'read' ? { type, id, mode: 'quorum' } : { type, id, commands: [put('k', 1)] }),
  ).toThrow(UsageError)
})
