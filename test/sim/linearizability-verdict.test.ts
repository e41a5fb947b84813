import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import type { Input, Operation, Output } from '../../src/sim/history.ts'
import { checkLinearizability } from '../../src/sim/linearizability.ts'

const OK: Output = { type: 'ok' }
const read = (value: JsonValue): Output => ({ type: 'value', value })
const get: Input = { kind: 'get', key: 'x' }
const put = (value: JsonValue, key = 'x'): Input => ({ kind: 'put', key, value })

type Row = readonly [call: number, end: number | null, input: Input, output: Output | null]

const history = (rows: readonly Row[]): readonly Operation[] =>
  rows.map(([call, end, input, output], at) => ({ client: `c${at + 1}`, call, return: end, input, output }))

const check = (rows: readonly Row[]): string => checkLinearizability(history(rows)).result

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
    const rows = [...Array(12).keys()].map((at): Row => [at, 100, put(at), OK])
    const operations = history([...rows, [101, 102, get, read('never')]])
    const verdict = checkLinearizability(operations, { stepsMax: 1000 })
    expect(verdict).toMatchObject({ result: 'unknown', reason: 'key "x": undecided after 1000 steps' })
    expect(checkLinearizability(operations)).toMatchObject({ result: 'violation' })
    expect(checkLinearizability(operations)).toEqual(checkLinearizability(operations))
  })

  it('ends with what it knows when it should stop: nothing', () => {
    const rows = [...Array(14).keys()].map((at): Row => [at, 100, put(at), OK])
    const operations = history([...rows, [101, 102, get, read('never')]])
    const asked: number[] = []
    const verdict = checkLinearizability(operations, {
      shouldStop: (steps) => {
        asked.push(steps)
        return steps > 50_000
      },
    })
    expect(verdict).toMatchObject({ result: 'unknown', reason: `stopped after ${verdict.steps} steps` })
    expect([verdict.steps > 50_000, verdict.steps < 60_000, asked.length > 10]).toEqual([true, true, true])
  })

  it('prefers a violation of a later key to giving up on an earlier one', () => {
    const hard = [...Array(12).keys()].map((at): Row => [at, 100, put(at, 'hard'), OK])
    const rows: Row[] = [...hard, [101, 102, { kind: 'get', key: 'hard' }, read('never')], [0, 1, get, read(1)]]
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
