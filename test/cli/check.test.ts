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

  it('ends with 2 when the steps do not suffice, and says what might', () => {
    const swap = { op: 'cas', key: 'x', start: 2, end: 100, result: true }
    const there = Array.from({ length: 8 }, () => ({ ...swap, from: 1, to: 2 }))
    const back = Array.from({ length: 6 }, () => ({ ...swap, from: 2, to: 1 }))
    const hard = files.file('hard', JSON.stringify([write, ...there, ...back]))
    const { status, stdout } = raft(['check', hard, '--steps', '5'])
    expect([status, stdout.slice(0, 8)]).toEqual([2, 'unknown:'])
    expect(stdout).toMatch(/of 15 operations, of which up to 14 are concurrent; .*so may a higher --steps\n$/)
  })

  const event = (type: string, process: number | string, value: string, f = 'write'): string =>
    `{:type :${type}, :f :${f}, :value ${value}, :process ${process}}\n`

  it.each([
    ['1', 0],
    ['2', 1],
  ])("reads Jepsen's EDN: a read of %s", (value, expected) => {
    const lines = [
      event('info', ':nemesis', 'nil', 'start'),
      event('invoke', 0, '1'),
      event('ok', 0, '1'),
      event('invoke', 1, 'nil', 'read'),
      event('ok', 1, value, 'read'),
    ]
    expect(raft(['check', files.file('history.edn', lines.join(''))]).status).toBe(expected)
    expect(raft(['check', files.file('vector.edn', `[${lines.join('')}]`)]).status).toBe(expected)
  })

  it('refuses other workloads of Jepsen by name, with the line', () => {
    const list = event('ok', 0, '1') + event('invoke', 0, '[[:append 1 2]]', 'txn')
    const { status, stderr } = raft(['check', files.file('txn.edn', event('invoke', 0, '1') + list)])
    expect(status).toBe(65)
    expect(stderr).toContain(':3: the operation is "txn"; expected read, write, cas or delete')
  })

  it("reads porcupine's operations", () => {
    const put = { ClientId: 0, Input: { Op: 1, Key: 'a', Value: 'v' }, Call: 0, Output: { Value: '' }, Return: 1 }
    const get = { ClientId: 1, Input: { Op: 0, Key: 'a', Value: '' }, Call: 2, Output: { Value: '' }, Return: 3 }
    expect(raft(['check', files.file('stale.json', JSON.stringify([put, get]))]).status).toBe(1)
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
