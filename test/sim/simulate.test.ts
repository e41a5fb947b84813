import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { kvService } from '../../src/sim/kv-service.ts'
import { simulateKv } from '../../src/sim/simulate-kv.ts'
import { simulate } from '../../src/sim/simulate.ts'
import { PROFILES, type Profile, type SimulationOptions, type SimulationReport } from '../../src/sim/simulation.ts'
import { MARK_NAMES, type Mark } from '../../src/trace/checker/index.ts'
import { replay } from '../../src/trace/replay.ts'
import { traceIn } from '../trace/support.ts'
import { sumService } from './services.ts'

const seeds = (count: number): readonly number[] => Array.from({ length: count }, (_, seed) => seed)

/** A run with the trace it wrote. */
const recorded = (options: SimulationOptions): { report: SimulationReport; text: string } => {
  const lines: string[] = []
  const report = simulateKv({ ...options, onLine: (line) => void lines.push(line) })
  return { report, text: lines.map((line) => `${line}\n`).join('') }
}

describe('a bounded campaign', () => {
  const CALM: readonly Mark[] = [
    'leader elected',
    'append refused',
    'entries resent',
    'snapshot taken',
    'log compacted',
    'read served',
    'message overtaken',
  ]
  const LOSSY: readonly Mark[] = [
    ...CALM,
    'split vote',
    'vote refused to a log behind',
    'quorum lost',
    'old term committed by a later one',
    'read before the first commit',
    'command retried',
    'message lost',
    'message duplicated',
    'link clogged',
    'partition healed',
    'one-way link',
  ]
  const CRASHES: readonly Mark[] = ['suffix overwritten', 'crashed', 'unsaved suffix lost', 'disk full']
  const TRANSFERS: readonly Mark[] = ['snapshot installed', 'log dropped at install', 'object resent']

  /** What so few seeds reach many times over. Rarer ones take a longer campaign. */
  const EXPECTED: Readonly<Record<Profile, readonly Mark[]>> = {
    calm: CALM,
    lossy: LOSSY,
    chaos: [...LOSSY, ...CRASHES, 'write failed', 'server paused'],
    snapshots: [...LOSSY.filter((mark) => mark !== 'one-way link'), ...CRASHES, ...TRANSFERS],
  }

  const OF_SERVERS: readonly Mark[] = ['disk full', 'write failed', 'server paused', 'crashed between outputs']

  /** What must never happen there. */
  const EXCLUDED: Readonly<Record<Profile, readonly Mark[]>> = {
    calm: [...OF_SERVERS, 'message duplicated', 'link clogged', 'one-way link', 'partition healed'],
    lossy: OF_SERVERS,
    chaos: [],
    snapshots: ['one-way link', 'write failed', 'server paused'],
  }

  it.each(PROFILES)('of five servers is clean, and reaches what it is about: %s', (profile) => {
    const reached = new Set<Mark>()
    for (const seed of seeds(30)) {
      const report = simulateKv({ seed, profile, steps: 2_500, claims: 'cheap' })
      expect(report.finding, `seed ${seed}`).toBeNull()
      expect(report.steps).toBeGreaterThanOrEqual(2_500)
      expect(report.operations).toBeGreaterThan(0)
      for (const mark of MARK_NAMES) if (report.marks[mark] > 0) reached.add(mark)
    }
    expect(EXPECTED[profile].filter((mark) => !reached.has(mark))).toEqual([])
    expect(EXCLUDED[profile].filter((mark) => reached.has(mark))).toEqual([])
  })

  it.each([1, 2, 3, 4])('of %d servers is clean, every claim checked', (nodes) => {
    for (const profile of PROFILES)
      for (const seed of seeds(3)) {
        const report = simulateKv({ seed, nodes, profile, steps: 1_000 })
        expect(report.finding, `${profile}, seed ${seed}`).toBeNull()
        expect(report).toMatchObject({ seed, nodes, profile })
      }
  })
})

describe('determinism', () => {
  it.each(PROFILES)('gives equal reports and traces for equal options: %s', (profile) => {
    const [one, other] = [1, 2].map(() => recorded({ seed: 11, profile, steps: 1_000 }))
    expect(one?.report).toEqual(other?.report)
    expect(one?.text === other?.text).toBe(true)
  })

  it('gives other runs for other seeds', () => {
    const runs = seeds(5).map((seed) => recorded({ seed, steps: 300 }))
    expect(new Set(runs.map(({ report }) => report.digest)).size).toBe(5)
    expect(new Set(runs.map(({ text }) => text)).size).toBe(5)
  })

  it('gives other runs for other profiles, servers and lengths', () => {
    const options: readonly Partial<SimulationOptions>[] = [{}, { profile: 'calm' }, { nodes: 3 }, { steps: 301 }]
    const digests = options.map((each) => simulateKv({ seed: 1, steps: 300, ...each }).digest)
    expect(new Set(digests).size).toBe(4)
  })

  it.each(PROFILES)('does not depend on being recorded, or on how much is checked: %s', (profile) => {
    const options = { seed: 5, profile, steps: 1_500 }
    const report = simulateKv(options)
    expect(recorded(options).report).toEqual(report)
    expect(simulateKv({ ...options, claims: 'cheap' })).toEqual(report)
    expect(simulateKv({ ...options, nodes: 5, claims: 'all' })).toEqual(report)
  })

  it('asks for a new service every run', () => {
    let made = 0
    const service = () => {
      made++
      return kvService()
    }
    const [one, other] = [1, 2].map(() => simulate(service, { seed: 3, steps: 300 }))
    expect(one).toEqual(other)
    expect(made).toBe(2)
  })
})

describe('the trace of a run', () => {
  it.each(PROFILES)('goes through again, step by step, with every claim: %s', (profile) => {
    const { report, text } = recorded({ seed: 7, profile, steps: 1_500, claims: 'cheap' })
    const again = replay(traceIn(text), { claims: true })
    expect(again.ending).toEqual({ type: 'complete' })
    expect(again.steps).toBe(report.steps)
    expect(again.hashesCompared).toBeGreaterThan(0)
    expect(again.recorded).toEqual([])
  })

  it('tells what clients asked and were told', () => {
    const { report, text } = recorded({ seed: 7, profile: 'calm', steps: 500 })
    const told = traceIn(text).events.filter((event) => event.t === 'op')
    expect(told.filter(({ kind }) => kind !== 'invoke')).toHaveLength(report.operations)
    expect(told.filter(({ kind }) => kind === 'invoke').length).toBeGreaterThanOrEqual(report.operations)
  })

  it('tells of the finding, if there is one', () => {
    const lines: string[] = []
    const judge = () => 'nothing is ever right'
    const options = { seed: 1, profile: 'calm', steps: 300, onLine: (line: string) => void lines.push(line) } as const
    const { finding, steps } = simulate(sumService({}, judge), options)
    const again = replay(traceIn(`${lines.join('\n')}\n`), { claims: true })
    expect(again.ending).toEqual({ type: 'complete' })
    expect(again.recorded).toMatchObject([{ claim: 'nothing is ever right', i: steps - 1 }])
    expect(finding?.step).toBe(steps - 1)
  })
})

describe('options out of bounds', () => {
  it.each<[string, object]>([
    ['seed', { seed: -1 }],
    ['seed', { seed: 2 ** 32 }],
    ['seed', { seed: 0.5 }],
    ['nodes', { nodes: 0 }],
    ['nodes', { nodes: 10 }],
    ['nodes', { nodes: Number.NaN }],
    ['steps', { steps: 0 }],
    ['steps', { steps: 1.5 }],
    ['profile', { profile: 'mild' }],
    ['claims', { claims: 'some' }],
  ])('are refused by name: %s of %o', (name, wrong) => {
    const run = () => simulateKv({ seed: 1, steps: 10, ...wrong })
    expect(run).toThrow(UsageError)
    expect(run).toThrow(name)
  })
})
