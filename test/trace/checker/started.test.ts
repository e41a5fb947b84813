import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { INDEX_ZERO, index, term } from '../../../src/core/ids.ts'
import { entryAt } from '../../../src/core/log/log.ts'
import { birthSnapshot, restart } from '../../../src/core/start.ts'
import type { RaftState } from '../../../src/core/state.ts'
import {
  World,
  brokenBy,
  has,
  known,
  lastOf,
  n1,
  n2,
  n3,
  stepAt,
  verdictOn,
  withServer,
  type History,
} from './history.ts'

const CONFIGURATION = configurationOf([n1, n2, n3])

/** n3 leads term 1 and n1 term 2, each elected by the other; n2 takes no part. */
const world = new World().elect(n3, [n1, n3]).elect(n1, [n1, n3])
const first = known(entryAt(world.state(n1).log, index(1)))

/** n2 begins with an entry of term 1 at index 2 that n1 and n3 do not have. */
const beginning = { id: n2, options: world.state(n2).options, hardState: { currentTerm: term(1), votedFor: null } }
const second = { type: 'command', index: index(2), term: term(1), bytes: 0, command: 'x' } as const
const holding = restart({ ...beginning, snapshot: birthSnapshot(CONFIGURATION), entries: [first, second] })
const committed: RaftState = { ...holding, server: { ...holding.server, commitIndex: index(2) } }
const compacted = restart({
  ...beginning,
  snapshot: {
    lastIncludedIndex: index(2),
    lastIncludedTerm: term(1),
    configuration: CONFIGURATION,
    configurationIndex: INDEX_ZERO,
  },
  entries: [],
})

const beginningWith = (state: RaftState): History =>
  world.history.map((told) => (told.type === 'start' && told.state.server.id === n2 ? { type: 'start', state } : told))

describe('Leader Completeness, from the states that servers begin with', () => {
  it.each([
    ['in its log', committed],
    ['in its snapshot', compacted],
  ])('a new leader has what a server knew to be committed: %s', (_, state) => {
    const history = beginningWith(state)
    const elected = history.findIndex(
      (told) => told.type === 'step' && told.after.server.id === n1 && told.after.server.role.type === 'leader',
    )
    expect(verdictOn(history, ['LC'])).toMatchObject({ check: 'LC', at: elected })
  })

  it('nothing is owed for an entry that is only held', () => {
    expect(brokenBy(beginningWith(holding))).toEqual([])
  })

  it.each([
    ['in its log', committed],
    ['in its snapshot', compacted],
  ])('a server that begins as a leader has it, too: %s', (_, state) => {
    const { server, ...rest } = world.state(n1)
    const usurper = { ...rest, server: { ...server, commitIndex: INDEX_ZERO } }
    const leader: History = [
      { type: 'start', state },
      { type: 'start', state: usurper },
    ]
    expect(verdictOn(leader, ['LC'])).toMatchObject({ check: 'LC', at: 1 })
    expect(verdictOn(leader.toReversed(), ['LC'])).toMatchObject({ check: 'LC', at: 1 })
  })

  it('a leader of the term it was committed in may be behind', () => {
    const late = restart({
      ...beginning,
      hardState: { currentTerm: term(2), votedFor: n2 },
      snapshot: birthSnapshot(CONFIGURATION),
      entries: [first, second],
      lastApplied: index(2),
    })
    const history: History = [
      { type: 'start', state: late },
      { type: 'start', state: world.state(n1) },
    ]
    expect(verdictOn(history, ['LC'])).toBeNull()
  })

  it('what a snapshot stood for is committed as nothing else', () => {
    const history = beginningWith(compacted)
    expect(verdictOn(history, ['SMS'])).toMatchObject({ claim: 'an index is committed once, as one entry' })
  })
})

describe('a server that is not watched', () => {
  /** n1 alone is. */
  const alone = new World()
    .elect(n1)
    .propose(n1, 'a')
    .settle()
    .history.filter((told) =>
      told.type === 'start' ? told.state.server.id === n1 : told.type === 'step' && told.before.server.id === n1,
    )

  it('holds what it has acknowledged', () => {
    expect(brokenBy(alone)).toEqual([])
  })

  it('holds nothing else', () => {
    const at = lastOf(alone, n1, has('accepted'))
    const told = [...alone.slice(0, at), withServer(stepAt(alone, at), { commitIndex: index(2) })]
    expect(verdictOn(told, ['QD'])).toMatchObject({ claim: 'what is committed is durable on a quorum', at })
  })
})
