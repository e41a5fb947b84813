import { describe, expect, it } from 'vitest'
import { INDEX_ZERO, TERM_ZERO, term, type NodeId } from '../../../src/core/ids.ts'
import type { Save } from '../../../src/core/output.ts'
import type { RequestVoteResponse } from '../../../src/core/rpc.ts'
import {
  World,
  altered,
  brokenBy,
  has,
  hears,
  known,
  lastOf,
  n1,
  n2,
  n3,
  stepAt,
  verdictOn,
  withOutput,
  withServer,
  type History,
} from './history.ts'

const granted = (inTerm: number): RequestVoteResponse => ({
  type: 'RequestVoteResponse',
  term: term(inTerm),
  voteGranted: true,
})

/** n1 and n3 campaign in term 1; n2 votes for n1, and refuses n3. */
const contested = (): World => {
  const world = new World()
  world.do(n1, { type: 'campaign' }).write(n1)
  world.do(n3, { type: 'campaign' }).write(n3)
  return world.deliver(n1, n2).write(n2).deliver(n3, n2)
}

describe('ES, Election Safety', () => {
  const world = new World().elect(n1).propose(n1, 'a').settle()

  it('lets one server lead, and a later term have another leader', () => {
    expect(brokenBy(new World().elect(n1).elect(n2).elect(n1).history)).toEqual([])
    expect(brokenBy(world.history)).toEqual([])
  })

  it('finds a second leader in a term', () => {
    const { role } = world.state(n1).server
    const at = lastOf(world.history, n2, hears('AppendEntries'))
    const history = altered(world.history, at, (step) => withServer(step, { role }))
    expect(verdictOn(history)).toMatchObject({ check: 'ES', at })
    expect(brokenBy(history)).toEqual(['ES'])
  })

  it('remembers a leader that is long gone, across restarts of everybody', () => {
    const later = new World().elect(n1).elect(n2)
    for (const id of later.ids) later.restart(id)
    // Of term 1, which n1 has led: the way of a server that forgot everything.
    const { role } = later.state(n2).server
    expect(role.type).toBe('follower')
    const leader = known(later.history.find((told) => told.type === 'step' && told.after.server.role.type === 'leader'))
    const forged = leader.type === 'step' ? leader.after : null
    const again = { ...later.state(n2), server: { ...known(forged).server, id: n2 } }
    expect(verdictOn([...later.history, { type: 'start', state: again }], ['ES'])).toMatchObject({ check: 'ES' })
  })

  it('sees what comes of servers that forget their votes', () => {
    const forgetful = new World().elect(n1, [n1, n2])
    const born = known(forgetful.history.find((told) => told.type === 'start' && told.state.server.id === n2))
    const other = new World().elect(n3, [n2, n3])
    // n2 comes back as it was born, and helps n3 to the same term.
    const second = other.history.filter((told) => told.type === 'step')
    const history: History = [...forgetful.history, { type: 'crash', id: n2 }, born, ...second]
    expect(verdictOn(history, ['ES'])).toMatchObject({ check: 'ES', claim: 'a term has at most one leader' })
    expect(brokenBy(history)).toEqual(['ES', 'VO', 'MON', 'PBS'])
  })
})

describe('VO, one vote in a term', () => {
  it('lets a server refuse a second candidate', () => {
    const world = contested()
    expect(world.last.outputs).toMatchObject([{ type: 'send', to: n3, rpc: { voteGranted: false } }])
    expect(brokenBy(world.history)).toEqual([])
  })

  it('finds a second vote, even where its save is durable first', () => {
    const { history } = contested()
    const save: Save = {
      type: 'save',
      sequence: 2,
      hardState: { currentTerm: term(1), votedFor: n3 },
      truncateFrom: null,
      entries: [],
      snapshot: null,
      compactTo: null,
      lastIndex: INDEX_ZERO,
      then: [{ type: 'send', to: n3, rpc: granted(1) }],
    }
    const vote = altered(history, history.length - 1, (step) => ({ ...step, outputs: [save] }))
    const { after } = stepAt(vote, vote.length - 1)
    const message = { type: 'saved', sequence: 2, lastIndex: INDEX_ZERO } as const
    const told: History = [...vote, { type: 'step', before: after, message, after, outputs: [] }]
    expect(brokenBy(vote)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'VO', claim: 'a server votes once in a term', at: vote.length })
    expect(brokenBy(told)).toEqual(['VO'])
  })

  it('takes a candidacy for a vote', () => {
    const { history } = contested()
    const rpc = { type: 'RequestVote', term: term(1), candidateId: n2, lastLogIndex: INDEX_ZERO } as const
    const send = { type: 'send', to: n3, rpc: { ...rpc, lastLogTerm: TERM_ZERO } } as const
    const told = altered(history, history.length - 1, (step) => ({ ...step, outputs: [send] }))
    expect(verdictOn(told)).toMatchObject({ check: 'VO', claim: 'a server votes once in a term' })
  })

  it('finds a vote that a restart forgot', () => {
    const world = contested().restart(n2)
    expect(brokenBy(world.history)).toEqual([])
    const state = world.state(n2)
    expect(state.server.votedFor).toBe(n1)
    for (const votedFor of [null, n3] as (NodeId | null)[]) {
      const forgetful = { ...state, server: { ...state.server, votedFor } }
      const told: History = [...world.history.slice(0, -1), { type: 'start', state: forgetful }]
      expect(verdictOn(told)).toMatchObject({ check: 'VO', claim: 'a vote that was saved survives' })
    }
  })

  it('finds a vote for a log that is behind', () => {
    const world = new World().elect(n1, [n1, n2]).propose(n1, 'a').settle([n1, n2])
    world.do(n3, { type: 'campaign' }).write(n3).do(n3, { type: 'campaign' }).write(n3)
    world.mail = world.mail.filter(({ rpc }) => rpc.term === 2)
    world.deliver(n3, n2).write(n2)
    const { history } = world
    expect(brokenBy(history)).toEqual([])
    const at = lastOf(history, n2, hears('RequestVote'))
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => ({
        ...save,
        hardState: { currentTerm: term(2), votedFor: n3 },
        then: save.then.map((send) => ({ ...send, rpc: granted(2) })),
      })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'VO', claim: 'no vote or pre-vote goes to a log behind', at })
    expect(brokenBy(told)).toEqual(['VO'])
  })

  it('finds a pre-vote for a log that is behind', () => {
    const world = new World(3, { preVote: true }).elect(n1, [n1, n2]).propose(n1, 'a').settle([n1, n2])
    world.do(n3, { type: 'campaign' }).deliver(n3, n2)
    const { history } = world
    const at = history.length - 1
    expect(has('send')(world.last)).toBe(true)
    expect(brokenBy(history)).toEqual([])
    const rpc = { type: 'RequestPreVoteResponse', term: term(1), voteGranted: true } as const
    const told = altered(history, at, (step) => withOutput(step, 'send', (send) => ({ ...send, rpc })))
    expect(brokenBy(told)).toEqual(['VO'])
  })
})

describe('PBS of elections', () => {
  it('finds a vote that leaves before its save', () => {
    const { history } = new World().do(n1, { type: 'campaign' }).write(n1).deliver(n1, n2)
    expect(brokenBy(history)).toEqual([])
    const at = history.length - 1
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => [{ ...save, then: [] }, ...save.then]),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', at })
    expect(brokenBy(told)).toEqual(['PBS'])
  })

  it('finds a vote whose save says nothing of it', () => {
    const { history } = new World().do(n1, { type: 'campaign' }).write(n1).deliver(n1, n2).write(n2)
    const at = history.length - 2
    const silent = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => ({ ...save, hardState: { currentTerm: term(1), votedFor: null } })),
    )
    const told = [...silent, stepAt(history, at + 1)]
    expect(brokenBy(silent)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'a vote is durable before it is cast', at: at + 1 })
  })

  it('finds a candidate that speaks of its term before that is durable', () => {
    const { history } = new World().do(n1, { type: 'campaign' })
    const told = altered(history, history.length - 1, (step) => withOutput(step, 'save', ({ then }) => then))
    expect(verdictOn(told)).toMatchObject({ check: 'PBS', claim: 'a term is durable before anybody hears of it' })
    expect(brokenBy(told)).toEqual(['PBS'])
  })

  it('lets pre-votes leave before anything is durable', () => {
    const world = new World(3, { preVote: true }).do(n1, { type: 'campaign' })
    expect(world.last.outputs).toContainEqual(
      expect.objectContaining({ rpc: expect.objectContaining({ type: 'RequestPreVote', term: 1 }) as unknown }),
    )
    world.deliver(n1, n2)
    expect(brokenBy(world.history)).toEqual([])
  })
})
