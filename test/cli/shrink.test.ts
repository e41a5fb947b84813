import { existsSync, readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeTrace } from '../../src/trace/encode.ts'
import { replay } from '../../src/trace/replay.ts'
import { traceIn } from '../trace/support.ts'
import { parsed, raft } from './process.ts'
import { witnessTrace } from '../trace/witness.ts'
import { brokenTrace, scratch, soundTrace } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const broken = files.file('broken.jsonl', brokenTrace())
const sound = traceIn(soundTrace())

describe('raft shrink', () => {
  it('writes a small trace with the same violation', () => {
    const small = files.path('small.jsonl')
    const { status, lines, stderr } = raft(['shrink', broken, '-o', small, '--json'])
    expect([status, stderr]).toEqual([0, ''])
    const [summary] = parsed(lines) as readonly {
      readonly claim: string
      readonly after: { readonly events: number }
    }[]
    expect(summary).toMatchObject({ type: 'summary', isMinimal: true, output: small })
    expect(summary?.after.events).toBeLessThan(25)
    const { ending } = replay(traceIn(readFileSync(small, 'utf8')), { claims: true })
    expect(ending).toMatchObject({ type: 'violated', claim: summary?.claim })
    const again = raft(['replay', small])
    expect(again.status).toBe(1)
    expect(again.stdout).toContain(`✗ ${summary?.claim ?? ''}`)
  })

  it('packs what ends in .gz, keeps to its runs, and tells people what it did', () => {
    const small = files.path('small.jsonl.gz')
    const { status, stdout } = raft(['shrink', broken, '-o', small, '--runs', '10'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/shrunk \d+→\d+ events, \d→\d nodes \(10 runs, not finished/)
    expect(readFileSync(small).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    expect(raft(['replay', small]).status).toBe(1)
  })

  it('refuses a sound trace with 65, and one whose violation nobody can reproduce with 2', () => {
    const nothing = raft(['shrink', files.file('sound.jsonl', encodeTrace(sound)), '-o', files.path('none')])
    expect(nothing).toMatchObject({ status: 65 })
    const events = [...sound.events, { t: 'viol', at: 0, i: 5, claim: 'a claim of somebody else' } as const]
    const file = files.file('told.jsonl', encodeTrace({ ...sound, events }))
    const told = raft(['shrink', file, '-o', files.path('none')])
    expect(told.status).toBe(2)
    expect(told.stderr).toContain('a claim of somebody else')
    expect(raft(['replay', file])).toMatchObject({ status: 1 })
  })

  it('refuses what makes no sense with 64', () => {
    for (const args of [[broken], [broken, '-o'], [broken, '-o', 'x', '--runs', '0'], ['-o', 'x']])
      expect(raft(['shrink', ...args]).status, args.join(' ')).toBe(64)
  })

  it('finds out before the search that the result cannot be written, and leaves no file where it fails', () => {
    // A trace that cannot be read is found later: the order shows that the output was tried first.
    const both = raft(['shrink', files.path('missing'), '-o', files.path('no/such/directory')])
    expect([both.status, both.stderr]).toEqual([65, expect.stringContaining('no/such/directory')])
    expect(raft(['shrink', files.path('missing'), '-o', files.path('fresh')]).status).toBe(65)
    expect(existsSync(files.path('fresh'))).toBe(false)
    const kept = files.file('kept', 'something')
    expect(raft(['shrink', files.path('missing'), '-o', kept]).status).toBe(65)
    expect(readFileSync(kept, 'utf8')).toBe('something')
  })

  it('writes a trace that violates when a server without events is part of the proof', () => {
    const small = files.path('witness-small.jsonl')
    expect(raft(['shrink', files.file('witness.jsonl', witnessTrace()), '-o', small]).status).toBe(0)
    expect(raft(['replay', small]).status).toBe(1)
  })
})
