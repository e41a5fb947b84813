import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeTrace } from '../src/trace/encode.ts'
import { hashState } from '../src/trace/hash.ts'
import { replay } from '../src/trace/replay.ts'
import { playSchedule } from '../src/trace/shrink/play.ts'
import { scheduleOf } from '../src/trace/shrink/schedule.ts'
import { RecordedCluster } from '../test/trace/cluster.ts'
import { traceIn } from '../test/trace/support.ts'

/* A trace says everything: whatever a cluster went through, its trace leads to the same states. */

const anyRun = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  size: fc.integer({ min: 1, max: 5 }),
  events: fc.integer({ min: 0, max: 1_500 }),
  hashEvery: fc.integer({ min: 0, max: 5 }),
  objectChars: fc.constantFrom(10, 1_024),
  withoutSources: fc.boolean(),
  options: fc.record({ preVote: fc.boolean(), checkQuorum: fc.boolean(), noopOnElection: fc.boolean() }),
})

describe('any run', () => {
  it('replays to the same states, step by step, with every claim holding', () => {
    fc.assert(
      fc.property(anyRun, (chosen) => {
        const cluster = new RecordedCluster(chosen).run()
        const trace = traceIn(cluster.text)
        const states: string[] = []
        const result = replay(trace, { claims: true, onStep: ({ after }) => states.push(hashState(after)) })
        expect(result.ending).toEqual({ type: 'complete' })
        expect(states).toEqual(cluster.history.map(hashState))
        expect(encodeTrace(trace)).toBe(cluster.text)
      }),
      { numRuns: 60 },
    )
  })

  it('comes to the same as a schedule, from which it could be recorded anew', () => {
    fc.assert(
      fc.property(anyRun, (chosen) => {
        const trace = traceIn(new RecordedCluster(chosen).run().text)
        const { trace: again, found } = playSchedule(scheduleOf(trace))
        expect([found, again.end]).toEqual([null, trace.end])
        expect(replay(traceIn(encodeTrace(again)), { claims: true }).ending).toEqual({ type: 'complete' })
      }),
      { numRuns: 40 },
    )
  })
})
