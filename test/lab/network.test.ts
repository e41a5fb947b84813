import { describe, expect, it } from 'vitest'
import { index, nodeId, term } from '../../src/core/ids.ts'
import { Dice } from '../../src/sim/dice.ts'
import { ClientEnd, LabNetwork, type CallResult, type Reply, type Request } from './network.ts'
import { rpcBytes } from './rpc-bytes.ts'
import { VirtualTime, type Script } from './virtual-time.ts'

/* The network does what labrpc does, with its probabilities and times. */

const REQUEST: Request = {
  type: 'RequestVote',
  term: term(1),
  candidateId: nodeId('0'),
  lastLogIndex: index(0),
  lastLogTerm: term(0),
}
const REPLY: Reply = { type: 'RequestVoteResponse', term: term(1), voteGranted: true }
const CALLS = 20_000

interface Observed {
  readonly result: CallResult
  /** Milliseconds until the caller knew. */
  readonly took: number
  /** When the handler ran; null when it never did. */
  readonly handledAfter: number | null
}

interface World {
  readonly time: VirtualTime
  readonly network: LabNetwork
  readonly end: ClientEnd
}

/** Two servers, the second of which answers; each of many calls is made in an instant of its own. */
const observe = (prepare: (world: World) => void, calls = CALLS): readonly Observed[] => {
  const time = new VirtualTime()
  const network = new LabNetwork(time, new Dice('network test', 7), 2)
  const end = new ClientEnd(network, 0, 1)
  end.isEnabled = true
  let handled: number | null = null
  const dispatch = (): Reply => {
    handled = time.now
    return REPLY
  }
  network.addServer(1, { dispatch })
  prepare({ time, network, end })
  const observed: Observed[] = []
  const script = function* (): Script {
    for (let call = 0; call < calls; call++) {
      handled = null
      const begun = time.now
      end.call(REQUEST, (result) => {
        observed.push({
          result,
          took: time.now - begun,
          handledAfter: handled === null ? null : handled - begun,
        })
      })
      yield 10_000
    }
  }
  time.run(script(), Infinity)
  return observed
}

const share = <T>(items: readonly T[], holds: (item: T) => boolean): number => items.filter(holds).length / items.length
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length

describe('a reliable network', () => {
  it('delivers every call at once, but for the jitter that lets calls overtake each other', () => {
    const observed = observe(() => undefined)
    expect(observed.every(({ result }) => result.ok)).toBe(true)
    expect(Math.max(...observed.map(({ took }) => took))).toBeLessThan(0.1)
    expect(new Set(observed.map(({ took }) => took.toFixed(4))).size).toBeGreaterThan(50)
  })
})

describe('an unreliable network', () => {
  const observed = observe(({ network }) => (network.isReliable = false))

  it('tells the caller of every call exactly once', () => {
    expect(observed.length).toBe(CALLS)
  })

  it('loses one request in ten before the handler runs', () => {
    expect(share(observed, ({ handledAfter }) => handledAfter === null)).toBeCloseTo(0.1, 1.5)
  })

  it('loses one reply in ten; the effect stays', () => {
    const handled = observed.filter(({ handledAfter }) => handledAfter !== null)
    expect(share(handled, ({ result }) => !result.ok)).toBeCloseTo(0.1, 1.5)
  })

  it('delays a request by 0 to 26 ms, each as likely', () => {
    const delays = observed.map(({ took }) => Math.floor(took + 0.001))
    expect([Math.min(...delays), Math.max(...delays)]).toEqual([0, 26])
    for (let delay = 0; delay <= 26; delay++) {
      const found = share(delays, (each) => each === delay)
      expect(found).toBeGreaterThan(0.8 / 27)
      expect(found).toBeLessThan(1.2 / 27)
    }
  })
})

describe('long reordering', () => {
  const observed = observe(({ network }) => (network.reordersReplies = true))

  it('delays two replies of three by 200 to 2199 ms, about 700 on average', () => {
    const late = observed.map(({ took }) => took).filter((took) => took > 100)
    expect(late.length / CALLS).toBeCloseTo(2 / 3, 1.5)
    expect(Math.min(...late)).toBeGreaterThanOrEqual(200)
    expect(Math.max(...late)).toBeLessThan(2200)
    expect(Math.abs(mean(late) - 700)).toBeLessThan(25)
  })

  it('never delays the handler, and loses nothing by itself', () => {
    expect(observed.every(({ result, handledAfter }) => result.ok && (handledAfter ?? 1000) < 1)).toBe(true)
  })

  it('comes on top of the losses of an unreliable network', () => {
    const both = observe(({ network }) => {
      network.reordersReplies = true
      network.isReliable = false
    })
    expect(share(both, ({ result }) => result.ok)).toBeCloseTo(0.81, 1.5)
    expect(share(both, ({ result, took }) => result.ok && took > 100)).toBeCloseTo(0.81 * (2 / 3), 1.5)
  })
})

describe('a call to nowhere', () => {
  it.each([
    ['a disabled end', 100, false, ({ end }: World) => (end.isEnabled = false)],
    ['a disabled end', 7000, true, ({ end }: World) => (end.isEnabled = false)],
    ['a deleted server', 7000, true, ({ network }: World) => network.deleteServer(1)],
  ])('at %s fails within %i ms', (_, limit, hasLongDelays, cut) => {
    const observed = observe((world) => {
      world.network.hasLongDelays = hasLongDelays
      cut(world)
    }, 5000)
    expect(observed.every(({ result, handledAfter }) => !result.ok && handledAfter === null)).toBe(true)
    const took = observed.map((each) => each.took)
    expect(Math.min(...took)).toBeLessThan(limit / 50)
    expect(Math.max(...took)).toBeLessThan(limit)
    expect(Math.abs(mean(took) - limit / 2)).toBeLessThan(limit / 20)
  })

  it.each([
    ['cut off', ({ end }: World) => (end.isEnabled = false)],
    ['deleted', ({ network }: World) => network.deleteServer(1)],
    ['replaced', ({ network }: World) => network.addServer(1, { dispatch: () => REPLY })],
  ])('fails when the server is %s while the request is on its way, though its effect may stay', (_, act) => {
    const [observed] = observe((world) => world.time.after(0, () => world.time.after(0, () => act(world))), 1)
    expect(observed?.result.ok).toBe(false)
    expect(observed?.handledAfter).not.toBeNull()
  })
})

describe('counts', () => {
  it('what the dispatcher ran, and nothing lost before', () => {
    let counted = 0
    let dispatched = 0
    const observed = observe(({ network, time }) => {
      network.isReliable = false
      time.after(10_000 * 1000 - 1, () => ([counted, dispatched] = [network.countOf(1), network.dispatched]))
    }, 1000)
    const handled = observed.filter(({ handledAfter }) => handledAfter !== null).length
    expect([counted, dispatched]).toEqual([handled, handled])
    expect(handled).toBeLessThan(1000)
  })

  it('bytes of every call, and of replies that were delivered', () => {
    let bytes = 0
    const observed = observe(({ network, time }) => {
      network.isReliable = false
      time.after(10_000 * 1000 - 1, () => (bytes = network.bytes))
    }, 1000)
    const replies = observed.filter(({ result }) => result.ok).length
    expect(bytes).toBe(1000 * JSON.stringify(REQUEST).length + replies * JSON.stringify(REPLY).length)
  })

  it.each([0, 1, 2, 40])('an AppendEntries of %i entries as long as its JSON', (count) => {
    const entries = Array.from({ length: count }, (_, at) => ({
      type: 'command' as const,
      index: index(at + 1),
      term: term(3),
      bytes: 8,
      command: at % 2 === 0 ? at * 1_000_003 : `text ${at} "quoted"`,
    }))
    const rpc: Request = {
      type: 'AppendEntries',
      term: term(3),
      leaderId: nodeId('1'),
      prevLogIndex: index(0),
      prevLogTerm: term(0),
      entries,
      leaderCommit: index(0),
      round: 9,
    }
    expect(rpcBytes(rpc)).toBe(JSON.stringify(rpc).length)
    expect(rpcBytes(rpc)).toBe(JSON.stringify(rpc).length)
    expect(rpcBytes(null)).toBe(4)
  })
})
