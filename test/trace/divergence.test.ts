import type { Reducer } from '../../src/core/output.ts'
import { describe, expect, it } from 'vitest'
import { InvariantViolation, UsageError } from '../../src/core/assert.ts'
import { successor } from '../../src/core/ids.ts'
import { step } from '../../src/core/step.ts'
import type { Trace } from '../../src/trace/format.ts'
import { replay } from '../../src/trace/replay.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

/** Changes the reducer where `concerns` holds of the state it reached. */
const changed =
  (concerns: (...args: Parameters<Reducer>) => boolean): Reducer =>
  (state, message) => {
    const [reached, outputs] = step(state, message)
    if (!concerns(reached, message)) return [reached, outputs]
    const { server } = reached
    return [{ ...reached, server: { ...server, electionElapsedTicks: server.electionElapsedTicks + 1 } }, outputs]
  }

/** The number of the first step for which it holds. */
const firstStep = (trace: Trace, concerns: (...args: Parameters<Reducer>) => boolean): number => {
  let first = -1
  replay(trace, {
    onStep: ({ event, after }) => {
      if (first === -1 && concerns(after, event.m)) first = event.i
    },
  })
  return first
}

const MUTANTS: Readonly<Record<string, (...args: Parameters<Reducer>) => boolean>> = {
  'a tick too many': ({ server }, message) => message.type === 'tick' && server.electionElapsedTicks === 4,
  'after a commit': ({ server }) => server.commitIndex > 12,
  'in term 2': ({ server }) => server.currentTerm === 2,
}

describe('a changed reducer', () => {
  it.each(Object.entries(MUTANTS))('%s: is found at the very step', (_, concerns) => {
    const trace = traceIn(new RecordedCluster({ seed: 4, events: 2_000, hashEvery: 1 }).run().text)
    const due = firstStep(trace, concerns)
    expect(due).toBeGreaterThan(0)
    const { ending } = replay(trace, { step: changed(concerns) })
    if (ending.type !== 'diverged') throw new Error(ending.type)
    expect(ending.i).toBe(due)
    const at = trace.events.findIndex((event) => event.t === 'in' && event.i === due)
    expect(ending.line).toBe(trace.lines?.[at])
    expect(ending.got).not.toBe(ending.expected)
    expect(ending.after?.server.electionElapsedTicks).toBeGreaterThan(0)
  })

  it('shows where both still agreed, and both states where they were recorded', () => {
    const options = { seed: 4, events: 2_000, hashEvery: 1, states: true } as const
    const trace = traceIn(new RecordedCluster(options).run().text)
    const concerns = MUTANTS['in term 2']
    if (concerns === undefined) throw new Error('no such mutant')
    const { ending } = replay(trace, { step: changed(concerns) })
    if (ending.type !== 'diverged' || ending.i === null || ending.after === null) throw new Error(ending.type)
    expect(ending.agreedAt).toBeLessThan(ending.i)
    const { server } = ending.after
    const own = { ...ending.after, server: { ...server, electionElapsedTicks: server.electionElapsedTicks - 1 } }
    expect(ending.recorded).toEqual(JSON.parse(JSON.stringify(own)))
  })

  it('is found in the end where nothing was hashed on the way', () => {
    const trace = traceIn(new RecordedCluster({ seed: 4, hashEvery: 0 }).run().text)
    const { ending } = replay(trace, { step: changed(() => true) })
    expect(ending).toMatchObject({ type: 'diverged', i: null, line: trace.events.length + 2 })
    expect(replay(trace, { step: changed(() => true), hashes: false }).ending).toEqual({ type: 'complete' })
  })

  it('is found where it throws', () => {
    const trace = traceIn(new RecordedCluster({ seed: 4, events: 2_000 }).run().text)
    const throwing =
      (error: Error): Reducer =>
      (state, message) => {
        if (state.log.lastIndex >= 5) throw error
        return step(state, message)
      }
    expect(replay(trace, { step: throwing(new UsageError('no')) }).ending).toMatchObject({
      type: 'diverged',
      got: 'UsageError: no',
      after: null,
    })
    expect(replay(trace, { step: throwing(new InvariantViolation('no')) }).ending).toMatchObject({
      type: 'violated',
      claim: 'no',
      after: null,
    })
  })
})

describe('a violation', () => {
  const broken: Reducer = (state, message) => {
    const [reached, outputs] = step(state, message)
    const { server, log } = reached
    if (server.role.type !== 'leader' || log.lastIndex < 8) return [reached, outputs]
    return [{ ...reached, server: { ...server, commitIndex: successor(log.lastIndex) } }, outputs]
  }

  it('is found by the claims, at its step', () => {
    const trace = traceIn(new RecordedCluster({ seed: 4, step: broken, events: 2_000 }).run().text)
    const { ending, steps } = replay(trace, { step: broken, claims: true })
    if (ending.type !== 'violated') throw new Error(ending.type)
    expect(ending.claim).toBe('only what is in the log is committed')
    expect(ending.i).toBe(steps - 1)
  })

  it('that ended a recording ends its replay', () => {
    const dying: Reducer = (state, message) => {
      if (state.log.lastIndex >= 5) throw new InvariantViolation('never five')
      return step(state, message)
    }
    const trace = traceIn(new RecordedCluster({ seed: 4, step: dying, events: 2_000 }).run().text)
    const { ending, recorded } = replay(trace, { step: dying })
    expect(ending).toMatchObject({ type: 'violated', claim: 'never five' })
    expect(recorded).toMatchObject([{ t: 'viol', claim: 'never five' }])
  })
})
