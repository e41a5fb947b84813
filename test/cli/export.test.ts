import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { toPerfetto } from '../../src/trace/export-perfetto.ts'
import { toShiviz } from '../../src/trace/export-shiviz.ts'
import { traceIn } from '../trace/support.ts'
import { raft } from './process.ts'
import { scratch, soundTrace } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const text = soundTrace()
const file = files.file('sound.jsonl', text)

describe('raft export', () => {
  it('writes ShiViz logs and Perfetto traces', () => {
    expect(raft(['export', file, '--to', 'shiviz'])).toMatchObject({ status: 0, stdout: toShiviz(traceIn(text)) })
    const path = files.path('trace.json')
    expect(raft(['export', file, '--to', 'perfetto', '-o', path])).toMatchObject({ status: 0, stdout: '' })
    expect(readFileSync(path, 'utf8')).toBe(toPerfetto(traceIn(text)))
  })

  it('refuses what makes no sense with 64, and bad input with 65', () => {
    for (const args of [[file], [file, '--to', 'tla'], ['--to', 'shiviz']])
      expect(raft(['export', ...args]).status, args.join(' ')).toBe(64)
    expect(raft(['export', files.file('foreign', 'x\n'), '--to', 'shiviz'])).toMatchObject({ status: 65, stdout: '' })
  })
})
