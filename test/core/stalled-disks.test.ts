import { describe, expect, it } from 'vitest'
import { index, type NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { initial } from '../../src/core/start.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { THREE, n1, n2, n3 } from './server.ts'

/* Followers whose disks take longer than an election timeout for each save, in virtual time. */

const TICK_MS = 10
const NETWORK_MS = 1

/** Three servers; times are in milliseconds. The first one leads, its disk is fast, and all are at rest. */
class Cluster {
  now = 0
  sent = 0
  readonly states = new Map<NodeId, RaftState>()
  readonly led: NodeId[] = []
  readonly readLatencies: number[] = []
  readonly commitLatencies: number[] = []
  private readonly saveMs: (id: NodeId) => number
  private readonly due = new Map<number, (() => void)[]>()
  private readonly diskFree = new Map<NodeId, number>()
  private readonly asked = new Map<number, number>()
  private readonly proposed: { readonly index: number; readonly at: number }[] = []
  private isStalled = false

  constructor(followerSaveMs: number) {
    this.saveMs = (id) => (this.isStalled && id !== n1 ? followerSaveMs : 1)
    const options = { electionTimeoutTicks: 10, heartbeatTicks: 1, preVote: true, checkQuorum: true }
    for (const id of [n1, n2, n3]) this.states.set(id, initial({ id, configuration: THREE, options }))
    this.run(n1, { type: 'campaign' })
    this.advance(100)
    this.led.length = 0
    this.isStalled = true
  }

  get leader(): NodeId | null {
    const leaders = [...this.states].filter(([, { server }]) => server.role.type === 'leader')
    return leaders.sort(([, a], [, b]) => b.server.currentTerm - a.server.currentTerm)[0]?.[0] ?? null
  }

  advance(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now++
      for (const action of this.due.get(this.now) ?? []) action()
      this.due.delete(this.now)
      if (this.now % TICK_MS === 0) for (const id of this.states.keys()) this.run(id, { type: 'tick' })
    }
  }

  propose(): void {
    const { leader } = this
    if (leader !== null) this.run(leader, { type: 'propose', id: 'w', commands: ['x'] })
  }

  read(id: number): void {
    const { leader } = this
    if (leader === null) return
    this.asked.set(id, this.now)
    this.run(leader, { type: 'read', id, mode: 'quorum' })
  }

  private after(ms: number, action: () => void): void {
    const at = this.now + ms
    this.due.set(at, [...(this.due.get(at) ?? []), action])
  }

  private run(id: NodeId, message: Message): void {
    const before = this.states.get(id)
    if (before === undefined) return
    const [state, outputs] = step(before, message)
    this.states.set(id, state)
    for (const output of outputs) this.perform(id, output)
    if (state.server.commitIndex > before.server.commitIndex)
      for (const { index: at, at: since } of this.proposed)
        if (id === n1 && at > before.server.commitIndex && at <= state.server.commitIndex)
          this.commitLatencies.push(this.now - since)
  }

  private perform(id: NodeId, output: Output): void {
    switch (output.type) {
      case 'send':
        this.sent++
        return this.after(NETWORK_MS, () => this.run(output.to, { type: 'receive', from: id, rpc: output.rpc }))
      case 'save': {
        // Writes keep their order.
        const done = Math.max(this.now, this.diskFree.get(id) ?? 0) + this.saveMs(id)
        this.diskFree.set(id, done)
        return this.after(done - this.now, () => {
          for (const send of output.then) this.perform(id, send)
          this.run(id, { type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex })
        })
      }
      case 'apply':
        return this.run(id, { type: 'applied', index: index(output.entries.at(-1)?.index ?? 0) })
      case 'accepted':
        this.proposed.push({ index: output.firstIndex, at: this.now })
        return
      case 'readReady': {
        this.readLatencies.push(this.now - (this.asked.get(Number(output.id)) ?? 0))
        return
      }
      case 'note':
        if (output.event === 'became' && output.role === 'leader') this.led.push(id)
        return
      case 'refused':
      case 'takeSnapshot':
      case 'readObject':
      case 'saveObject':
      case 'installSnapshot':
      case 'transferEnded':
        return
    }
  }
}

describe.each([120, 250, 900])('a leader whose followers take %d ms for each save', (followerSaveMs) => {
  const cluster = new Cluster(followerSaveMs)
  for (let second = 0; second < 20; second++) {
    cluster.propose()
    for (let at = 0; at < 20; at++) {
      cluster.read(second * 20 + at)
      cluster.advance(50)
    }
  }

  it('leads on', () => {
    expect([cluster.led, cluster.leader]).toEqual([[], n1])
  })

  it('serves reads as fast as the network, those that came during a round with the next', () => {
    expect([cluster.readLatencies.length, Math.max(...cluster.readLatencies)]).toEqual([400, 4 * NETWORK_MS])
  })

  it('commits as fast as the disks', () => {
    expect(cluster.commitLatencies.length).toBeGreaterThanOrEqual(19)
    expect(Math.max(...cluster.commitLatencies)).toBe(followerSaveMs + 2 * NETWORK_MS)
  })

  it('has one message answered by one message', () => {
    // A second has 100 heartbeats, 20 rounds for reads, an entry and the news of its commitment; each to two followers.
    expect(cluster.sent / 20).toBeLessThanOrEqual(1.01 * 2 * 2 * (100 + 20 + 2))
  })
})
