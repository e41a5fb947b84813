import { describe, expect, it } from 'vitest'
import { toPerfetto } from '../../src/trace/export/perfetto.ts'
import { SHIVIZ_PATTERN, toShiviz } from '../../src/trace/export/shiviz.ts'
import { linksOf } from '../../src/trace/provenance.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

const trace = traceIn(new RecordedCluster({ seed: 5, events: 1_500, withoutSources: true }).run().text)
const ofServers = trace.events.filter((event) => event.t === 'in' || (event.t === 'fault' && 'n' in event))

describe('ShiViz', () => {
  const [pattern, delimiter, ...rest] = toShiviz(trace).split('\n')
  const log = rest.join('\n')
  const events = [...log.matchAll(new RegExp(SHIVIZ_PATTERN.replaceAll('{.*}', '\\{.*\\}'), 'g'))].map(
    ({ groups: { event = '', host = '', clock = '{}' } = {} }) => ({
      event,
      host,
      clock: JSON.parse(clock) as Readonly<Record<string, number>>,
    }),
  )

  it('begins with its pattern and has an event for every event of a server', () => {
    expect([pattern, delimiter]).toEqual([SHIVIZ_PATTERN, ''])
    expect(events.map(({ host }) => host)).toEqual(ofServers.map((event) => ('n' in event ? event.n : '')))
    expect(log.split('\n').length).toBe(events.length * 2 + 1)
  })

  it('counts the events of each server one by one, and never knows of what comes later', () => {
    const counts: Record<string, number> = {}
    for (const { host, clock } of events) {
      counts[host] = (counts[host] ?? 0) + 1
      expect(clock[host]).toBe(counts[host])
      for (const [other, count] of Object.entries(clock)) expect(count).toBeLessThanOrEqual(counts[other] ?? 0)
    }
  })

  it('puts every receive after its send', () => {
    const origins = linksOf(trace, true)
    const clocks = ofServers.flatMap((event, at) => (event.t === 'in' ? [events[at]?.clock ?? {}] : []))
    let received = 0
    for (const [i, origin] of origins.entries()) {
      if (origin === null) continue
      received++
      for (const [node, count] of Object.entries(clocks[origin.step] ?? {}))
        expect(clocks[i]?.[node] ?? 0).toBeGreaterThanOrEqual(count)
    }
    expect(received).toBeGreaterThan(200)
  })
})

describe('Perfetto', () => {
  interface Drawn {
    readonly name: string
    readonly ph: string
    readonly pid: number
    readonly tid: number
    readonly ts?: number
    readonly dur?: number
    readonly id?: number
  }
  const { traceEvents } = JSON.parse(toPerfetto(trace)) as { readonly traceEvents: readonly Drawn[] }
  const of = (kind: string): readonly Drawn[] => traceEvents.filter(({ ph }) => ph === kind)

  it('names a process for every server', () => {
    expect(of('M').filter(({ name }) => name === 'process_name')).toHaveLength(trace.header.nodes.length)
  })

  it('draws every step, none over another of its thread', () => {
    const slices = of('X')
    expect(slices.filter(({ tid }) => tid === 1)).toHaveLength(trace.events.filter(({ t }) => t === 'in').length)
    const ends = new Map<string, number>()
    for (const { pid, tid, ts = 0, dur = 0 } of slices) {
      const thread = `${pid}/${tid}`
      expect(dur).toBeGreaterThan(0)
      expect(ts).toBeGreaterThanOrEqual(ends.get(thread) ?? 0)
      ends.set(thread, ts + dur)
    }
  })

  it('draws arrows with two ends, forwards in time', () => {
    const finishes = new Map(of('f').map((event) => [event.id, event]))
    expect(of('s').length).toBeGreaterThan(100)
    expect(finishes.size).toBe(of('s').length)
    for (const { id, ts = 0 } of of('s')) expect(finishes.get(id)?.ts ?? 0).toBeGreaterThan(ts)
  })
})
