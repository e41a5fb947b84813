import { describe, expect, it } from 'vitest'
import { index } from '../../../src/core/ids.ts'
import type { Message, ReadMode, RequestId } from '../../../src/core/message.ts'
import { World, altered, brokenBy, has, lastOf, n1, n2, n3, stepAt, verdictOn, type History } from './history.ts'

const read = (id: RequestId, mode: ReadMode): Message => ({ type: 'read', id, mode })
const TICK: Message = { type: 'tick' }

/** n1 leads, an entry of its term is committed, and every round that it began is answered. */
const leading = (): World => new World(3, { checkQuorum: true, electionTimeoutTicks: 10 }).elect(n1).settle()

/** The same history, but that the read in its last step is granted. */
const granted = ({ history, last }: World, id: RequestId): History =>
  altered(history, history.length - 1, (step) => ({
    ...step,
    outputs: [{ type: 'readReady', id, index: last.after.server.commitIndex }],
  }))

describe('a quorum read', () => {
  it('is granted by the answers to a round that began after it', () => {
    const { history } = leading().do(n1, read('r', 'quorum')).settle()
    expect(stepAt(history, lastOf(history, n1, has('readReady'))).outputs).toContainEqual({
      type: 'readReady',
      id: 'r',
      index: 1,
    })
    expect(brokenBy(history)).toEqual([])
  })

  it('is not granted by answers to an earlier round', () => {
    const told = granted(leading().do(n1, read('r', 'quorum')), 'r')
    expect(verdictOn(told)).toMatchObject({ claim: 'a quorum answers a round that began after the read' })
    expect(brokenBy(told)).toEqual(['READ'])
  })

  it('is not granted by an answer of an earlier term', () => {
    const world = new World().elect(n1).elect(n2).elect(n1)
    world.do(n1, read('r', 'quorum'))
    const { round } = roleOf(world)
    // Of the leader's term before: it says nothing about this one.
    const rpc = { type: 'AppendEntriesResponse', term: 1, success: true, matchIndex: index(1), round } as never
    world.hear(n1, n3, rpc)
    expect(verdictOn(granted(world, 'r'))).toMatchObject({ check: 'READ' })
  })
})

describe('a lease read', () => {
  // Ten ticks of silence, one for the phase of clocks, one of drift: ages 0 to 7.
  const aged = (ticks: number): World => {
    const world = leading()
    for (let tick = 0; tick < ticks; tick++) {
      world.do(n1, TICK)
      world.mail = []
    }
    return world.do(n1, read('r', 'lease'))
  }

  it('is granted to the last tick of the lease', () => {
    expect(aged(7).last.outputs).toMatchObject([{ type: 'readReady' }])
    expect(brokenBy(aged(7).history)).toEqual([])
  })

  it('is not granted later', () => {
    expect(aged(8).last.outputs).toMatchObject([{ type: 'refused', reason: 'no-lease' }])
    expect(verdictOn(granted(aged(8), 'r'))).toMatchObject({ claim: 'a lease read is granted within the lease' })
  })
})

describe('reads of one name', () => {
  it('are told apart by the type of the name', () => {
    const world = leading().do(n1, read(1, 'quorum'))
    const answers = world.mail
    world.mail = []
    world.propose(n1, 'w').settle()
    world.do(n1, read('1', 'lease'))
    world.mail = answers
    expect(brokenBy(world.settle().history)).toEqual([])
  })

  it('are told apart by the server', () => {
    const world = leading().do(n1, read('r', 'quorum'))
    const { mail } = world
    world.mail = []
    for (const id of [n2, n3]) for (let tick = 0; tick < 10; tick++) world.do(id, TICK)
    world.elect(n2, [n2, n3]).propose(n2, 'w').settle([n2, n3])
    world.do(n2, read('r', 'quorum'))
    world.mail = mail
    expect(brokenBy(world.history)).toEqual([])
  })

  it('are granted in the order in which they were asked', () => {
    const world = leading().do(n1, read('r', 'quorum'))
    const { mail } = world
    world.mail = []
    world.propose(n1, 'w').settle()
    world.do(n1, read('r', 'quorum'))
    world.mail = mail
    expect(brokenBy(world.settle().history)).toEqual([])
  })
})

describe('a vote', () => {
  const rpc = (world: World) => {
    const { lastIndex, lastTerm } = world.state(n2).log
    return { type: 'RequestVote', term: 2, candidateId: n3, lastLogIndex: lastIndex, lastLogTerm: lastTerm } as never
  }

  it('is cast when the leader has not been heard for an election timeout', () => {
    const world = leading()
    for (let tick = 0; tick < 10; tick++) world.do(n2, TICK)
    expect(brokenBy(world.hear(n2, n3, rpc(world)).history)).toEqual([])
  })

  it('is not cast earlier', () => {
    const world = new World(3, { checkQuorum: false, electionTimeoutTicks: 10 }).elect(n1).settle()
    const told = world
      .hear(n2, n3, rpc(world))
      .history.map((each) =>
        each.type === 'start'
          ? { ...each, state: withCheck(each.state) }
          : each.type === 'step'
            ? { ...each, before: withCheck(each.before), after: withCheck(each.after) }
            : each,
      )
    expect(verdictOn(told, ['VO'])).toMatchObject({ claim: 'no vote is cast while the leader is heard' })
  })

  it('is not cast right after a restart', () => {
    const world = leading()
    for (let tick = 0; tick < 10; tick++) world.do(n2, TICK)
    world.restart(n2)
    const before = world.state(n2)
    const save = { type: 'save', hardState: { currentTerm: 2, votedFor: n3 } } as never
    const told: History = [
      ...world.history,
      { type: 'step', before, message: { type: 'campaign' }, after: before, outputs: [save] },
    ]
    expect(verdictOn(told, ['VO'])).toMatchObject({ claim: 'no vote is cast while the leader is heard' })
  })
})

describe('a new leader', () => {
  it('has the votes of a quorum', () => {
    const world = new World().do(n1, { type: 'campaign' }).write(n1)
    world.hear(n1, n2, { type: 'RequestVoteResponse', term: 1, voteGranted: true } as never)
    expect(verdictOn(world.history)).toMatchObject({ claim: 'a quorum has voted for a server that becomes leader' })
  })
})

const roleOf = (world: World) => {
  const { role } = world.state(n1).server
  if (role.type !== 'leader') throw new Error('the test expects a leader')
  return role
}

const withCheck = <T extends { readonly options: object }>(state: T): T => ({
  ...state,
  options: { ...state.options, checkQuorum: true },
})
