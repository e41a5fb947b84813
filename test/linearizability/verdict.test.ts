import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import type { Input, Operation, Output } from '../../src/linearizability/history.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'

const OK: Output = { type: 'ok' }
const read = (value: JsonValue): Output => ({ type: 'value', value })
const get: Input = { kind: 'get', key: 'x' }
const put = (value: JsonValue, key = 'x'): Input => ({ kind: 'put', key, value })

type Row = readonly [call: number, end: number | null, input: Input, output: Output | null]

const history = (rows: readonly Row[]): readonly Operation[] =>
  rows.map(([call, end, input, output], at) => ({ client: `c${at + 1}`, call, return: end, input, output }))

const check = (rows: readonly Row[]): string => checkLinearizability(history(rows)).result

/** One swap from 0 to 1 too many, all at once: no condition short of a search sees that. */
const hard = (back: number, key = 'x'): readonly Row[] => {
  const swap = (from: number, to: number): Row => [2, 100, { kind: 'cas', key, from, to, createIfMissing: false }, OK]
  const there = Array.from({ length: back + 2 }, () => swap(0, 1))
  return [[0, 1, put(0, key), OK], ...there, ...Array.from({ length: back }, () => swap(1, 0))]
}

describe('the verdict', () => {
  it('judges keys apart, and names the one at fault with what found no place', () => {
    const operations = history([
      [0, 1, put(1, 'y'), OK],
      [2, 3, put(1), OK],
      [4, 5, put(2), OK],
      [6, 7, get, read(1)],
      [8, 9, get, read(2)],
    ])
    const verdict = checkLinearizability(operations)
    expect(verdict).toMatchObject({
      result: 'violation',
      key: 'x',
      operations: [operations[3]],
      longestLinearization: [operations[1], operations[2]],
    })
    expect(verdict).toHaveProperty('explanation', expect.stringContaining('c4 get x: 1 [6, 7]'))
    expect(verdict).toHaveProperty('explanation', expect.stringContaining('the key holds 2; the last is c3 put x=2'))
  })

  it('gives up after as many steps as it is told, the same each time', () => {
    const operations = history(hard(5))
    const verdict = checkLinearizability(operations, { stepsMax: 1000 })
    expect(verdict).toMatchObject({ result: 'unknown', cause: 'steps' })
    expect(checkLinearizability(operations)).toMatchObject({ result: 'violation' })
    expect(checkLinearizability(operations, { stepsMax: 1000 })).toEqual(verdict)
  })

  it('says how far it came when it gives up, and what would help', () => {
    const verdict = checkLinearizability(history(hard(5)), { stepsMax: 1000 })
    expect(verdict).toHaveProperty(
      'reason',
      'key "x": undecided after 1000 steps: the longest order found up to time 100 holds 11 of 13 operations, of which ' +
        'up to 12 are concurrent; fewer at a time, or values that are all different, may decide it',
    )
  })

  it('ends with what it knows when it should stop', () => {
    const operations = history([[0, 1, put(1, 'easy'), OK], ...hard(8)])
    const asked: number[] = []
    const verdict = checkLinearizability(operations, {
      shouldStop: (steps) => {
        asked.push(steps)
        return steps > 50_000
      },
    })
    expect(verdict).toMatchObject({ result: 'unknown', cause: 'stopped' })
    const far = `key "x": stopped after ${verdict.steps} steps, with 1 of 2 keys found linearizable: `
    expect(verdict).toHaveProperty('reason', expect.stringContaining(far))
    expect([verdict.steps > 50_000, verdict.steps < 60_000, asked.length > 10]).toEqual([true, true, true])
  })

  it('prefers a violation of a later key to giving up on an earlier one', () => {
    const rows: Row[] = [...hard(5, 'hard'), [0, 1, get, read(1)]]
    expect(checkLinearizability(history(rows), { stepsMax: 1000 })).toMatchObject({ result: 'violation', key: 'x' })
  })

  it('does not drown in writes of unknown outcome', () => {
    const unknown = [...Array(300).keys()].map((at): Row => [at, null, put(`u${at}`), null])
    const known = [...Array(300).keys()].flatMap((at): Row[] => [
      [1000 + at * 10, 1001 + at * 10, put(at), OK],
      [1002 + at * 10, 1003 + at * 10, get, read(at % 3 === 0 ? `u${at}` : at)],
    ])
    expect(check([...unknown, ...known])).toBe('linearizable')
    expect(check([...unknown, ...known, [9000, 9001, get, read('never')]])).toBe('violation')
  })

  it('refuses what is not a history', () => {
    const wrong = history([[5, 4, put(1), OK]])
    expect(() => checkLinearizability(wrong)).toThrow('an operation returns after its call')
    expect(() => checkLinearizability(history([[NaN, 4, put(1), OK]]))).toThrow('returns after its call')
    expect(() => checkLinearizability(history([[1, null, put(1), OK]]))).toThrow('without a return there is no output')
    expect(() => checkLinearizability([], { stepsMax: 0 })).toThrow('stepsMax is a whole number')
  })
})

/** Writes of values that are all different, thirty clients at once, with two reads each. */
const busy = (rounds: number): readonly Row[] =>
  Array.from({ length: rounds }, (_, round) => round * 100).flatMap((start) => [
    ...Array.from({ length: 30 }, (_, client): Row => [
      start + client,
      start + 60 + client,
      put(`${start + client}`),
      OK,
    ]),
    [start + 95, start + 96, get, read(`${start + 29}`)] satisfies Row,
  ])

describe('a contradiction that no order of the rest can mend', () => {
  const refute = (rows: readonly Row[]) => {
    const operations = history(rows)
    const verdict = checkLinearizability(operations)
    const at =
      verdict.result === 'violation' ? verdict.operations.map((operation) => operations.indexOf(operation)) : []
    return { verdict, at: at.sort((left, right) => left - right) }
  }

  it('is found in 5,000 operations of 30 clients: a value never written', () => {
    const rows = busy(161)
    const { verdict, at } = refute([...rows, [16_200, 16_201, get, read('never')]])
    expect(verdict).toMatchObject({ result: 'violation', key: 'x' })
    expect(at).toEqual([rows.length])
    expect(verdict).toHaveProperty('explanation', expect.stringContaining('what it found was never written'))
    expect(verdict.steps).toBeLessThan(100_000)
  })

  it('names the read and the write that began after it', () => {
    const rows = busy(20)
    const { verdict, at } = refute([...rows, [2000, 2001, get, read('late')], [2002, 2003, put('late'), OK]])
    expect(at).toEqual([rows.length, rows.length + 1])
    expect(verdict).toHaveProperty('explanation', expect.stringContaining('was not written before it returned'))
  })

  it('names the read, the write, and what was held in between', () => {
    const rows = busy(20)
    const { verdict, at } = refute([...rows, [2000, 2001, put('next'), OK], [2002, 2003, get, read('3')]])
    expect(at).toEqual([3, rows.length, rows.length + 1])
    expect(verdict).toHaveProperty('explanation', expect.stringContaining('was gone before it was called'))
  })

  it('names the reads of two values of which each was held while the other was', () => {
    const rows = busy(20)
    const crossed: Row[] = [
      [2000, 2050, put('a'), OK],
      [2000, 2050, put('b'), OK],
      [2001, 2002, get, read('a')],
      [2003, 2004, get, read('b')],
      [2005, 2006, get, read('a')],
      [2007, 2008, get, read('b')],
    ]
    expect(refute([...rows, ...crossed]).at.map((at) => at - rows.length)).toEqual([2, 3, 4, 5])
  })
})

it('decides reads and writes of values that are all different without a search', () => {
  const rows = busy(161).map(([call, end, input, output]): Row => [call, end === null ? null : end + 60, input, output])
  expect(checkLinearizability(history(rows)).steps).toBeLessThan(100_000)
})
