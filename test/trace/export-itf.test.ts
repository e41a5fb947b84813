import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import { nodeId } from '../../src/core/ids.ts'
import { initial } from '../../src/core/start.ts'
import { step } from '../../src/core/step.ts'
import { toItf } from '../../src/trace/export/itf.ts'
import type { Trace } from '../../src/trace/format.ts'
import { Recorder } from '../../src/trace/record.ts'
import { replay } from '../../src/trace/replay.ts'
import { birthOf } from '../../src/trace/start.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

type Values = Readonly<Record<string, unknown>>
interface ItfState extends Values {
  readonly '#meta': { readonly index: number; readonly line: number }
  readonly last: Values
}
interface ItfFile {
  readonly '#meta': Values
  readonly params: readonly string[]
  readonly vars: readonly string[]
  readonly states: readonly ItfState[]
}

const fileOf = (trace: Trace): ItfFile => JSON.parse([...toItf(trace).pieces].join('')) as ItfFile

/** A function of the format, as a record. */
const at = (state: ItfState | undefined, variable: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries((state?.[variable] as { '#map': [string, unknown][] })['#map'])

const items = (set: unknown): readonly string[] => (set as { '#set': string[] })['#set']

const trace = traceIn(new RecordedCluster({ seed: 5, events: 3_000 }).run().text)
const file = fileOf(trace)
const { states } = file
const changes = trace.events.filter(
  (event) => event.t === 'in' || (event.t === 'fault' && (event.kind === 'crash' || event.kind === 'restart')),
)

describe('a trace in the Informal Trace Format', () => {
  it('has a state for the beginning and one for every step, crash and restart', () => {
    expect(states).toHaveLength(changes.length + 1)
    expect(states.map((state) => state['#meta'].index)).toEqual(states.map((_, at) => at))
  })

  it('gives every variable a value in every state', () => {
    for (const state of states)
      expect(Object.keys(state).filter((name) => !['#meta', ...file.params].includes(name))).toEqual(file.vars)
  })

  it('sets its parameters in the first state', () => {
    expect(file.params.map((name) => states[0]?.[name])).toEqual([{ '#set': ['n1', 'n2', 'n3'] }, 'Nil'])
  })

  it('names the type of every variable', () => {
    expect(Object.keys(file['#meta']['varTypes'] as object)).toEqual(file.vars)
  })

  it('consists of expressions of the format', () => {
    const wrong: unknown[] = []
    const check = (value: unknown): void => {
      if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)) return
      if (typeof value !== 'object' || value === null) return void wrong.push(value)
      if (Array.isArray(value)) return value.forEach(check)
      const keys = Object.keys(value)
      if (keys.some((key) => key.startsWith('#')) && (keys.length > 1 || !['#map', '#set'].includes(keys[0] ?? '')))
        wrong.push(value)
      Object.values(value).forEach(check)
    }
    for (const state of states) for (const name of file.vars) check(state[name])
    expect(wrong).toEqual([])
  })

  it('comes in pieces no longer than a state', () => {
    expect([...toItf(trace).pieces].filter((piece) => piece.includes('"index":')).length).toBe(states.length)
  })
})

describe('its states', () => {
  const ended = [...replay(trace).states]
  const of = (variable: string) => {
    const values = at(states.at(-1), variable)
    return ended.map(([node]) => values[node])
  }

  it('are those of the servers', () => {
    const servers = ended.map(([, { server }]) => server)
    expect(of('currentTerm')).toEqual(servers.map(({ currentTerm }) => currentTerm))
    expect(of('votedFor')).toEqual(servers.map(({ votedFor }) => votedFor ?? 'Nil'))
    expect(of('commitIndex')).toEqual(servers.map(({ commitIndex }) => commitIndex))
    expect(of('lastApplied')).toEqual(servers.map(({ lastApplied }) => lastApplied))
  })

  it('name roles as the specification does', () => {
    const names = new Set(states.flatMap((state) => Object.values(at(state, 'state'))))
    expect(names).toEqual(new Set(['Follower', 'PreCandidate', 'Candidate', 'Leader']))
  })

  it('hold the entries after the compacted prefix', () => {
    const logs = of('log') as readonly (readonly Values[])[]
    expect(Math.max(...(of('snapshotIndex') as number[]))).toBeGreaterThan(0)
    expect(logs.map((log, node) => (of('snapshotIndex')[node] as number) + log.length)).toEqual(
      ended.map(([, { log }]) => log.lastIndex),
    )
    expect(logs.map((log) => log.at(-1)?.['term'])).toEqual(
      ended.map(([, { log }]) => (log.lastIndex === log.baseIndex ? undefined : log.lastTerm)),
    )
  })

  it('write commands as JSON and blank entries as a word', () => {
    const values = states.flatMap((state) => Object.values(at(state, 'log')).flat()) as { readonly value: string }[]
    const texts = new Set(values.map(({ value }) => value))
    expect(texts).toContain('noop')
    const commands = [...texts].filter((text) => text !== 'noop').map((text): unknown => JSON.parse(text))
    expect(commands).toContainEqual({ add: expect.any(Number) as number, text: 'ünïcode \u2028 🚀' })
  })

  it('know what followers hold for leaders alone', () => {
    let leaders = 0
    for (const state of states) {
      const matches = at(state, 'matchIndex') as Record<string, { '#map': [string, number][] }>
      const nexts = at(state, 'nextIndex') as Record<string, { '#map': [string, number][] }>
      for (const [node, role] of Object.entries(at(state, 'state'))) {
        const known = matches[node]?.['#map'] ?? []
        expect(known.length).toBe(role === 'Leader' ? 2 : 0)
        for (const [peer, match] of known) {
          leaders++
          expect(new Map(nexts[node]?.['#map']).get(peer)).toBeGreaterThan(match)
        }
      }
    }
    expect(leaders).toBeGreaterThan(100)
  })

  it('count votes among the answers', () => {
    let votes = 0
    for (const state of states)
      for (const [node, granted] of Object.entries(at(state, 'votesGranted'))) {
        votes += items(granted).length
        expect(items(at(state, 'votesResponded')[node])).toEqual(expect.arrayContaining([...items(granted)]))
      }
    expect(votes).toBeGreaterThan(0)
  })

  it('say which event led to them', () => {
    for (const [place, event] of changes.entries()) {
      const last = states[place + 1]?.last
      if (event.t !== 'in') expect(last).toMatchObject({ kind: event.kind, node: event.n })
      else if (event.m.type !== 'receive') expect(last).toMatchObject({ step: event.i, message: event.m.type })
      else expect(last).toMatchObject({ node: event.n, message: event.m.rpc.type, sender: event.m.from })
    }
  })

  it('keep what a server went down with until it is up again', () => {
    const crash = states.findIndex(({ last }) => last['kind'] === 'crash')
    const node = String(states[crash]?.last['node'])
    const back = states.findIndex(({ last }, place) => place > crash && last['kind'] === 'restart')
    expect(items(states[crash]?.['up'])).not.toContain(node)
    expect(at(states[crash], 'log')[node]).toEqual(at(states[crash - 1], 'log')[node])
    expect(items(states[back]?.['up'])).toContain(states[back]?.last['node'])
  })
})

describe('what is not a plain run', () => {
  const nil = nodeId('Nil')
  const late = nodeId('late')
  const birth = { id: nil, configuration: configurationOf([nil]) }
  const recorded = (record: (recorder: Recorder) => void): Trace => {
    const lines: string[] = []
    const recorder = new Recorder({ nodes: [nil, late], init: { Nil: birthOf(birth) } }, (line) => lines.push(line))
    record(recorder)
    recorder.end()
    return traceIn(lines.join('\n'))
  }

  it('a server that begins later stands as one that never ran', () => {
    const [first, second] = fileOf(
      recorded((recorder) =>
        recorder.fault({ kind: 'restart', at: 0, n: late, start: birthOf({ ...birth, id: late }) }),
      ),
    ).states
    expect([at(first, 'currentTerm')['late'], at(first, 'log')['late'], first?.['up']]).toEqual([
      0,
      [],
      { '#set': ['Nil'] },
    ])
    expect(second?.['up']).toEqual({ '#set': ['Nil', 'late'] })
  })

  it('a server may have the name that stands for none', () => {
    const [state] = fileOf(recorded(() => undefined)).states
    expect(state?.['Nil']).toBe('Nil_')
    expect(at(state, 'votedFor')['Nil']).toBe('Nil_')
  })

  it('states end where the replay does, and the file says why', () => {
    const tick = { type: 'tick' } as const
    const trace = recorded((recorder) => {
      recorder.step(nil, 1, tick, ...step(initial(birth), tick))
      recorder.fault({ kind: 'crash', at: 2, n: nil })
      recorder.step(nil, 3, tick, ...step(initial(birth), tick))
      recorder.fault({ kind: 'heal', at: 4 })
    })
    const { '#meta': meta, states } = fileOf(trace)
    expect(states.map(({ last }) => last['kind'])).toEqual(['init', 'step', 'crash'])
    expect(meta).toMatchObject({ status: 'invalid', stopped: 'at line 4: Nil is not running' })
  })

  it('violations that were seen are named', () => {
    const { '#meta': meta } = fileOf(
      recorded((recorder) => recorder.violation({ at: 1, i: 0, n: nil, claim: 'nobody is alone' })),
    )
    expect(meta['violations']).toEqual(['nobody is alone'])
  })
})
