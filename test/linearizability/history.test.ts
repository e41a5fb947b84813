import { describe, expect, it } from 'vitest'
import {
  describeOperation,
  type HistoryEvent,
  type Input,
  type Operation,
  operationsOf,
} from '../../src/linearizability/history.ts'

const input: Input = { kind: 'put', key: 'x', value: 1 }

describe('operationsOf', () => {
  it('pairs by client, drops what failed, keeps what nobody knows', () => {
    const events: HistoryEvent[] = [
      { type: 'invoke', client: 'a', time: 1, input },
      { type: 'invoke', client: 'b', time: 2, input },
      { type: 'ok', client: 'b', time: 3, output: { type: 'ok' } },
      { type: 'fail', client: 'a', time: 4 },
      { type: 'invoke', client: 'a', time: 5, input },
      { type: 'info', client: 'a', time: 6 },
      { type: 'invoke', client: 'a', time: 7, input },
    ]
    expect(operationsOf(events)).toEqual([
      { client: 'b', call: 2, return: 3, input, output: { type: 'ok' } },
      { client: 'a', call: 5, return: null, input, output: null },
      { client: 'a', call: 7, return: null, input, output: null },
    ])
  })

  it('refuses events that do not pair', () => {
    expect(() => operationsOf([{ type: 'fail', client: 'a', time: 4 }])).toThrow('a completion follows its invocation')
    const invoke: HistoryEvent = { type: 'invoke', client: 'a', time: 1, input }
    expect(() => operationsOf([invoke, invoke])).toThrow('one operation open at a time')
  })
})

describe('describeOperation', () => {
  it.each<[Operation, string]>([
    [{ client: 'a', call: 1, return: 2, input, output: { type: 'ok' } }, 'a put x=1: ok [1, 2]'],
    [{ client: 'a', call: 1, return: null, input, output: null }, 'a put x=1: ? [1, …'],
    [
      {
        client: 'a',
        call: 1,
        return: 2,
        input: { kind: 'cas', key: 'x', from: null, to: 'v', createIfMissing: true },
        output: { type: 'mismatch' },
      },
      'a cas x null→"v" or create: mismatch [1, 2]',
    ],
  ])('%j', (operation, line) => {
    expect(describeOperation(operation)).toBe(line)
  })
})
