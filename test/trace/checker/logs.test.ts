import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/core/entry.ts'
import { INDEX_ZERO, TERM_ZERO, index, successor, term, type NodeId } from '../../../src/core/ids.ts'
import { entryAt, logOf, slice } from '../../../src/core/log/log.ts'
import type { AppendEntriesResponse } from '../../../src/core/rpc.ts'
import {
  World,
  altered,
  brokenBy,
  has,
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
  type StepTaken,
} from './history.ts'

/** A blank entry and 'a', committed and applied by all three. */
const settled = (): World => new World().elect(n1).propose(n1, 'a').settle()

const granted = { type: 'RequestVoteResponse', term: term(2), voteGranted: true } as const

const acknowledged = (inTerm: number, matchIndex: number): AppendEntriesResponse => ({
  type: 'AppendEntriesResponse',
  term: term(inTerm),
  success: true,
  matchIndex: index(matchIndex),
  round: 0,
})

/** n3 campaigns in term 2 without a log, and leads by a vote that nobody ever gave. */
const usurp = (world: World): World =>
  world.do(n3, { type: 'campaign' }).settle([n3]).do(n3, { type: 'campaign' }).settle([n3]).hear(n3, n2, granted)

const otherwise = (entry: Entry): Entry => ({ ...entry, type: 'command', command: 'forged' })

const entryOf = (world: World, id: NodeId, at: number): Entry => known(entryAt(world.state(id).log, index(at)))

const writes = ({ outputs }: StepTaken): boolean =>
  outputs.some((output) => output.type === 'save' && output.entries.length > 0)

describe('a lawful history', () => {
  it('breaks no claim about logs', () => {
    expect(brokenBy(settled().history)).toEqual([])
  })

  it('breaks none when a follower overwrites what was not committed', () => {
    const world = new World().elect(n1).propose(n1, 'lost').settle([n1])
    world.elect(n2, [n2, n3]).propose(n2, 'kept').settle()
    world.do(n2, { type: 'tick' }).settle()
    expect(entryOf(world, n1, 3)).toMatchObject({ term: 2, command: 'kept' })
    expect(brokenBy(world.history)).toEqual([])
  })
})

describe('LAO, Leader Append-Only', () => {
  it('finds a leader that rewrites its own log', () => {
    const { history } = new World().elect(n1).propose(n1, 'a').propose(n1, 'b')
    const at = history.length - 1
    const told = altered(history, at, (step) => withOutput(step, 'save', rewritten(step)))
    expect(brokenBy(history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'LAO', at })
    expect(brokenBy(told)).toEqual(['LAO'])
  })

  const rewritten =
    ({ after }: StepTaken) =>
    (save: Extract<StepTaken['outputs'][number], { type: 'save' }>) => ({
      ...save,
      truncateFrom: index(2),
      entries: slice(after.log, index(2), index(3)),
    })

  it('does not take a leader of an earlier term for one', () => {
    const world = new World().elect(n1).propose(n1, 'lost').settle([n1])
    world.elect(n2, [n2, n3])
    // n1 still leads its term when it hears of the other one, and drops what it had, all in one step.
    world.do(n2, { type: 'tick' }).deliver(n2, n1).settle()
    world.do(n2, { type: 'tick' }).settle()
    const at = lastOf(world.history, n1, writes)
    expect(stepAt(world.history, at).outputs).toContainEqual(expect.objectContaining({ truncateFrom: 2 }))
    expect(brokenBy(world.history)).toEqual([])
  })
})

describe('LM, Log Matching', () => {
  const world = settled()
  const at = lastOf(world.history, n2, writes)

  it('finds two entries of equal index and term', () => {
    const told = altered(world.history, at, (step) =>
      withOutput(step, 'save', (save) => ({ ...save, entries: save.entries.map(otherwise) })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'LM', at })
    expect(brokenBy(told)).toEqual(['LM'])
  })

  it('finds equal entries behind unequal ones', () => {
    const second = entryOf(world, n2, 2)
    const blank = { ...entryOf(world, n2, 1), term: TERM_ZERO }
    const told = altered(world.history, at, (step) => ({
      ...step,
      after: { ...step.after, log: logOf(INDEX_ZERO, TERM_ZERO, [blank, second]) },
    }))
    expect(brokenBy(told)).toContain('LM')
  })

  it('compares what a server begins with', () => {
    const forged = world.state(n2)
    const log = logOf(INDEX_ZERO, TERM_ZERO, [entryOf(world, n2, 1), otherwise(entryOf(world, n2, 2))])
    const state = { ...forged, log, server: { ...forged.server, commitIndex: index(1) } }
    const told: History = [...world.history, { type: 'start', state }]
    expect(verdictOn(told)).toMatchObject({ check: 'LM' })
  })
})

describe('LC, Leader Completeness', () => {
  it('finds a leader without what an earlier term committed', () => {
    const world = usurp(new World().elect(n1, [n1, n2]).propose(n1, 'a').settle([n1, n2]))
    const { history } = world
    expect(verdictOn(history, ['LC'])).toMatchObject({ check: 'LC', at: history.length - 1 })
    // Its vote was forged.
    expect(brokenBy(history)).toEqual(['ES', 'LC'])
    expect(brokenBy(history.slice(0, -1))).toEqual([])
  })

  it('finds what an earlier term commits when a later leader is there already', () => {
    const world = overtaken()
    expect(brokenBy(world.history)).toEqual([])
    world.hear(n1, n2, acknowledged(1, 2))
    expect(world.state(n1).server.commitIndex).toBe(2)
    expect(verdictOn(world.history, ['LC'])).toMatchObject({ check: 'LC', at: world.history.length - 1 })
    expect(brokenBy(world.history)).toEqual(['LC', 'QD'])
  })

  it('does not ask it of a leader that is down', () => {
    const world = overtaken()
    world.history.push({ type: 'crash', id: n3 })
    world.hear(n1, n2, acknowledged(1, 2))
    expect(brokenBy(world.history)).toEqual(['QD'])
  })

  /** n1 alone has 'a', and does not know that n3 leads by now, with a log that ends before it. */
  const overtaken = (): World => {
    const world = new World().elect(n1).propose(n1, 'a').settle([n1])
    world.do(n3, { type: 'campaign' }).write(n3).deliver(n3, n2).write(n2).deliver(n2, n3)
    expect(world.state(n3).server).toMatchObject({ currentTerm: 2, role: { type: 'leader' } })
    return world
  }
})

describe('SMS, State Machine Safety', () => {
  it('finds a machine that is given something else than what is committed', () => {
    const { history } = settled()
    const at = lastOf(history, n2, has('apply'))
    const told = altered(history, at, (step) =>
      withOutput(step, 'apply', (apply) => ({ ...apply, entries: apply.entries.map(otherwise) })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'SMS', at })
    expect(brokenBy(told)).toEqual(['SMS'])
  })

  it('finds a machine that is given what nobody has committed', () => {
    const { history, last } = new World().elect(n1).propose(n1, 'a')
    const entries = slice(last.after.log, index(2), index(2))
    const told = altered(history, history.length - 1, (step) => ({
      ...step,
      outputs: [...step.outputs, { type: 'apply', entries }],
    }))
    expect(brokenBy(told)).toEqual(['SMS'])
  })

  it('finds an index that is committed as two entries', () => {
    const world = new World().elect(n1).propose(n1, 'lost').settle([n1])
    world.elect(n2, [n2, n3]).do(n1, { type: 'tick' })
    const at = world.history.length - 1
    const told = altered(world.history, at, (step) => withServer(step, { commitIndex: index(2) }))
    expect(brokenBy(world.history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'SMS', claim: 'an index is committed once, as one entry', at })
  })

  it('finds a commitIndex beyond the log', () => {
    const { history } = settled()
    const at = lastOf(history, n2, has('apply'))
    const told = altered(history, at, (step) => withServer(step, { commitIndex: successor(step.after.log.lastIndex) }))
    expect(verdictOn(told, ['SMS'])).toMatchObject({ claim: 'what is committed is in the log', at })
    expect(brokenBy(told)).toEqual(['SMS', 'MON'])
  })
})

describe('CNT, what is committed is never truncated', () => {
  it('finds a follower that drops it, if only to write it again', () => {
    const world = settled().propose(n1, 'b').settle()
    const { history } = world
    const at = lastOf(history, n2, writes)
    const entries = [entryOf(world, n2, 2), entryOf(world, n2, 3)]
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => ({ ...save, truncateFrom: index(2), entries })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'CNT', at })
    expect(brokenBy(told)).toEqual(['CNT'])
  })
})

describe('STR, the order of a log', () => {
  const { history } = settled()
  const at = lastOf(history, n2, writes)

  it.each([
    ['a term that falls along a log', 0],
    ['a term beyond the current one', 2],
  ])('finds %s', (_, forged) => {
    const told = altered(history, at, (step) =>
      withOutput(step, 'save', (save) => ({
        ...save,
        entries: save.entries.map((entry) => ({ ...entry, term: term(forged) })),
      })),
    )
    expect(verdictOn(told)).toMatchObject({ check: 'STR', at })
    expect(brokenBy(told)).toEqual(['STR'])
  })

  it('finds a step of a server that never started', () => {
    const told = history.filter((each) => each.type !== 'start' || each.state.server.id !== n2)
    expect(verdictOn(told)).toMatchObject({ check: 'STR', claim: 'who takes a step was started' })
  })
})

describe('COST, limits of messages', () => {
  it('finds a message with too many entries', () => {
    const { history } = new World(3, { messageEntriesMax: 2 }).elect(n1).propose(n1, 'a', 'b')
    const at = history.length - 1
    const told = altered(history, at, (step) =>
      withOutput(step, 'send', (send) =>
        send.rpc.type === 'AppendEntries'
          ? { ...send, rpc: { ...send.rpc, entries: [...send.rpc.entries, ...send.rpc.entries] } }
          : send,
      ),
    )
    expect(brokenBy(history)).toEqual([])
    expect(verdictOn(told)).toMatchObject({ check: 'COST', at })
    expect(brokenBy(told)).toEqual(['COST'])
  })
})
