import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { createReplica } from '../../src/machine/replica.ts'
import { ManualClock, Ticks } from '../../src/shell/clock.ts'
import { memoryStorage } from '../../src/shell/storage/storage.ts'
import { Cluster } from './maelstrom-cluster.ts'
import { A, B, MACHINE, nodeOver, type Event } from './support-node.ts'

describe('ticks', () => {
  it('are due as the clock says, each once', () => {
    const clock = new ManualClock()
    const ticks = new Ticks(clock, 10, 100)
    clock.advance(9)
    expect(ticks.due()).toBe(0)
    clock.advance(26)
    expect([ticks.due(), ticks.due()]).toEqual([3, 0])
    clock.advance(5)
    expect(ticks.due()).toBe(1)
  })

  it('are not lost in a pause, up to the maximum', () => {
    const clock = new ManualClock()
    const ticks = new Ticks(clock, 10, 20)
    clock.pause(150)
    expect(ticks.due()).toBe(15)
    clock.pause(3_600_000)
    expect([ticks.due(), ticks.due()]).toEqual([20, 0])
  })
})

describe('a timer of the manual clock', () => {
  it('calls back once after a pause, and then as before', () => {
    const clock = new ManualClock()
    const calls: number[] = []
    clock.every(10, () => calls.push(clock.now()))
    clock.advance(10)
    clock.pause(100)
    clock.advance(15)
    expect(calls).toEqual([10, 111, 121])
  })
})

/** A leads with the help of B, and has its lease, under a clock of 10 ms a tick. */
const leader = () => {
  const clock = new ManualClock()
  const options = { electionTimeoutTicks: 10, heartbeatTicks: 1 }
  const events: Event[] = []
  const born = { configuration: configurationOf([A, B]), options: { ...options, preVote: false } }
  const follower = nodeOver(memoryStorage(), createReplica(MACHINE, { id: B, ...born }), (event) => {
    if (event.type === 'send') node.deliver({ type: 'receive', from: B, rpc: event.rpc })
  }).node
  const { node } = nodeOver(
    memoryStorage(),
    createReplica(MACHINE, { id: A, ...born }),
    (event) => {
      events.push(event)
      if (event.type === 'send') follower.deliver({ type: 'receive', from: A, rpc: event.rpc })
    },
    { ticks: new Ticks(clock, 10, 20) },
  )
  node.deliver({ type: 'campaign' })
  for (let tick = 0; tick < 5; tick++) {
    clock.advance(10)
    node.catchUp()
  }
  events.length = 0
  return { clock, node, events }
}

describe('a node under a clock', () => {
  it('serves a read by its lease', () => {
    const { node, events } = leader()
    node.deliver({ type: 'read', id: 1, mode: 'lease' })
    expect(events).toEqual([expect.objectContaining({ type: 'readable', id: 1 })])
  })

  it('judges a message by all the time that has passed: after a pause the lease is over', () => {
    const { clock, node, events } = leader()
    clock.pause(150)
    node.deliver({ type: 'read', id: 1, mode: 'lease' })
    const answers = events.filter(({ type }) => type === 'readable' || type === 'refused')
    expect(answers).toEqual([expect.objectContaining({ type: 'refused', id: 1 })])
  })
})

describe("Maelstrom's dialect", () => {
  it('counts the time of a pause before it handles the next line', async () => {
    const cluster = new Cluster()
    const leader = await cluster.elect()
    cluster.clock.pause(1_000)
    void cluster.nodes.get(leader)?.handle({
      src: 'c1',
      dest: leader,
      type: 'read',
      msgId: 1,
      inReplyTo: null,
      bodyProblem: null,
      body: { key: 'x' },
    })
    expect(cluster.logs.get(leader)?.at(-1)).toMatch(/^follower/)
  })
})
