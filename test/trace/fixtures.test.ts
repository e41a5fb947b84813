import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { kvService } from '../../src/sim/kv-service.ts'
import { simulate } from '../../src/sim/simulate.ts'
import { PROFILES } from '../../src/sim/simulation.ts'
import { replay } from '../../src/trace/replay.ts'
import { RecordedCluster } from './cluster.ts'
import { traceIn } from './support.ts'

/*
 * Traces of an earlier day, kept to notice when the reducer comes to other states than it did: a change of names and of
 * files must not. Where a change of behaviour is meant, RAFT_FIXTURES=write records them again, and its commit says why.
 */

const HOME = fileURLToPath(new URL('../fixtures/traces/', import.meta.url))
const SEEDS = [1, 2, 3, 4, 5]
const STEPS = 1_200

const record = (): void => {
  mkdirSync(HOME, { recursive: true })
  const write = (name: string, text: string): void =>
    writeFileSync(`${HOME}${name}.jsonl.gz`, gzipSync(text, { level: 9 }))
  for (const profile of PROFILES)
    for (const seed of SEEDS) {
      const lines: string[] = []
      simulate(kvService, { seed, profile, nodes: 3, steps: STEPS, onLine: (line) => lines.push(`${line}\n`) })
      write(`${profile}-${seed}`, lines.join(''))
    }
  // Disks that forget break what Raft rests on: a trace with a violation.
  for (let seed = 1; ; seed++) {
    const { text } = new RecordedCluster({ seed, events: 1_500, amnesia: true }).run()
    if (replay(traceIn(text), { claims: true }).ending.type !== 'violated') continue
    return write('amnesia', text)
  }
}

if (process.env['RAFT_FIXTURES'] === 'write') record()

const names = readdirSync(HOME).sort()
const traceOf = (name: string) => traceIn(gunzipSync(readFileSync(`${HOME}${name}`)).toString())

describe('a trace of an earlier day', () => {
  it('is there for each profile, and with a violation', () => {
    expect(names).toHaveLength(PROFILES.length * SEEDS.length + 1)
  })

  it.each(names.filter((name) => !name.startsWith('amnesia')))(
    '%s replays to the same states, and breaks no claim',
    (name) => {
      const { ending, hashesCompared } = replay(traceOf(name), { claims: true })
      expect(ending).toEqual({ type: 'complete' })
      expect(hashesCompared).toBeGreaterThan(8)
    },
  )

  it('of disks that forget replays to the same states, and to the same violation', () => {
    const trace = traceOf('amnesia.jsonl.gz')
    expect(replay(trace).ending).toEqual({ type: 'complete' })
    expect(replay(trace, { claims: true }).ending).toMatchObject({ type: 'violated' })
  })

  it('shows installs and restarts', () => {
    const events = names.flatMap((name) => traceOf(name).events)
    const count = (holds: (event: (typeof events)[number]) => boolean): number => events.filter(holds).length
    expect(count((event) => event.t === 'in' && event.m.type === 'snapshotInstalled')).toBeGreaterThan(3)
    expect(count((event) => event.t === 'fault' && event.kind === 'restart')).toBeGreaterThan(20)
  })
})
