import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/core/message.ts'
import type { Output } from '../../../src/core/output.ts'
import { step } from '../../../src/core/step.ts'
import { explore } from '../../../src/sim/explore/explore.ts'
import type { Step } from '../../../src/sim/explore/turn.ts'

/** Reducers with one mistake, by what they are told or what is made of their answer. */
const told =
  (change: (message: Message, term: number) => Message): Step =>
  (state, message) =>
    step(state, change(message, state.server.currentTerm))

describe('everything that can happen', () => {
  it('a server that is alone leads, and that is all', () => {
    const { isComplete, violation, worlds } = explore({
      servers: 1,
      depth: 99,
      bounds: { terms: 1, log: 1, crashes: 0 },
    })
    // Born, leading, and its one command committed; a heartbeat may come after each of the latter two.
    expect([isComplete, violation, worlds]).toEqual([true, null, 5])
  })

  it('two servers through two terms, a crash and a duplicate', () => {
    const walk = explore({ servers: 2, depth: 99, bounds: { terms: 2, log: 1, heartbeats: 0 } })
    expect([walk.isComplete, walk.violation]).toEqual([true, null])
    expect(walk.worlds).toBeGreaterThan(5_000)
  })

  it('two servers whose disks take their time', () => {
    const walk = explore({
      servers: 2,
      depth: 99,
      bounds: { terms: 1, log: 1, heartbeats: 0, duplicates: 0, lateDisks: true },
    })
    expect([walk.isComplete, walk.violation]).toEqual([true, null])
  })

  it('two servers and a snapshot', () => {
    const walk = explore({
      servers: 2,
      depth: 99,
      bounds: { terms: 1, log: 1, snapshots: 1, duplicates: 0, crashes: 1, heartbeats: 1 },
    })
    expect([walk.isComplete, walk.violation]).toEqual([true, null])
  })

  it('three servers, seven actions deep', () => {
    const walk = explore({ servers: 3, depth: 7 })
    expect([walk.violation, walk.worlds > 20_000]).toEqual([null, true])
  })

  it('worlds that differ by the names of servers only are one', () => {
    // Born; somebody, whoever it is, campaigns; somebody crashes.
    expect(explore({ servers: 3, depth: 1 }).worlds).toBe(3)
  })

  it('the same walk gives the same worlds', () => {
    const walk = () => explore({ servers: 3, depth: 6 })
    expect(walk()).toEqual(walk())
  })

  it('a walk that would grow too large says so', () => {
    const walk = explore({ servers: 3, depth: 9, worldsMax: 1_000 })
    expect([walk.isComplete, walk.worlds]).toEqual([false, 1_000])
  })
})

describe('a walk that is stopped', () => {
  it('ends soon, and has not seen everything', () => {
    const walk = explore({ servers: 3, depth: 9, shouldStop: ({ worlds }) => worlds > 5_000 })
    expect([walk.isComplete, walk.isStopped, walk.isFull, walk.violation]).toEqual([false, true, false, null])
    expect([walk.worlds > 5_000, walk.worlds < 5_600]).toEqual([true, true])
  })

  it('is told only of depths that were walked to their end', () => {
    const depths: number[] = []
    const onDepth = ({ depth }: { readonly depth: number }): void => void depths.push(depth)
    const { depth } = explore({ servers: 3, depth: 9, onDepth, shouldStop: ({ worlds }) => worlds > 5_000 })
    expect(depths).toEqual([...Array(depth - 1).keys()].map((at) => at + 1))
  })
})

describe('mistakes are found by a shortest way', () => {
  const bounds = { crashes: 0, duplicates: 0, heartbeats: 0 }

  it('bug 9: a candidate counts a vote of an older term', () => {
    const bug = told((message, term) =>
      message.type === 'receive' && message.rpc.type === 'RequestVoteResponse' && message.rpc.voteGranted
        ? { ...message, rpc: { ...message.rpc, term: Math.max(term, message.rpc.term) as typeof message.rpc.term } }
        : message,
    )
    const { violation } = explore({
      servers: 3,
      depth: 12,
      checksSteps: false,
      step: bug,
      bounds: { ...bounds, log: 0 },
    })
    expect(violation?.claim).toContain('ElectionSafety')
    expect(violation?.lines.length).toBeLessThanOrEqual(8)
  })

  it('bug 1: a vote without a look at the log', () => {
    const bug = told((message) =>
      message.type === 'receive' && message.rpc.type === 'RequestVote'
        ? { ...message, rpc: { ...message.rpc, lastLogTerm: 99 as typeof message.rpc.term } }
        : message,
    )
    const { violation } = explore({
      servers: 3,
      depth: 12,
      checksSteps: false,
      step: bug,
      bounds: { ...bounds, log: 1 },
    })
    expect(violation?.claim).toContain('LeaderCompleteness')
    expect(violation?.lines.length).toBeLessThanOrEqual(10)
  })

  it('bug 46: an acknowledgement before the save', () => {
    const bug: Step = (state, message) => {
      const [next, outputs] = step(state, message)
      return [
        next,
        outputs.flatMap((output): readonly Output[] =>
          output.type === 'save' ? [...output.then, { ...output, then: [] }] : [output],
        ),
      ]
    }
    const { violation } = explore({
      servers: 2,
      depth: 12,
      checksSteps: false,
      step: bug,
      bounds: { terms: 1, log: 1, duplicates: 0, heartbeats: 0, crashes: 1, lateDisks: true },
    })
    expect(violation?.claim).toContain('QuorumDurability')
  })
})
