import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configurationOf, type Configuration } from '../src/core/membership/configuration.ts'
import { index, nodeId, type NodeId } from '../src/core/ids.ts'
import { quorumIndex, voteResult } from '../src/core/membership/quorum.ts'
import { isQuorum as isQuorumOfGhost, reachedByQuorum } from '../src/trace/checker/quorum.ts'
import { runs } from './harness/campaign.ts'

const NODES: readonly NodeId[] = ['a', 'b', 'c', 'd', 'e', 'f'].map(nodeId)

const voters = fc.subarray([...NODES], { minLength: 1 })

/** Simple and joint configurations over six servers; of those that do not vote, some are learners. */
const configurations: fc.Arbitrary<Configuration> = fc
  .tuple(voters, fc.oneof(fc.constant<NodeId[]>([]), voters), fc.subarray([...NODES]))
  .map(([incoming, outgoing, rest]) => {
    const learners = rest.filter((id) => !incoming.includes(id) && !outgoing.includes(id))
    return configurationOf(incoming, learners, outgoing)
  })

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

/** Every way to share out `ids` among the roles of a configuration; at least one votes. */
const tables = (ids: readonly NodeId[]): readonly Configuration[] => {
  const roles = ['absent', 'learner', 'voter', 'outgoing', 'both'] as const
  let shared: readonly (readonly (typeof roles)[number][])[] = [[]]
  for (let at = 0; at < ids.length; at++) shared = shared.flatMap((before) => roles.map((role) => [...before, role]))
  return shared.flatMap((roleOf) => {
    const having = (...wanted: readonly string[]) => ids.filter((_, at) => wanted.includes(roleOf[at] ?? 'absent'))
    const incoming = having('voter', 'both')
    return incoming.length === 0 ? [] : [configurationOf(incoming, having('learner'), having('outgoing', 'both'))]
  })
}

describe('over all configurations of four servers', () => {
  const four = NODES.slice(0, 4)
  const all = tables(four)

  it('there are learners beside voters of either half', () => {
    expect(all.length).toBe(5 ** 4 - 3 ** 4)
    const isJoint = ({ learners, votersOutgoing }: Configuration) => learners.length > 0 && votersOutgoing.length > 0
    expect(all.filter(isJoint).length).toBeGreaterThan(100)
  })

  it('an election goes as votes are counted by hand, whatever learners answer', () => {
    for (const configuration of all)
      for (let answers = 0; answers < 3 ** four.length; answers++) {
        const answerOf = (at: number) => Math.floor(answers / 3 ** at) % 3
        const granted = four.filter((_, at) => answerOf(at) === 1)
        const open = four.filter((_, at) => answerOf(at) !== 2)
        const rejected = four.filter((_, at) => answerOf(at) === 2)
        const expected = isQuorum(configuration, granted) ? 'won' : isQuorum(configuration, open) ? 'pending' : 'lost'
        const isWon = isQuorumOfGhost(configuration, (id) => granted.includes(id))
        if (voteResult(configuration, granted, rejected) !== expected || isWon !== (expected === 'won'))
          expect.fail(JSON.stringify({ configuration, granted, rejected, expected }))
      }
  })

  it('the quorum index is what a quorum has reached, wherever learners are', () => {
    for (const configuration of all)
      for (let reached = 0; reached < 3 ** four.length; reached++) {
        const reachedBy = (id: NodeId) => index(Math.floor(reached / 3 ** four.indexOf(id)) % 3)
        const expected =
          [2, 1].find((at) =>
            isQuorum(
              configuration,
              four.filter((id) => reachedBy(id) >= at),
            ),
          ) ?? 0
        const found = [quorumIndex(configuration, reachedBy), reachedByQuorum(configuration, reachedBy)]
        if (found.some((each) => each !== expected))
          expect.fail(JSON.stringify({ configuration, reached: four.map(reachedBy), expected }))
      }
  })
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
