import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeTrace } from '../src/trace/decode.ts'
import { replay } from '../src/trace/replay.ts'
import { RecordedCluster } from '../test/trace/cluster.ts'
import { problemIn, traceIn } from '../test/trace/support.ts'

/*
 * Whatever happens to the text of a trace is noticed, at the line where it happened: every line closes with a checksum
 * of all text up to it.
 */

const texts = [1, 4, 5].map((seed) => new RecordedCluster({ seed, events: 400 }).run().text)
const anyText = fc.constantFrom(...texts)
const lineAt = (text: string, position: number): number => text.slice(0, position).split('\n').length

describe('damage to a trace', () => {
  it('of one character is found at its line', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.nat(),
        fc.oneof(fc.constantFrom('', '0', '1', '9', '"', '{', '}', ',', ' ', '\n', 'x'), fc.string({ maxLength: 3 })),
        fc.boolean(),
        (text, place, put, replaces) => {
          const position = place % text.length
          const damaged = text.slice(0, position) + put + text.slice(position + (replaces ? 1 : 0))
          // The last line feed may be missing: nothing that matters is lost.
          fc.pre(damaged !== text && damaged !== text.slice(0, -1))
          const line = lineAt(text, position)
          const problem = problemIn(damaged)
          // A line feed between two lines belongs to both.
          expect([line, line + 1], problem?.reason).toContain(problem?.line)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('of whole lines is found at the first that is concerned', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('drop', 'repeat', 'swap', 'cut'),
        (text, one, other, how) => {
          const lines = text.trimEnd().split('\n')
          const at = one % lines.length
          const to = other % lines.length
          const line = lines[at] ?? ''
          const damaged = {
            drop: lines.toSpliced(at, 1),
            repeat: lines.toSpliced(at, 0, line),
            swap: lines.with(at, lines[to] ?? '').with(to, line),
            cut: lines.slice(0, at),
          }[how]
          fc.pre(damaged.join('\n') !== lines.join('\n'))
          const due = { drop: at, repeat: at + 1, swap: Math.min(at, to), cut: at }[how] + 1
          // An empty text has no line but the missing first one.
          expect(problemIn(damaged.join('\n'))?.line, how).toBe(how === 'cut' && at === 0 ? 1 : due)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('that leaves the checksums right shows as a divergence', () => {
    // Whoever writes a trace anew after changing it gets right checksums; the hashes still tell.
    const text = new RecordedCluster({ seed: 5, events: 400, hashEvery: 1 }).run().text
    const trace = traceIn(text)
    fc.assert(
      fc.property(fc.nat(), (place) => {
        const at = place % trace.events.length
        const event = trace.events[at]
        // Other lines have no hash.
        if (event?.t !== 'in') return
        const changed = { ...event, m: { type: 'propose', id: 'other', commands: ['other'] } as const }
        const { ending } = replay({ ...trace, events: trace.events.with(at, changed) })
        expect(ending).toMatchObject({ type: 'diverged', i: event.i })
      }),
    )
  })

  it('never makes reading throw', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.string())), fc.boolean(), (lines, partial) => {
        expect('error' in decodeTrace(lines, { partial })).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
