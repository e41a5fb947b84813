import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { TERM_ZERO, nodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import { birthSnapshot, initial } from '../../src/core/start.ts'
import { encodeTrace } from '../../src/trace/encode.ts'
import { toPerfetto } from '../../src/trace/export/perfetto.ts'
import { toShiviz } from '../../src/trace/export/shiviz.ts'
import type { Trace, TraceEvent } from '../../src/trace/format.ts'
import { hashValue } from '../../src/trace/hash.ts'
import { linksOf } from '../../src/trace/provenance.ts'
import { Recorder, headerOf } from '../../src/trace/record.ts'
import { replay } from '../../src/trace/replay.ts'
import { ImpossibleStart } from '../../src/trace/shrink/schedule.ts'
import { shrink } from '../../src/trace/shrink/shrink.ts'
import { stateStart } from '../../src/trace/start.ts'
import { RecordedCluster } from './cluster.ts'
import { problemIn, traceIn } from './support.ts'

const [n1, n2] = [nodeId('n1'), nodeId('n2')]
const configuration = configurationOf([n1, n2])
const birth = { how: 'birth', configuration } as const

/** A trace of these events, without hashes. */
const traceOf = (init: Trace['header']['init'], ...events: readonly TraceEvent[]): Trace => ({
  header: headerOf({ nodes: [n1, n2], init }),
  events,
  lines: null,
  end: null,
})

const tickOf = (i: number, n = n1): TraceEvent => ({ t: 'in', i, n, at: i, m: { type: 'tick' } })

describe('a hash', () => {
  it('tells a double from two integers', () => {
    const bits = new DataView(new ArrayBuffer(8))
    bits.setFloat64(0, 0.1)
    expect(hashValue([0.1])).not.toBe(hashValue([bits.getInt32(0), bits.getInt32(4)]))
    expect(hashValue({ a: 2 ** 40 })).not.toBe(hashValue({ a: 2 ** 41 }))
  })
})

describe('a trace of the first format', () => {
  const old = traceIn(new RecordedCluster({ seed: 3, events: 300 }).run().text)
  const altered: Trace = {
    ...old,
    header: { ...old.header, v: 1 },
    events: old.events.map((event) => (event.t === 'in' && event.h !== undefined ? { ...event, h: '0' } : event)),
  }

  it('replays with its claims, and its hashes are not compared', () => {
    const { ending, hashesCompared } = replay(altered, { claims: true })
    expect([ending.type, hashesCompared]).toEqual(['complete', 0])
    expect(replay({ ...altered, header: old.header }).ending.type).toBe('diverged')
  })
})

describe('a server that has learned of no configuration', () => {
  it('breaks no claim by its start', () => {
    const alone = { how: 'birth', configuration: configurationOf([]) } as const
    expect(replay(traceOf({ n1: birth, n2: alone }, tickOf(0)), { claims: true }).ending).toEqual({ type: 'complete' })
  })
})

describe('a state that is put in place', () => {
  const state = initial({ id: n1, configuration })
  const queued = {
    type: 'InstallSnapshot',
    term: TERM_ZERO,
    leaderId: n2,
    transferId: 1,
    snapshot: birthSnapshot(configuration),
    startsOver: false,
    position: 1,
    objectId: 1,
    data: { blob: '0'.repeat(64) },
    checksum: 0,
    digest: 0,
    isLast: false,
  } as never
  const receiving = {
    leaderId: n2,
    term: TERM_ZERO,
    transferId: 1,
    snapshot: birthSnapshot(configuration),
    phase: 'transfer',
    nextObjectId: 0,
    digest: 0,
    position: 0,
    saving: null,
    queued: [queued],
  } as const

  it('holds no reference to a blob', () => {
    const start = stateStart({ ...state, server: { ...state.server, receiving } })
    expect(
      problemIn(encodeTrace({ ...traceOf({ n1: start, n2: birth }), end: { t: 'end', steps: 0, h: {} } })),
    ).toEqual({ line: 1, reason: expect.stringMatching(/^hdr\.init\.n1.*\.data is not a string/) as string })
  })
})

describe('shrinking', () => {
  const broken = {
    claims: (_before: unknown, message: Message): void => {
      if (message.type === 'campaign') throw new InvariantViolation('no server campaigns', {})
    },
  }
  const ticks = (count: number): TraceEvent[] => Array.from({ length: count }, (_, i) => tickOf(i))

  it('asks within a run whether to stop', () => {
    let asked = 0
    const trace = traceOf({ n1: birth, n2: birth }, ...ticks(20_000))
    const result = shrink(trace, { shouldStop: () => ++asked >= 3 })
    expect(result.type).toBe('stopped')
    expect(asked).toBeLessThan(6)
  })

  it('takes no longer for a long run of ticks than its length asks for', () => {
    // Every tick is copied a few times; a list copied for each of them would be 2 x 10^8 copies.
    const events = ticks(20_000)
    const campaign: TraceEvent = { t: 'in', i: 20_000, n: n1, at: 20_000, m: { type: 'campaign' } }
    const result = shrink(traceOf({ n1: birth, n2: birth }, ...events, campaign), { ...broken, runs: 200 })
    expect(result).toMatchObject({ type: 'shrunk', after: { events: 1, nodes: 1 } })
  })

  it('names a recorded restart that makes no server', () => {
    const start = {
      how: 'restart',
      hardState: { currentTerm: TERM_ZERO, votedFor: null },
      snapshot: birthSnapshot(configuration),
      base: { index: 5, term: 1 } as never,
      entries: [],
    } as const
    const restart = { t: 'fault', kind: 'restart', at: 1, n: n1, start } as const
    const trace = traceOf({ n1: birth, n2: birth }, { t: 'fault', kind: 'crash', at: 0, n: n1 }, restart)
    expect(() => shrink(trace)).toThrow(ImpossibleStart)
    expect(() => shrink(trace)).toThrow('n1 cannot start: a snapshot covers everything before the first entry')
  })
})

describe('a recorder', () => {
  const recorder = (): Recorder => new Recorder({ nodes: [n1], init: { n1: birth } }, () => undefined)

  it('takes no step and no start of a node that it did not begin with, as no reader would', () => {
    const state = initial({ id: n2, configuration })
    expect(() => recorder().step(n2, 0, { type: 'tick' }, state, [])).toThrow('of the nodes that it began with')
    expect(() => recorder().fault({ kind: 'restart', at: 0, n: n2, start: birth })).toThrow('that it began with')
  })
})

describe('exports', () => {
  const leading = stateStart(initial({ id: n1, configuration }))
  const led = {
    ...leading,
    server: {
      ...(leading as never as { server: object }).server,
      role: { type: 'candidate', granted: [], rejected: [], voteSequence: 0 },
    },
  } as never

  it('show a server that died of its disk as down, and one that was put in place as what it is', () => {
    const trace = traceOf(
      { n1: led, n2: birth },
      tickOf(0, n2),
      { t: 'fault', kind: 'disk', at: 5, n: n2, what: 'disk full' },
      tickOf(1, n1),
    )
    const { traceEvents } = JSON.parse(toPerfetto(trace)) as {
      readonly traceEvents: readonly {
        readonly name: string
        readonly ph: string
        readonly pid: number
        readonly tid: number
      }[]
    }
    const roles = traceEvents.filter(({ ph, tid }) => ph === 'X' && tid === 2).map(({ pid, name }) => `${pid} ${name}`)
    expect(roles).toContain('1 candidate t0')
    expect(roles).toContain('2 down')
  })

  it('keep names apart that escapes could make alike', () => {
    const [one, other] = [nodeId('a\nb'), nodeId('a\u00abb')]
    const both = [nodeId('\n0'), nodeId('\u00a0')]
    const hosts = (nodes: readonly string[]): readonly string[] =>
      toShiviz({
        header: headerOf({ nodes: nodes as never, init: Object.fromEntries(nodes.map((id) => [id, birth])) }),
        events: nodes.map((id, i) => tickOf(i, id as never)),
        lines: null,
        end: null,
      })
        .split('\n')
        .flatMap((line) => /^(\S+) \{/.exec(line)?.[1] ?? [])
    expect(new Set(hosts([one, other])).size).toBe(2)
    expect(new Set(hosts(both)).size).toBe(2)
  })

  it('link equal messages without a source to the earliest send: what happened before is never overstated', () => {
    const trace = traceIn(new RecordedCluster({ seed: 9, events: 800, withoutSources: true }).run().text)
    const told = linksOf(traceIn(new RecordedCluster({ seed: 9, events: 800 }).run().text))
    for (const [i, origin] of linksOf(trace, true).entries())
      expect(origin?.step ?? 0, `step ${i}`).toBeLessThanOrEqual(told[i]?.step ?? Infinity)
    expect(told.length).toBeGreaterThan(100)
  })
})
