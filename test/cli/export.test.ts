import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeTrace } from '../../src/trace/encode.ts'
import { toItf } from '../../src/trace/export/itf.ts'
import { toPerfetto } from '../../src/trace/export/perfetto.ts'
import { toShiviz } from '../../src/trace/export/shiviz.ts'
import { traceIn } from '../trace/support.ts'
import { raft } from './process.ts'
import { scratch, soundTrace } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const text = soundTrace()
const file = files.file('sound.jsonl', text)
const itf = [...toItf(traceIn(text)).pieces].join('')

/** The steps that the states of an ITF file come from. */
const stepsIn = (output: string): readonly number[] => {
  const { states } = JSON.parse(output) as { readonly states: readonly { readonly last: { readonly step: number } }[] }
  return states.map(({ last }) => last.step).filter((step) => step >= 0)
}

describe('raft export', () => {
  it('writes ShiViz logs and Perfetto traces', () => {
    expect(raft(['export', file, '--to', 'shiviz'])).toMatchObject({ status: 0, stdout: toShiviz(traceIn(text)) })
    const path = files.path('trace.json')
    expect(raft(['export', file, '--to', 'perfetto', '-o', path])).toMatchObject({ status: 0, stdout: '' })
    expect(readFileSync(path, 'utf8')).toBe(toPerfetto(traceIn(text)))
  })

  it('writes the Informal Trace Format', () => {
    const path = files.path('trace.itf.json')
    expect(raft(['export', file, '--to', 'itf', '-o', path])).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(readFileSync(path, 'utf8')).toBe(itf)
  })

  it('packs a file whose name says so', () => {
    const path = files.path('trace.itf.json.gz')
    expect(raft(['export', file, '--to', 'itf', '-o', path])).toMatchObject({ status: 0, stdout: '' })
    expect(gunzipSync(readFileSync(path)).toString()).toBe(itf)
  })

  it('leaves out what comes after the step that --until names', () => {
    const { stdout } = raft(['export', file, '--to', 'itf', '--until', '9'])
    expect(stepsIn(stdout)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('says where the states end if the replay cannot go on', () => {
    const trace = traceIn(text)
    const [first] = trace.events.flatMap((event) => (event.t === 'in' ? [event] : []))
    if (first === undefined) throw new Error('a run has steps')
    const crash = { t: 'fault', kind: 'crash', at: 0, n: first.n } as const
    const dead = files.file('dead.jsonl', encodeTrace({ ...trace, events: [crash, first], end: null }))
    expect(raft(['export', dead, '--to', 'itf', '--partial'])).toMatchObject({
      status: 0,
      stderr: 'raft export: the states end before line 3: the replay cannot go on there\n',
    })
  })

  it('refuses what makes no sense with 64', () => {
    for (const args of [[file], [file, '--to', 'tla'], ['--to', 'shiviz'], [file, '--to', 'itf', '--until', 'x']])
      expect(raft(['export', ...args]).status, args.join(' ')).toBe(64)
  })

  it('refuses bad input, and a place where nothing can be written, with 65', () => {
    expect(raft(['export', files.file('foreign', 'x\n'), '--to', 'shiviz'])).toMatchObject({ status: 65, stdout: '' })
    for (const name of ['nowhere/x.json', 'nowhere/x.json.gz'])
      expect(raft(['export', file, '--to', 'itf', '-o', files.path(name)])).toMatchObject({ status: 65, stdout: '' })
  })
})
