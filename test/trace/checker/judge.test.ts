import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/core/assert.ts'
import { index } from '../../../src/core/ids.ts'
import { CLAIMS, ClaimViolation, Ghost, Judge, MARK_NAMES, Tally, checkOf } from '../../../src/trace/checker/index.ts'
import { World, n1, n2, n3, verdictOn, withServer } from './history.ts'

describe('Judge', () => {
  it('counts every claim unless told which', () => {
    const judge = new Judge()
    for (const check of Object.keys(CLAIMS) as (keyof typeof CLAIMS)[])
      expect(() => {
        judge.refute(check, 'a sentence', { node: 'n1' })
      }).toThrow('a sentence (node="n1")')
  })

  it('ignores the claims that it was not told', () => {
    const judge = new Judge(['ES', 'VO'])
    expect(() => {
      judge.refute('LM', 'a sentence', {})
    }).not.toThrow()
    expect(() => {
      judge.refute('VO', 'a sentence', {})
    }).toThrow(ClaimViolation)
  })

  it('ignores everything when told nothing', () => {
    expect(() => {
      new Judge([]).refute('ES', 'a sentence', {})
    }).not.toThrow()
  })

  it('names the claim; an invariant of one step has none', () => {
    expect(checkOf(new ClaimViolation('CNT', 'a sentence'))).toBe('CNT')
    expect(checkOf(new InvariantViolation('a sentence'))).toBe('STEP')
  })
})

describe('Ghost', () => {
  const { history, last } = new World().elect(n1).propose(n1, 'a')
  const tampered = [...history.slice(0, -1), withServer(last, { commitIndex: index(2) })]

  it('asks only for the claims that count', () => {
    expect(verdictOn(tampered, ['QD'])).toMatchObject({ check: 'QD' })
    expect(verdictOn(tampered, ['ES', 'LM'])).toBeNull()
  })

  it('goes on after a claim that does not count', () => {
    const { role } = last.after.server
    const other = new World().elect(n2).last
    const second = withServer(other, { role })
    const told = [...tampered, { ...second, before: new World().state(n3) }]
    expect(verdictOn(told, ['ES'])).toMatchObject({ check: 'ES', at: tampered.length })
  })

  it('knows what was committed, and where', () => {
    const ghost = new Ghost()
    for (const told of history)
      if (told.type === 'start') ghost.start(told.state)
      else if (told.type === 'step') ghost.step(told.before, told.message, told.after, told.outputs)
    expect(ghost.commitMax).toBe(1)
    expect(ghost.committedAt(index(1))).toMatchObject({ type: 'noop', index: 1, term: 1 })
    expect(ghost.committedAt(index(2))).toBeNull()
  })

  it('can begin in the middle of a run', () => {
    const ghost = Ghost.of([n1, n2, n3].map((id) => new World().elect(n1).state(id)))
    expect(ghost.committedAt(index(1))).toMatchObject({ type: 'noop' })
    const { before, message, after, outputs } = new World().elect(n1).propose(n1, 'a').last
    expect(() => {
      ghost.step(before, message, withServer(last, { commitIndex: index(2) }).after, outputs)
    }).toThrow('what is committed is durable on a quorum')
    expect(after.server.commitIndex).toBe(1)
  })
})

describe('Tally', () => {
  it('has a number for every mark', () => {
    const tally = new Tally()
    tally.count('split vote')
    tally.count('split vote')
    expect(Object.keys(tally.marks)).toEqual(MARK_NAMES)
    expect(tally.marks['split vote']).toBe(2)
    expect(tally.marks.crashed).toBe(0)
  })

  it('counts what a history is about', () => {
    const tally = new Tally()
    const ghost = new Ghost({ tally })
    const world = new World(3, { snapshotEntries: 2, trailingEntries: 0 }).elect(n1, [n1, n2])
    world.propose(n1, 'a').settle([n1, n2]).do(n1, { type: 'tick' }).settle()
    world.do(n1, { type: 'read', id: 'r', mode: 'quorum' }).settle().elect(n2)
    for (const told of world.history)
      if (told.type === 'start') ghost.start(told.state)
      else if (told.type === 'step') ghost.step(told.before, told.message, told.after, told.outputs)
    const { marks } = tally
    expect(marks).toMatchObject({
      'leader elected': 2,
      'leader deposed': 1,
      'snapshot taken': 2,
      'snapshot installed': 1,
      'read served': 1,
      'split vote': 0,
      'transfer abandoned': 0,
    })
  })
})
