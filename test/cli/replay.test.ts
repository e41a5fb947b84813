import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeTrace } from '../../src/trace/encode.ts'
import { replay } from '../../src/trace/replay.ts'
import { traceIn } from '../trace/support.ts'
import { parsed, raft } from './process.ts'
import { brokenTrace, scratch, soundTrace } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

const text = soundTrace()
const trace = traceIn(text)
const sound = files.file('sound.jsonl', text)
const { steps, hashesCompared, states } = replay(trace)

describe('raft replay', () => {
  it('takes every step and says so', () => {
    const { status, lines, stderr } = raft(['replay', sound])
    expect([status, stderr]).toEqual([0, ''])
    expect(lines.at(-1)).toBe(`${steps} steps replayed, ${hashesCompared} hashes agree`)
    expect(lines).toHaveLength(states.size + 1)
  })

  it('reads gzip', () => {
    const { status, lines } = raft(['replay', files.file('packed', gzipSync(text)), '--json'])
    expect(status).toBe(0)
    expect(parsed(lines)).toMatchObject([{ type: 'summary', result: 'complete', steps, recorded: [] }])
  })

  it('prints a line for each step, of one node if asked', () => {
    const all = raft(['replay', sound, '--print', 'lines', '--until', '40'])
    expect(all.lines.filter((line) => /^ +\d+ {2}n\d /.test(line))).toHaveLength(41)
    const own = raft(['replay', sound, '--print', 'lines', '--node', 'n2', '--json'])
    const printed = parsed(own.lines).slice(0, -1)
    expect(printed).toHaveLength(trace.events.filter((event) => event.t === 'in' && event.n === 'n2').length)
    expect(printed[0]).toMatchObject({ type: 'step', n: 'n2' })
  })

  it('prints the state that was reached', () => {
    const { lines } = raft(['replay', sound, '--print', 'state', '--node', 'n1', '--until', '300', '--json'])
    const reached = replay(trace, { until: 300 }).states
    const [state, summary] = parsed(lines)
    expect(state).toEqual({ type: 'state', n: 'n1', state: plain(reached.get(n1())) })
    expect(summary).toMatchObject({ type: 'summary', steps: 301 })
  })

  it('prints what the last step changed and put out', () => {
    let last: unknown = null
    replay(trace, { until: 50, onStep: ({ outputs }) => (last = outputs) })
    const outputs = raft(['replay', sound, '--print', 'outputs', '--until', '50', '--json'])
    expect(parsed(outputs.lines)[0]).toEqual({ type: 'outputs', i: 50, n: nodeOf(50), outputs: plain(last) })
    const diff = raft(['replay', sound, '--print', 'diff', '--until', '50'])
    expect(diff.lines[0]).toMatch(/^50 {2}n\d /)
  })

  it('ends with 1 at a violation and says where', () => {
    const broken = files.file('broken.jsonl', brokenTrace())
    const { status, stdout } = raft(['replay', broken])
    expect(status).toBe(1)
    expect(stdout).toContain('✗ a server remembers every term it ever spoke of')
    expect(stdout).toMatch(/ n\d is born among n1,n2,n3/)
    expect(stdout).toMatch(/step \d+, line \d+/)
    expect(raft(['replay', broken, '--no-claims']).status).toBe(0)
  })

  it('ends with 1 at a divergence and says where', () => {
    const at = trace.events.findIndex((event) => event.t === 'in' && event.h !== undefined && event.i > 100)
    const event = trace.events[at]
    if (event?.t !== 'in') throw new Error('no hash')
    const wrong = { ...trace, events: trace.events.with(at, { ...event, h: '0123456789abcdef' }) }
    const { status, stdout } = raft(['replay', files.file('wrong.jsonl', encodeTrace(wrong))])
    expect(status).toBe(1)
    expect(stdout).toContain(`✗ diverged at step ${event.i}, line `)
    expect(stdout).toContain(`expected 0123456789abcdef, got ${event.h}`)
  })

  it('refuses damaged, foreign and missing files with 65', () => {
    const damaged = text.replace('"type":"tick"', '"type":"tock"')
    const line = damaged.split('\n').findIndex((each) => each.includes('tock')) + 1
    const refused = raft(['replay', files.file('damaged.jsonl', damaged)])
    expect([refused.status, refused.stdout]).toEqual([65, ''])
    expect(refused.stderr).toContain(`damaged.jsonl:${line}: the checksum is wrong`)
    expect(raft(['replay', files.file('foreign', '{"a":1}\n')])).toMatchObject({ status: 65 })
    expect(raft(['replay', files.file('packed.gz', Buffer.from([0x1f, 0x8b, 1, 2, 3]))])).toMatchObject({ status: 65 })
    expect(raft(['replay', files.path('nowhere')])).toMatchObject({ status: 65 })
    expect(raft(['replay', sound, '--node', 'n9'])).toMatchObject({ status: 65 })
  })

  it('takes a trace that was cut short only if told to', () => {
    const cut = files.file('cut.jsonl', text.slice(0, text.length / 2))
    expect(raft(['replay', cut])).toMatchObject({ status: 65 })
    expect(raft(['replay', cut, '--partial'])).toMatchObject({ status: 0 })
  })

  it('refuses what makes no sense with 64, and helps', () => {
    for (const args of [[], [sound, sound], [sound, '--print', 'all'], [sound, '--until', '-1'], [sound, '--what']])
      expect(raft(['replay', ...args]).status, args.join(' ')).toBe(64)
    for (const verb of ['replay', 'shrink', 'check', 'export']) {
      const { status, stdout, stderr } = raft([verb, '--help'])
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain(`Usage: raft ${verb} `)
      expect(raft(['--help']).stdout).toContain(`\n  ${verb} `)
    }
  })
})

/** As it comes out of JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown
}

function n1() {
  const [name] = trace.header.nodes
  if (name === undefined) throw new Error('a trace has nodes')
  return name
}

function nodeOf(i: number): string | undefined {
  const event = trace.events.find((candidate) => candidate.t === 'in' && candidate.i === i)
  return event?.t === 'in' ? event.n : undefined
}
