import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { nodeId, type NodeId } from '../../src/core/ids.ts'
import { Network, type Fate, type NetworkOptions } from '../../src/sim/cluster/network.ts'

const [n1, n2, n3] = ['n1', 'n2', 'n3'].map(nodeId) as [NodeId, NodeId, NodeId]

const CALM: NetworkOptions = {
  delay: { least: 3, most: 7 },
  slow: { least: 100, most: 200 },
  slowRate: 0,
  lossRate: 0,
  duplicateRate: 0,
}

const network = (options: Partial<NetworkOptions> = {}, seed = 1) => {
  const fates: (readonly [Fate, NodeId, NodeId])[] = []
  const made = new Network({ ...CALM, ...options }, seed, (...fate) => fates.push(fate))
  return { net: made, fates }
}

const times = (net: Network, count: number, now = 0): readonly number[] =>
  Array.from({ length: count }, () => net.arrivals(n1, n2, now)).flat()

describe('a network', () => {
  it('takes any of its delays, each now and then', () => {
    const seen = times(network().net, 200, 1_000)
    expect(seen).toHaveLength(200)
    expect(new Set(seen)).toEqual(new Set([1_003, 1_004, 1_005, 1_006, 1_007]))
  })

  it('takes a share of the messages for slow', () => {
    const seen = times(network({ slowRate: 0.25 }).net, 1_000)
    const slow = seen.filter((time) => time >= 100)
    expect(slow.length).toBeGreaterThan(200)
    expect(slow.length).toBeLessThan(300)
    expect(Math.max(...slow)).toBeLessThanOrEqual(200)
    expect(seen.filter((time) => time > 7 && time < 100)).toEqual([])
  })

  it('loses a share of them, and says so', () => {
    const { net, fates } = network({ lossRate: 0.5 })
    const lost = 1_000 - times(net, 1_000).length
    expect(lost).toBeGreaterThan(400)
    expect(lost).toBeLessThan(600)
    expect(fates.filter(([fate]) => fate === 'lost')).toHaveLength(lost)
  })

  it('doubles a share of the rest, and says so', () => {
    const { net, fates } = network({ duplicateRate: 0.5 })
    const more = times(net, 1_000).length - 1_000
    expect(more).toBeGreaterThan(400)
    expect(more).toBeLessThan(600)
    expect(fates.filter(([fate]) => fate === 'duplicated')).toHaveLength(more)
  })

  it('says when a message overtakes another of its link', () => {
    const { net, fates } = network()
    const seen = times(net, 100)
    let latest = 0
    let overtaken = 0
    for (const time of seen) {
      if (time < latest) overtaken++
      latest = Math.max(latest, time)
    }
    expect(overtaken).toBeGreaterThan(10)
    expect(fates.filter(([fate]) => fate === 'overtaken')).toHaveLength(overtaken)
  })

  it('does the same again for the same seed', () => {
    const options = { lossRate: 0.2, duplicateRate: 0.2, slowRate: 0.2 }
    const run = (seed: number) => times(network(options, seed).net, 100)
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })

  it('can become another one', () => {
    const { net } = network()
    net.change({ lossRate: 1 })
    expect(times(net, 10)).toEqual([])
    net.change({ lossRate: 0, delay: { least: 1, most: 1 } })
    expect(times(net, 2)).toEqual([1, 1])
  })

  it('refuses options out of bounds, and stays as it is', () => {
    const { net } = network({ delay: { least: 1, most: 1 } })
    for (const wrong of [
      { lossRate: 2 },
      { slowRate: -1 },
      { duplicateRate: Number.NaN },
      { delay: { least: 2, most: 1 } },
    ]) {
      expect(() => new Network({ ...CALM, ...wrong }, 1)).toThrow(UsageError)
      expect(() => {
        net.change(wrong)
      }).toThrow(Object.keys(wrong)[0])
    }
    expect(times(net, 1)).toEqual([1])
  })
})

describe('a link', () => {
  it('that is cut loses everything, in this direction only', () => {
    const { net, fates } = network()
    net.cut(n1, n2)
    expect(net.arrivals(n1, n2, 0)).toEqual([])
    expect([net.reaches(n1, n2), net.reaches(n2, n1), net.reaches(n1, n3)]).toEqual([false, true, true])
    expect(net.arrivals(n2, n1, 0)).toHaveLength(1)
    expect(fates).toEqual([['lost', n1, n2]])
  })

  it('that is clogged holds back what is sent until then', () => {
    const { net, fates } = network()
    net.clog(n1, n2, 500)
    const [time] = net.arrivals(n1, n2, 100)
    expect(time).toBeGreaterThanOrEqual(503)
    expect(time).toBeLessThanOrEqual(507)
    expect(net.arrivals(n2, n1, 100)[0]).toBeLessThan(110)
    expect(net.arrivals(n1, n2, 500)[0]).toBeLessThan(510)
    expect(fates.filter(([fate]) => fate === 'clogged')).toEqual([['clogged', n1, n2]])
  })

  it('that is clogged twice stays so for the longer time', () => {
    const { net } = network()
    net.clog(n1, n2, 500)
    net.clog(n1, n2, 300)
    expect(net.arrivals(n1, n2, 400)[0]).toBeGreaterThan(500)
  })

  it('is as good as new after healing', () => {
    const { net } = network()
    net.cut(n1, n2)
    net.clog(n2, n1, 1_000)
    net.partition([[n1], [n2, n3]])
    net.heal()
    for (const [from, to] of [
      [n1, n2],
      [n2, n1],
      [n1, n3],
    ] as const)
      expect(net.arrivals(from, to, 0)[0]).toBeLessThan(10)
  })
})

describe('a partition', () => {
  it('lets only nodes of one group reach each other', () => {
    const { net } = network()
    net.partition([[n1, n2], [n3]])
    expect([net.reaches(n1, n2), net.reaches(n2, n1), net.reaches(n1, n3), net.reaches(n3, n2)]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect(net.arrivals(n1, n3, 0)).toEqual([])
  })

  it('takes the place of an earlier one, but not of a cut', () => {
    const { net } = network()
    net.cut(n1, n3)
    net.partition([[n1], [n2, n3]])
    net.partition([[n1, n3], [n2]])
    expect([net.reaches(n3, n1), net.reaches(n1, n3), net.reaches(n2, n3)]).toEqual([true, false, false])
  })

  it('leaves a node in no group alone', () => {
    const { net } = network()
    net.partition([[n1, n2]])
    expect([net.reaches(n3, n1), net.reaches(n1, n3), net.reaches(n1, n2)]).toEqual([false, false, true])
  })

  it('is refused when a node is in two groups, and the earlier one stays', () => {
    const { net } = network()
    net.partition([[n1, n2], [n3]])
    expect(() => {
      net.partition([
        [n1, n3],
        [n2, n3],
      ])
    }).toThrow(UsageError)
    expect([net.reaches(n1, n2), net.reaches(n1, n3)]).toEqual([true, false])
  })
})
