import { describe, expect, it } from 'vitest'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import { kvMachine, kvToObject, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import type { ReplicaOutput } from '../../src/machine/replica-state.ts'
import { SimCluster, type SimClusterOptions } from '../../src/sim/cluster/cluster.ts'
import { Dice } from '../../src/sim/dice.ts'
import { EventQueue } from '../../src/sim/cluster/event-queue.ts'

type Seen = readonly [time: number, id: NodeId, output: ReplicaOutput<KvResult>]

const put = (key: string, value: number): KvCommand => ({ op: 'put', key, value })
const [n1, n2, n3] = ['n1', 'n2', 'n3'].map(nodeId) as [NodeId, NodeId, NodeId]

class World extends SimCluster<KvState, KvCommand, KvResult> {
  readonly seen: Seen[]

  constructor(options: Partial<SimClusterOptions<KvState, KvCommand, KvResult>> = {}) {
    const seen: Seen[] = []
    const onOutput = (id: NodeId, output: ReplicaOutput<KvResult>): void => {
      seen.push([this.time, id, output])
    }
    super({ machine: kvMachine(), size: 3, checked: true, onOutput, ...options })
    this.seen = seen
  }

  /** The times of the answers of one type to a request. */
  answers(type: ReplicaOutput<KvResult>['type'], id: number | string): readonly number[] {
    return this.seen.flatMap(([time, , output]) =>
      output.type === type && 'id' in output && output.id === id ? [time] : [],
    )
  }

  elect(): NodeId {
    this.runUntil(() => this.leader() !== null, 10_000)
    const leader = this.leader()
    if (leader === null) throw new Error('nobody was elected')
    return leader
  }

  /** Proposes until it is done: at the leader, again after a refusal, a loss, or too long a silence. */
  settle(key: string, value: number): void {
    for (let attempt = 0; attempt < 50; attempt++) {
      const id = `${key}=${value}#${attempt}`
      this.submit(this.elect(), { type: 'propose', id, commands: [put(key, value)] })
      if (this.runUntil(() => this.answers('completed', id).length > 0, 500)) return
    }
    throw new Error('not written')
  }

  contents(): readonly unknown[] {
    return this.ids.map((id) => {
      const replica = this.replica(id)
      return replica === null ? null : { ...kvToObject(replica.machine) }
    })
  }
}

describe('SimCluster', () => {
  it('elects a leader, and replicates what is proposed to it', () => {
    for (const size of [1, 2, 3, 4, 5, 7]) {
      const world = new World({ size, seed: size })
      world.settle('x', 1)
      world.settle('y', 2)
      world.advance(500)
      expect(world.contents()).toEqual(world.ids.map(() => ({ x: 1, y: 2 })))
    }
  })

  it('is deterministic by its seed', () => {
    const run = (seed: number): readonly Seen[] => {
      const world = new World({ seed, size: 5, network: { lossRate: 0.1, duplicateRate: 0.1 } })
      for (let at = 0; at < 20; at++) world.settle('x', at)
      return world.seen
    }
    expect(run(7)).toEqual(run(7))
    expect(run(7)).not.toEqual(run(8))
  })

  it('lets promises leave only when the write they rest on is durable', () => {
    const network = { delay: { least: 1, most: 1 }, slowRate: 0, lossRate: 0, duplicateRate: 0 }
    const world = new World({ tickInterval: 100, diskDelay: { least: 50, most: 50 }, network })
    const leader = world.elect()
    world.advance(1000)
    const begun = world.time
    world.submit(leader, { type: 'propose', id: 1, commands: [put('x', 1)] })
    world.advance(40)
    expect(world.answers('accepted', 1)).toEqual([begun])
    expect(world.answers('completed', 1)).toEqual([])
    world.advance(60)
    // There and back again, and the followers' disks between: the leader's own writes meanwhile.
    expect(world.answers('completed', 1)).toEqual([begun + 52])
  })

  it('answers a read of a leader that nothing else happens to', () => {
    for (const size of [1, 3]) {
      const world = new World({ size })
      world.submit(world.elect(), { type: 'read', id: 1, mode: 'quorum' })
      world.advance(300)
      expect(world.answers('readable', 1)).toHaveLength(1)
    }
  })

  it('refuses what a follower cannot do, and names the leader', () => {
    const world = new World()
    const leader = world.elect()
    world.advance(100)
    const follower = world.ids.find((id) => id !== leader) ?? n1
    world.submit(follower, { type: 'propose', id: 1, commands: [put('x', 1)] }, 10)
    world.advance(10)
    expect(world.seen.at(-1)).toEqual([world.time, follower, { type: 'refused', id: 1, reason: 'not-leader', leader }])
  })

  it('cuts off a minority that holds the leader, and unites all after healing', () => {
    for (let seed = 0; seed < 10; seed++) {
      const world = new World({ size: 5, seed })
      world.settle('x', 1)
      const old = world.elect()
      const others = world.ids.filter((id) => id !== old)
      world.partition([[old, ...others.slice(0, 1)], others.slice(1)])
      world.submit(old, { type: 'propose', id: 'lost', commands: [put('x', 2)] })
      world.advance(1000)
      expect(world.answers('accepted', 'lost')).toHaveLength(1)
      expect(others.slice(1)).toContain(world.leader())
      expect(world.replica(old)?.raft.server.role.type).not.toBe('leader')
      world.settle('x', 3)
      world.heal()
      world.advance(1000)
      expect(world.contents()).toEqual(world.ids.map(() => ({ x: 3 })))
      expect(world.answers('completed', 'lost')).toEqual([])
      expect(world.answers('lost', 'lost')).toHaveLength(1)
    }
  })

  it('isolates a node that is in no group', () => {
    const world = new World()
    world.elect()
    world.partition([[n1, n2]])
    world.advance(1000)
    expect([n1, n2]).toContain(world.leader())
    world.partition([])
    world.advance(1000)
    expect(world.leader()).toBeNull()
    expect(() => {
      world.partition([[n1], [n1]])
    }).toThrow('a node is in one group')
  })

  it('keeps every acknowledged write through crashes, losses and snapshots', () => {
    for (let seed = 0; seed < 25; seed++) {
      const dice = new Dice('test', seed)
      const world = new World({
        size: 3 + (seed % 3),
        seed,
        machine: kvMachine({ objectBytesMax: 40 }),
        options: { snapshotEntries: 5, trailingEntries: seed % 4, messageEntriesMax: 2, snapshotWindowBytes: 60 },
        network: { lossRate: 0.05, duplicateRate: 0.05, slowRate: 0.05 },
        diskDelay: { least: 0, most: 30 },
      })
      const expected: Record<string, number> = {}
      for (let at = 0; at < 40; at++) {
        const victim = dice.pick(world.ids) ?? n1
        if (dice.chance(0.3)) world.crash(victim)
        if (dice.chance(0.1)) for (const id of world.ids) world.crash(id)
        world.advance(dice.integer(0, 100))
        // A majority has to be up for a write.
        for (const id of world.ids) if (id !== victim || dice.chance(0.5)) world.restart(id)
        const key = `k${at % 12}`
        world.settle(key, at)
        expected[key] = at
      }
      for (const id of world.ids) world.restart(id)
      world.advance(3000)
      expect(world.contents(), `seed ${seed}`).toEqual(world.ids.map(() => expected))
    }
  })

  it('brings a node up to date by a snapshot, which survives its next crash', () => {
    const world = new World({ options: { snapshotEntries: 10, trailingEntries: 0 } })
    const leader = world.elect()
    const late = world.ids.find((id) => id !== leader) ?? n3
    world.crash(late)
    expect(world.replica(late)).toBeNull()
    for (let at = 0; at < 50; at++) world.settle(`k${at}`, at)
    world.restart(late)
    world.advance(1000)
    const adopted = world.seen.filter(
      ([, id, output]) => id === late && output.type === 'note' && output.event === 'snapshotAdopted',
    )
    expect(adopted).not.toHaveLength(0)
    world.crash(late)
    world.restart(late)
    expect(Object.keys(kvToObject(world.replica(late)?.machine ?? kvMachine().initial)).length).toBeGreaterThanOrEqual(
      40,
    )
    world.advance(1000)
    expect(world.contents()[0]).toEqual(world.contents()[2])
  })

  it('drops what is meant for a node that is down', () => {
    const world = new World()
    world.crash(n1)
    world.crash(n1)
    world.submit(n1, { type: 'propose', id: 1, commands: [put('x', 1)] })
    world.advance(2000)
    expect([n2, n3]).toContain(world.leader())
    expect(world.seen.filter(([, id]) => id === n1)).toEqual([])
    world.restart(n1)
    world.restart(n1)
    world.settle('x', 2)
    world.advance(500)
    expect(world.contents()).toEqual(world.ids.map(() => ({ x: 2 })))
  })

  it('stops at the time it is told, and calls back at the times asked for', () => {
    const world = new World()
    const times: number[] = []
    world.after(30, () => times.push(world.time))
    world.after(10, () => {
      times.push(world.time)
      world.after(5, () => times.push(world.time))
    })
    world.advance(29)
    expect(times).toEqual([10, 15])
    expect(world.time).toBe(29)
    expect(world.runUntil(() => times.length === 3, 100)).toBe(true)
    expect(world.time).toBe(30)
    expect(world.runUntil(() => false, 100)).toBe(false)
    expect(world.time).toBe(130)
  })

  it('refuses options out of bounds, and nodes that do not exist', () => {
    expect(() => new World({ size: 0 })).toThrow('size is a whole number')
    expect(() => new World({ tickInterval: 0.5 })).toThrow('tickInterval is a whole number')
    expect(() => new World({ diskDelay: { least: 2, most: 1 } })).toThrow('diskDelay runs')
    expect(() => new World({ network: { lossRate: 1.1 } })).toThrow('lossRate lies between 0 and 1')
    expect(() => new World({ network: { slow: { least: -1, most: 1 } } })).toThrow('slow runs')
    expect(() => new World({ options: { heartbeatTicks: 0 } })).toThrow('heartbeatTicks')
    expect(() => new World().replica(nodeId('n4'))).toThrow('belongs to the cluster')
  })
})

describe('EventQueue', () => {
  it('gives events by time, and in the order of their coming within a time', () => {
    const dice = new Dice('queue', 1)
    const queue = new EventQueue<readonly [time: number, sequence: number]>()
    const popped: (readonly [number, number])[] = []
    let now = 0
    let pushed = 0
    for (let round = 0; round < 2000; round++) {
      if (dice.chance(0.6)) {
        const time = now + dice.integer(0, 10)
        queue.push(time, [time, pushed++])
      } else {
        now = queue.size === 0 ? now : queue.nextTime
        const event = queue.pop()
        if (event !== undefined) popped.push(event)
      }
    }
    for (let event = queue.pop(); event !== undefined; event = queue.pop()) popped.push(event)
    expect(popped).toHaveLength(pushed)
    expect(popped).toEqual([...popped].sort((a, b) => a[0] - b[0] || a[1] - b[1]))
    expect(queue.nextTime).toBe(Infinity)
  })
})
