import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { Recorder } from '../../src/trace/record.ts'
import { nodeId } from '../../src/core/ids.ts'
import { parsed, raft } from './process.ts'
import { scratch } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const write = { op: 'write', key: 'x', value: 1, start: 0, end: 1 }
const read = (value: unknown, start: number) => ({ op: 'read', key: 'x', value, start, end: start + 1 })
const GOOD = [write, read(1, 2)]
const BAD = [write, read(null, 2)]
const jsonLines = (items: readonly unknown[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('')

describe('raft check', () => {
  it.each([
    ['an array', JSON.stringify(GOOD, null, 2)],
    ['an object around one', JSON.stringify({ history: GOOD })],
    ['JSON Lines', jsonLines(GOOD)],
    ['JSON Lines with empty lines', `\n${jsonLines(GOOD)}\n`],
    ['a single line', jsonLines([write])],
    ['gzip', gzipSync(jsonLines(GOOD))],
  ])('reads %s', (_, content) => {
    const { status, lines, stderr } = raft(['check', files.file('good', content)])
    expect([status, stderr]).toEqual([0, ''])
    expect(lines[0]).toMatch(/^linearizable: \d operations?s?, \d+ steps$/)
  })

  it('ends with 1 when no order explains the answers, and shows them', () => {
    const bad = files.file('bad', JSON.stringify(BAD))
    const { status, stdout } = raft(['check', bad, '--model', 'kv'])
    expect(status).toBe(1)
    expect(stdout).toContain('✗ not linearizable: key "x"')
    const { lines } = raft(['check', bad, '--json'])
    expect(parsed(lines)).toMatchObject([{ type: 'summary', result: 'violation', key: 'x', operations: 2 }])
  })

  it('compares numbers by what they are, and writes them so', () => {
    const [big, next] = ['9007199254740993', '9007199254740992']
    const lines = (value: string) => `{"op":"write","value":${big}}\n{"op":"read","value":${value}}\n`
    expect(raft(['check', files.file('exact', lines(big))]).status).toBe(0)
    const { status, stdout } = raft(['check', files.file('rounded', lines(next)), '--json'])
    expect(status).toBe(1)
    expect(stdout).toContain(`{"kind":"put","key":"x","value":${big}}`)
  })

  it('ends with 2 when the steps do not suffice', () => {
    const many = Array.from({ length: 12 }, (_, at) => ({ ...write, value: at, end: 100 }))
    const hard = files.file('hard', JSON.stringify([...many, read(99, 200)]))
    const { status, stdout } = raft(['check', hard, '--steps', '5'])
    expect([status, stdout.slice(0, 8)]).toEqual([2, 'unknown:'])
  })

  it.each([
    ['', ': is empty'],
    ['[1,', ': is not JSON'],
    ['"text"', ': a history is an array'],
    ['{"a":1}\n{"b"', ':2: is not JSON'],
    [jsonLines([write, { op: 'dance' }]), ':2: the operation is "dance"'],
    [`\n${jsonLines([{ op: 'dance' }])}`, ':2: the operation is "dance"'],
    [JSON.stringify([write, 5]), ': item 2: is not an object'],
    [JSON.stringify([{ ...write, end: -1 }]), ': item 1: ends at -1'],
  ])('refuses bad input with 65 and says where: %j', (content, reason) => {
    const { status, stdout, stderr } = raft(['check', files.file('wrong', content)])
    expect([status, stdout]).toEqual([65, ''])
    expect(stderr).toContain(reason)
  })

  it('reads the operations of a trace', () => {
    const lines: string[] = []
    const recorder = new Recorder({ nodes: [nodeId('n1')], init: {} }, (line) => lines.push(line))
    const say = (kind: 'invoke' | 'ok', value: object): void =>
      recorder.operation({ at: lines.length, kind, client: 'c1', value: { ...value } })
    say('invoke', { f: 'write', key: 'x', value: 1 })
    say('ok', { f: 'write', key: 'x', value: 1 })
    say('invoke', { f: 'read', key: 'x' })
    say('ok', { f: 'read', key: 'x', value: 2 })
    recorder.end()
    expect(raft(['check', files.file('trace', lines.join('\n'))]).status).toBe(1)
  })

  it('refuses what makes no sense with 64', () => {
    for (const args of [[], ['x', '--model', 'queue'], ['x', '--steps', 'many'], ['x', '--steps', '0']])
      expect(raft(['check', ...args]).status, args.join(' ')).toBe(64)
    expect(raft(['check', files.path('nowhere')]).status).toBe(65)
  })
})
