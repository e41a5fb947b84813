import fc from 'fast-check'
import { expect, it } from 'vitest'
import { configurationOf, type Configuration } from '../src/core/configuration.ts'
import { index, nodeId, type NodeId } from '../src/core/ids.ts'
import { quorumIndex, voteResult } from '../src/core/quorum.ts'
import { runs } from './harness/campaign.ts'

const NODES: readonly NodeId[] = ['a', 'b', 'c', 'd', 'e', 'f'].map(nodeId)

const voters = fc.subarray([...NODES], { minLength: 1 })

/** Simple and joint configurations over six servers. */
const configurations: fc.Arbitrary<Configuration> = fc
  .tuple(voters, fc.oneof(fc.constant([]), voters))
  .map(([incoming, outgoing]) => configurationOf(incoming, [], outgoing))

/** By definition: more than half of each list. */
const isQuorum = ({ voters: incoming, votersOutgoing }: Configuration, set: readonly NodeId[]): boolean =>
  [incoming, votersOutgoing].every(
    (half) => half.length === 0 || half.filter((id) => set.includes(id)).length * 2 > half.length,
  )

const subsets: readonly (readonly NodeId[])[] = Array.from({ length: 1 << NODES.length }, (_, mask) =>
  NODES.filter((_, at) => ((mask >> at) & 1) === 1),
)

it('any two quorums of one configuration have a server in common', () => {
  fc.assert(
    fc.property(configurations, (configuration) => {
      const winning = subsets.filter((set) => voteResult(configuration, set, []) === 'won')
      for (const a of winning) for (const b of winning) expect(a.some((id) => b.includes(id))).toBe(true)
    }),
    runs(40),
  )
})

it('a joint quorum has a server in common with every quorum of either half', () => {
  fc.assert(
    fc.property(voters, voters, (incoming, outgoing) => {
      const joint = subsets.filter((set) => voteResult(configurationOf(incoming, [], outgoing), set, []) === 'won')
      for (const half of [configurationOf(incoming), configurationOf(outgoing)]) {
        const winning = subsets.filter((set) => voteResult(half, set, []) === 'won')
        for (const a of joint) for (const b of winning) expect(a.some((id) => b.includes(id))).toBe(true)
      }
    }),
    runs(30),
  )
})

it('an election is won by a quorum, lost when none can come together, and pending otherwise', () => {
  fc.assert(
    fc.property(configurations, fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }), (configuration, answers) => {
      const granted = NODES.filter((_, at) => answers[at] === 1)
      const rejected = NODES.filter((_, at) => answers[at] === 2)
      const best = NODES.filter((id) => !rejected.includes(id))
      const expected = isQuorum(configuration, granted) ? 'won' : isQuorum(configuration, best) ? 'pending' : 'lost'
      expect(voteResult(configuration, granted, rejected)).toBe(expected)
    }),
    runs(2000),
  )
})

it('the quorum index is the highest that a quorum has reached', () => {
  fc.assert(
    fc.property(configurations, fc.array(fc.nat(8), { minLength: 6, maxLength: 6 }), (configuration, reached) => {
      const reachedBy = (id: NodeId) => index(reached[NODES.indexOf(id)] ?? 0)
      const candidates = [0, ...reached].filter((at) =>
        isQuorum(
          configuration,
          NODES.filter((id) => reachedBy(id) >= at),
        ),
      )
      expect(quorumIndex(configuration, reachedBy)).toBe(Math.max(...candidates))
    }),
    runs(2000),
  )
})

it('servers outside the configuration count for nothing', () => {
  fc.assert(
    fc.property(configurations, fc.subarray([...NODES]), (configuration, granted) => {
      const strangers = ['x', 'y', 'z', ...granted.map((id) => `${id}${id}`)].map(nodeId)
      expect(voteResult(configuration, [...granted, ...strangers], [])).toBe(voteResult(configuration, granted, []))
    }),
    runs(500),
  )
})
