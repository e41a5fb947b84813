import { describe, expect, it } from 'vitest'
import { index, term } from '../../src/core/ids.ts'
import type { AppendEntries, Rpc } from '../../src/core/rpc.ts'
import { Server, append, n1, n2, n3 } from './server.ts'

/* What a lease rests on: followers that cast no vote for as long as it lasts. */

const request = (inTerm: number): Rpc => ({
  type: 'RequestVote',
  term: term(inTerm),
  candidateId: n3,
  lastLogIndex: index(9),
  lastLogTerm: term(inTerm - 1),
})

const newTerm = (inTerm: number): Rpc => ({ type: 'RequestVoteResponse', term: term(inTerm), voteGranted: false })

describe('while a leader is heard, a server with checkQuorum casts no vote', () => {
  const following = (): Server => new Server([1], { checkQuorum: true }).hear(n2, append(1, [1, 1])).saved()

  it.each<[string, (server: Server) => Server]>([
    ['a refused vote', (server) => server.hear(n3, newTerm(4))],
    [
      'a refused pre-vote',
      (server) => server.hear(n3, { type: 'RequestPreVoteResponse', term: term(4), voteGranted: false }),
    ],
    [
      'a refused append',
      (server) =>
        server.hear(n3, {
          type: 'AppendEntriesResponse',
          term: term(4),
          success: false,
          rejectedIndex: index(0),
          conflictIndex: index(0),
          conflictTerm: term(0),
          round: 0,
        }),
    ],
    ['a leader of that term', (server) => server.hear(n2, append(4, [1, 1]))],
  ])('in a term that it learned of by %s', (_, learn) => {
    const server = learn(following()).saved().hear(n3, request(4))
    expect([server.server.votedFor, server.ignored]).toEqual([null, ['leader is alive']])
  })

  it('in the term that it restarts with', () => {
    const server = new Server([1], { checkQuorum: true }).hear(n3, request(1))
    expect([server.server.votedFor, server.ignored]).toEqual([null, ['leader is alive']])
  })

  it('and does once the silence is over', () => {
    expect(following().hear(n3, newTerm(4)).saved().tick(10).hear(n3, request(4)).server.votedFor).toBe(n3)
  })

  it('but repeats the vote that it cast before', () => {
    const hardState = { currentTerm: term(4), votedFor: n3 }
    const server = new Server([1], { checkQuorum: true }, { hardState }).hear(n3, request(4))
    expect(server.sends).toMatchObject([{ rpc: { type: 'RequestVoteResponse', voteGranted: true } }])
  })

  it('unless the leader was itself: its own lease is over', () => {
    const leader = new Server([1], { checkQuorum: true }).tick(10).lead().hear(n2, newTerm(7)).saved()
    expect(leader.hear(n3, request(7)).server.votedFor).toBe(n3)
  })
})

describe('a lease', () => {
  const leading = (): Server => new Server([1], { checkQuorum: true }).tick(10).lead().propose('x').saved()
  const answerOf = (leader: Server, silence?: number): Rpc => ({
    type: 'AppendEntriesResponse',
    term: leader.server.currentTerm,
    success: true,
    matchIndex: leader.state.log.lastIndex,
    round: 1,
    ...(silence === undefined ? {} : { silenceTicks: silence }),
  })
  const read = (leader: Server) => leader.do({ type: 'read', id: 7, mode: 'lease' }).outputs

  it('rests on followers that are silent for as long as the leader takes them to be', () => {
    const leader = leading()
    expect(read(leader.hear(n2, answerOf(leader, 10)))).toMatchObject([{ type: 'readReady' }])
  })

  it.each([undefined, 9])('does not rest on a follower that grants a silence of %s ticks', (silence) => {
    const leader = leading()
    expect(read(leader.hear(n2, answerOf(leader, silence)))).toMatchObject([{ type: 'refused', reason: 'no-lease' }])
  })

  it('rests on those followers of a quorum that are silent', () => {
    const leader = leading()
    leader
      .hear(n2, answerOf(leader, 3))
      .tick()
      .hear(n3, { ...answerOf(leader, 10), round: 2 } as Rpc)
    expect(read(leader)).toMatchObject([{ type: 'readReady' }])
  })

  it('is what a follower with checkQuorum grants, and none other', () => {
    const granted = [true, false].map(
      (checkQuorum) =>
        new Server([1], { checkQuorum, electionTimeoutTicks: 7 })
          .hear(n2, append(1, [1, 1]))
          .said('AppendEntriesResponse')[0]?.silenceTicks,
    )
    expect(granted).toEqual([7, undefined])
  })
})

/*
 * Two clocks on a grid finer than either: a leader whose ticks come every `slow` units, a follower whose ticks come
 * every `fast`. The round begins and is received at once, the worst there is for the leader; a candidate asks for the
 * follower's vote all the time.
 */
describe('no read is served by a lease after the follower could vote', () => {
  const TIMEOUT = 5

  interface Clocks {
    readonly drift: number
    readonly slow: number
    readonly slowPhase: number
    readonly fast: number
    readonly fastPhase: number
    readonly begins: number
  }

  const options = (drift: number) =>
    ({ checkQuorum: true, electionTimeoutTicks: TIMEOUT, leaseDriftTicks: drift, heartbeatTicks: 1 }) as const

  const ticksAt = (now: number, period: number, phase: number): boolean => (now - phase) % period === 0

  /** The last moment of a lease read, and the first of a vote. */
  const play = ({ drift, slow, slowPhase, fast, fastPhase, begins }: Clocks): readonly [number, number] => {
    const leader = new Server([1], options(drift))
      .tick(2 * TIMEOUT)
      .lead()
      .propose('x')
      .saved()
    leader.acknowledge(n2, 2, 1)
    const follower = new Server([1], options(drift), { id: n2 }).tick(TIMEOUT)
    let lastRead = -1
    let firstVote = Infinity
    for (let now = 0; now < begins + (TIMEOUT + 2) * Math.max(slow, fast); now++) {
      if (ticksAt(now, slow, slowPhase)) leader.tick()
      if (ticksAt(now, fast, fastPhase) && now > begins) follower.tick()
      if (now === begins) {
        // The rounds of earlier ticks are answered, so that the read begins another.
        leader.acknowledge(n3, 0, roundOf(leader)).do({ type: 'read', id: 'begins a round', mode: 'quorum' })
        const [heartbeat] = leader.said('AppendEntries', n2)
        if (heartbeat === undefined) throw new Error('no round began')
        answer(leader, follower, heartbeat)
      }
      if (now < begins) continue
      if (leader.do({ type: 'read', id: now, mode: 'lease' }).outputOf('readReady').length > 0) lastRead = now
      if (follower.hear(n3, request(9)).server.votedFor === n3) firstVote = Math.min(firstVote, now)
    }
    return [lastRead, firstVote]
  }

  const roundOf = ({ server }: Server): number => (server.role.type === 'leader' ? server.role.round : 0)

  const answer = (leader: Server, follower: Server, rpc: AppendEntries): void => {
    const heard: AppendEntries = { ...rpc, leaderId: n1, prevLogIndex: index(1), prevLogTerm: term(1), entries: [] }
    follower.hear(n1, heard).saved()
    leader.hear(n2, {
      type: 'AppendEntriesResponse',
      term: leader.server.currentTerm,
      success: true,
      matchIndex: index(1),
      round: rpc.round,
      silenceTicks: TIMEOUT,
    })
  }

  it.each([0, 1, 2])('with clocks of any phases that drift no more than %d ticks', (drift) => {
    for (const [slow, fast] of [
      [4, 4],
      [4, 3],
      [4, 2],
      [3, 4],
    ] as const) {
      // While the follower ticks T − 1 times, the leader ticks at least T − 1 − d times.
      if ((TIMEOUT - 1 - drift) * slow > (TIMEOUT - 1) * fast) continue
      for (let slowPhase = 0; slowPhase < slow; slowPhase++)
        for (let fastPhase = 0; fastPhase < fast; fastPhase++)
          for (let begins = 0; begins < slow; begins++) {
            const clocks = { drift, slow, slowPhase, fast, fastPhase, begins }
            const [lastRead, firstVote] = play(clocks)
            expect(firstVote, JSON.stringify(clocks)).toBeLessThan(Infinity)
            expect(lastRead, JSON.stringify(clocks)).toBeLessThanOrEqual(firstVote)
          }
    }
  })

  it('and it is of use nearly as long', () => {
    const [lastRead] = play({ drift: 0, slow: 4, slowPhase: 0, fast: 4, fastPhase: 0, begins: 0 })
    expect(lastRead).toBe(4 * (TIMEOUT - 1) - 1)
  })
})
