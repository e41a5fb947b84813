import { describe, expect, it } from 'vitest'
import { checksum } from '../../src/core/checksum.ts'
import { decodeTrace } from '../../src/trace/decode.ts'
import { RecordedCluster } from './cluster.ts'
import { problemIn, traceIn } from './support.ts'

const { text, lines } = new RecordedCluster({ seed: 5, events: 300 }).run()

/** The lines with right checksums, whatever they say. */
const sealed = (values: readonly object[]): string => {
  let sum = 0
  return values
    .map((value) => {
      const body = JSON.stringify({ ...value, c: undefined }).slice(0, -1)
      sum = checksum(body, sum)
      return `${body},"c":${sum}}\n`
    })
    .join('')
}

const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
const stepAt = objects.findIndex((line) => line['t'] === 'in')
/** One line of the trace changed, all checksums right. */
const edited = (at: number, change: (line: Record<string, unknown>) => object): string =>
  sealed(objects.map((line, place) => (place === at ? change(line) : line)))

describe('a trace', () => {
  it('is accepted as it was written, with or without the last line feed', () => {
    expect(problemIn(text)).toBeNull()
    expect(problemIn(text.trimEnd())).toBeNull()
    expect(sealed(objects)).toBe(text)
  })

  it.each([
    ['', 1, 'is not a trace: there is no header'],
    ['hello\n', 1, 'is not a trace: the first line is no header'],
    ['[]\n', 1, 'is not a trace: the first line is no header'],
    ['{"type":"invoke"}\n', 1, 'is not a trace: the first line is no header'],
    ['{"t":"hdr","v":3,"c":1}\n', 1, 'version 3 of the format is newer than this program, which reads 2'],
    ['{"t":"hdr","c":1}\n', 1, 'is not a trace: the version of its format is not known'],
    ['{"t":"hdr","v":2}\n', 1, 'does not close with its checksum'],
    [`${text}{}\n`, lines.length + 1, 'nothing follows the end of a trace'],
    [`${text}\n`, lines.length + 1, 'nothing follows the end of a trace'],
    [text.replaceAll('\n', '\r\n'), 1, 'does not close with its checksum'],
    [lines.slice(0, -1).join('\n'), lines.length, 'the trace is truncated: its last line is missing'],
  ])('%#', (wrong, line, reason) => {
    expect(problemIn(wrong)).toEqual({ line, reason })
  })

  it.each<readonly [string, number, (line: Record<string, unknown>) => object, string]>([
    ['unknown node', stepAt, (line) => ({ ...line, n: 'n9' }), 'n9 is not one of the nodes'],
    ['wrong number', stepAt, (line) => ({ ...line, i: 1 }), 'step 1 stands where step 0 is due'],
    ['unknown field', stepAt, (line) => ({ ...line, extra: 1 }), 'the line.extra is not known'],
    ['missing field', stepAt, (line) => ({ ...line, at: undefined }), 'the line.at is missing'],
    ['unknown message', stepAt, (line) => ({ ...line, m: { type: 'jump' } }), 'the line.m.type "jump" is not known'],
    [
      'bad field deep inside',
      stepAt,
      (line) => ({ ...line, m: { type: 'saved', sequence: -1, lastIndex: 0 } }),
      'the line.m.sequence is not a whole number, 0 or more',
    ],
    ['unknown line', stepAt, (line) => ({ ...line, t: 'inn' }), 'the line.t "inn" is not known'],
    ['cause to come', stepAt, (line) => ({ ...line, src: 5 }), 'in.src is not an earlier step'],
    [
      'missing blob',
      stepAt,
      (line) => ({
        ...line,
        m: {
          type: 'objectRead',
          to: 'n2',
          transferId: 1,
          objectId: 0,
          data: { blob: '0'.repeat(64) },
          nextObjectId: null,
        },
      }),
      `there is no blob ${'0'.repeat(64)}`,
    ],
    [
      'false blob',
      stepAt,
      () => ({ t: 'blob', sha256: '0'.repeat(64), bytes: 1, data: 'x' }),
      'the digest of the blob is wrong',
    ],
    ['two of a name', 0, (line) => ({ ...line, nodes: ['n1', 'n1'] }), 'hdr.nodes names a node twice'],
    ['stranger', 0, (line) => ({ ...line, nodes: ['n1', 'n2'] }), 'hdr.init.n3 is not one of the nodes'],
    ['no option', 0, (line) => ({ ...line, options: { preVotes: true } }), 'hdr.options.preVotes is not known'],
    ['steps', objects.length - 1, (line) => ({ ...line, steps: 1 }), `the end counts 1 steps, there are ${stepsIn()}`],
  ])('is refused for its content though its checksums are right: %s', (_, at, change, reason) => {
    expect(problemIn(edited(at, change))).toEqual({ line: at + 1, reason })
  })

  it('is taken for what there is of it, if that is asked for', () => {
    for (const cut of [text.length - 1, text.length - 40, Math.floor(text.length / 2)]) {
      const decoded = decodeTrace(text.slice(0, cut), { partial: true })
      if ('error' in decoded) throw new Error(decoded.error.reason)
      const whole = traceIn(text)
      expect(whole.events.slice(0, decoded.trace.events.length)).toEqual(decoded.trace.events)
    }
    // Damage before the last line is no cut.
    const damaged = [...lines.slice(0, 10), ...lines.slice(11)].join('\n')
    expect(problemIn(damaged, true)).toMatchObject({ line: 11 })
  })
})

function stepsIn(): number {
  return objects.filter((line) => line['t'] === 'in').length
}
