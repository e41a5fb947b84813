import type { Reducer } from '../../src/core/output.ts'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { successor, type NodeId } from '../../src/core/ids.ts'
import type { RaftState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'
import { kvService } from '../../src/sim/kv-service.ts'
import { simulate } from '../../src/sim/simulate.ts'
import { Budget, minimise } from '../../src/trace/shrink/ddmin.ts'
import { endOf } from '../../src/trace/shrink/cut.ts'
import { encodeTrace } from '../../src/trace/encode.ts'
import type { Trace } from '../../src/trace/format.ts'
import { hashState } from '../../src/trace/hash.ts'
import { linksOf } from '../../src/trace/provenance.ts'
import { replay } from '../../src/trace/replay.ts'
import { playSchedule } from '../../src/trace/shrink/play.ts'
import { scheduleOf, type PlayOptions } from '../../src/trace/shrink/schedule.ts'
import { shrink } from '../../src/trace/shrink/shrink.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'
import { witnessTrace } from './witness.ts'

describe('delta debugging', () => {
  const items = Array.from({ length: 1_000 }, (_, at) => at)
  const needs =
    (...wanted: readonly number[]) =>
    (kept: readonly number[]): string | null =>
      wanted.every((item) => kept.includes(item)) ? 'fails' : null

  it.each([[[]], [[0]], [[999]], [[17, 18]], [[3, 500, 501, 998]], [[0, 1, 2, 3, 4, 5, 6, 7]]])(
    'finds the minimum %j',
    (wanted) => {
      const budget = new Budget(10_000)
      const [kept] = minimise(items, 'fails', needs(...wanted), budget)
      expect(kept).toEqual(wanted)
      expect(budget.runs).toBeLessThan(400)
    },
  )

  it('finds a minimum where items stand for each other', () => {
    const even = (kept: readonly number[]): string | null =>
      kept.length >= 7 && kept.filter((item) => item % 2 === 0).length >= 3 ? 'fails' : null
    const [kept] = minimise(items, 'fails', even, new Budget(10_000))
    expect(kept).toHaveLength(7)
  })

  it('stops when the runs are spent, with what still fails', () => {
    const budget = new Budget(9)
    const [kept] = minimise(items, 'fails', needs(3, 998), budget)
    expect(budget.runs).toBe(9)
    expect(needs(3, 998)(kept)).toBe('fails')
    expect(kept.length).toBeLessThan(1_000)
  })
})

describe('causes', () => {
  it.each([1, 3, 5])('are found where the trace does not tell, seed %i', (seed) => {
    const told = traceIn(new RecordedCluster({ seed, events: 2_000 }).run().text)
    const untold = traceIn(new RecordedCluster({ seed, events: 2_000, withoutSources: true }).run().text)
    expect(untold.events.some((event) => event.t === 'in' && event.src !== undefined)).toBe(false)
    for (const [i, origin] of linksOf(told).entries()) {
      const event = told.events.find((candidate) => candidate.t === 'in' && candidate.i === i)
      if (event?.t === 'in') expect([i, origin?.step]).toEqual([i, event.src])
    }
    const found = linksOf(untold)
    for (const event of untold.events) {
      if (event.t !== 'in') continue
      const isFromOutside = ['tick', 'propose', 'campaign'].includes(event.m.type)
      expect([event.i, found[event.i] === null]).toEqual([event.i, isFromOutside])
    }
  })

  it('make a schedule that comes to the same states', () => {
    const trace = traceIn(new RecordedCluster({ seed: 5, events: 2_800 }).run().text)
    const played = playSchedule(scheduleOf(trace))
    expect(played.found).toBeNull()
    expect(played.trace.end).toEqual(trace.end)
  })
})

const steps = (trace: Trace): number => trace.events.filter(({ t }) => t === 'in').length

describe('shrinking a cluster', () => {
  /** Counts what a single server holds as committed. */
  const hasty: Reducer = (state, message) => {
    const [reached, outputs] = step(state, message)
    const { server, log } = reached
    const isAppended = message.type === 'propose' && server.role.type === 'leader' && log.lastIndex >= 4
    return isAppended
      ? [{ ...reached, server: { ...server, commitIndex: successor(log.lastIndex) } }, outputs]
      : [reached, outputs]
  }

  it('comes down to what a bug needs', () => {
    const trace = traceIn(new RecordedCluster({ seed: 4, size: 5, events: 3_000, step: hasty }).run().text)
    const result = shrink(trace, { step: hasty })
    if (result.type !== 'shrunk') throw new Error(result.type)
    expect(result.isMinimal).toBe(true)
    expect(result.before.nodes).toBe(5)
    // A cluster of one: campaign, its vote saved, and proposals up to index 4.
    expect(result.after.nodes).toBe(1)
    expect(steps(result.trace)).toBeLessThanOrEqual(5)
    expect(replay(result.trace, { step: hasty, claims: true }).ending).toMatchObject({
      type: 'violated',
      claim: result.found.claim,
    })
  })

  it('comes down to how a server that forgot its vote elects a second leader', () => {
    const options = { preVote: false, checkQuorum: false, electionTimeoutTicks: 4 }
    const trace = traceIn(amnesia(options))
    const original = replay(trace, { claims: true }).ending
    if (original.type !== 'violated') throw new Error(original.type)
    const result = shrink(trace)
    if (result.type !== 'shrunk') throw new Error(result.type)
    expect(result.found.claim).toBe(original.claim)
    expect(result.isMinimal).toBe(true)
    expect(result.after.nodes).toBeLessThanOrEqual(3)
    expect(result.after.events).toBeLessThanOrEqual(24)
    const { ending, hashesCompared } = replay(traceIn(encodeTrace(result.trace)), { claims: true })
    expect(ending).toMatchObject({ type: 'violated', claim: original.claim })
    expect(hashesCompared).toBeGreaterThan(0)
    expect(isOneMinimal(result.trace)).toBe(true)
  })

  /** Forgets at a restart that it is not to vote twice; its disk still knows. */
  const forgetful: Reducer = (state, message) => {
    const { server } = state
    const isFresh = server.saveSequence === 0 && server.currentTerm > 0
    return step(isFresh ? { ...state, server: { ...server, votedFor: null } } : state, message)
  }

  it('restarts servers from the disks that they would have had', () => {
    const options = { preVote: false, checkQuorum: false, electionTimeoutTicks: 4 }
    for (let seed = 1; seed < 200; seed++) {
      const { text } = new RecordedCluster({ seed, events: 3_000, step: forgetful, options }).run()
      const trace = traceIn(text)
      const { ending } = replay(trace, { step: forgetful, claims: true })
      if (ending.type !== 'violated') continue
      const result = shrink(trace, { step: forgetful })
      if (result.type !== 'shrunk') throw new Error(result.type)
      expect(result.trace.events.some((event) => event.t === 'fault' && event.kind === 'restart')).toBe(true)
      expect(result.after.events).toBeLessThanOrEqual(15)
      const again = replay(traceIn(encodeTrace(result.trace)), { step: forgetful, claims: true })
      expect(again.ending).toMatchObject({ type: 'violated', claim: ending.claim })
      return
    }
    throw new Error('no seed breaks anything')
  })

  it('keeps what a crash lost, and comes down to it', () => {
    const lines: string[] = []
    simulate(kvService, { seed: 9, nodes: 3, steps: 3_000, profile: 'chaos', onLine: (line) => lines.push(line) })
    const result = shrink(traceIn(lines.join('\n') + '\n'), { claims: nothingLost() })
    if (result.type !== 'shrunk') throw new Error(result.type)
    expect(result.before.events).toBeGreaterThan(1_000)
    expect([result.isMinimal, result.after.events < 12]).toEqual([true, true])
    expect(playSchedule(scheduleOf(result.trace), { claims: nothingLost() }).found?.claim).toBe(result.found.claim)
  })

  it('comes down to the end of a run where what came before can be left out only as a whole', () => {
    const cluster = new RecordedCluster({ seed: 5, events: 2_800 }).run()
    // Whatever goes otherwise before leads elsewhere.
    const [last] = cluster.history.slice(-1)
    const target = last === undefined ? '' : hashState(last)
    const claims: Claims = (_before, _message, after) => {
      if (hashState(after) === target) throw new InvariantViolation('this state is never reached', {})
    }
    const result = shrink(traceIn(cluster.text), { claims, runs: 200, local: false })
    if (result.type !== 'shrunk') throw new Error(result.type)
    expect(result.before.events).toBeGreaterThan(700)
    expect(result.after.events).toBeLessThan(40)
  })

  it('does the same every time, within its runs', () => {
    const trace = traceIn(amnesia({ preVote: false, checkQuorum: false, electionTimeoutTicks: 4 }))
    const once = (): unknown => shrink(trace, { runs: 40 })
    expect(once()).toEqual(once())
    expect(once()).toMatchObject({ type: 'shrunk', runs: 40, isMinimal: false })
  })

  it('keeps the smallest until then when it should stop', () => {
    const trace = traceIn(amnesia({ preVote: false, checkQuorum: false, electionTimeoutTicks: 4 }))
    let asked = 0
    const result = shrink(trace, { shouldStop: () => asked++ === 40 })
    expect(result).toEqual(shrink(trace, { runs: 40 }))
  })

  it.each([1, 2_000])('keeps a server that nothing happens to where it is part of the proof, %i runs', (runs) => {
    const result = shrink(traceIn(witnessTrace()), { runs })
    if (result.type !== 'shrunk') throw new Error(result.type)
    const { ending } = replay(traceIn(encodeTrace(result.trace)), { claims: true })
    expect(ending).toMatchObject({ type: 'violated', claim: result.found.claim })
    expect(result.trace.header.nodes).toContain('n2')
    expect(result.trace.header.nodes).not.toContain('n4')
  })

  it('has nothing to keep of a sound run', () => {
    expect(shrink(traceIn(new RecordedCluster({ seed: 5 }).run().text))).toEqual({ type: 'no violation' })
  })
})

type Claims = NonNullable<PlayOptions['claims']>

/** Claims, and wrongly so, that a server comes back with all that was ever in its log. */
const nothingLost = (): Claims => {
  const plays = new WeakMap<object, Map<NodeId, RaftState>>()
  return (before, _message, after, _outputs, states) => {
    const lives = plays.get(states) ?? new Map<NodeId, RaftState>()
    plays.set(states, lives)
    const { id, saveSequence } = before.server
    const was = lives.get(id)
    lives.set(id, after)
    if (was === undefined || saveSequence > 0 || was.server.saveSequence === 0) return
    if (before.log.lastIndex < was.log.lastIndex) throw new InvariantViolation('nothing is lost in a crash', {})
  }
}

describe('the end of a run', () => {
  it('played on its own, comes to the same states', () => {
    const trace = traceIn(new RecordedCluster({ seed: 5, events: 2_000 }).run().text)
    const schedule = scheduleOf(trace)
    const whole = playSchedule(schedule)
    for (let at = schedule.items.length - 200, tried = 0; tried < 3; at -= 100) {
      const before = playSchedule({ header: schedule.header, items: whole.items.slice(0, at) })
      const end = endOf(whole, before, at)
      if (end === null) continue
      tried++
      const played = playSchedule(end)
      expect([played.found, played.trace.end?.h]).toEqual([null, whole.trace.end?.h])
    }
  })
})

/** The first seed whose servers, forgetting everything when they restart, break a claim. */
const amnesia = (options: object): string => {
  for (let seed = 1; seed < 60; seed++) {
    const { text } = new RecordedCluster({ seed, size: 3, events: 2_500, amnesia: true, options }).run()
    const { ending } = replay(traceIn(text), { claims: true })
    if (ending.type === 'violated' && ending.i > 100) return text
  }
  throw new Error('no seed breaks anything')
}

/** Whether every event is needed, by trying. */
const isOneMinimal = (trace: Trace): boolean => {
  const schedule = scheduleOf(trace)
  const claim = playSchedule(schedule).found?.claim
  return schedule.items.every((_, at) => {
    const items = schedule.items.toSpliced(at, 1)
    return playSchedule({ ...schedule, items }).found?.claim !== claim
  })
}
