import { describe, expect, it } from 'vitest'
import { parseHistory } from '../../src/linearizability/parse.ts'
import type { Input, Operation } from '../../src/linearizability/history.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'

const input: Input = { kind: 'put', key: 'x', value: 1 }

/** The verdict on a history as somebody sends it. */
const judge = (source: unknown): string => {
  const parsed = parseHistory(source)
  return 'error' in parsed ? parsed.error : checkLinearizability(parsed.operations).result
}

describe('parseHistory', () => {
  it.each<[string, unknown, string]>([
    ['nothing', [], 'linearizable'],
    [
      'sequential',
      [
        { op: 'write', value: 1 },
        { op: 'read', value: 1 },
      ],
      'linearizable',
    ],
    [
      'sequential, stale',
      [
        { op: 'write', value: 1 },
        { op: 'read', value: 2 },
      ],
      'violation',
    ],
    ['null for a missing key', [{ type: 'read', key: 'k', result: null }], 'linearizable'],
    ['wrapped', { history: [{ f: 'get', output: 3 }] }, 'violation'],
    [
      'a failed write did not happen',
      [
        { op: 'put', value: 1, ok: false },
        { op: 'get', value: 1 },
      ],
      'violation',
    ],
    [
      'a refused write did not happen',
      [
        { op: 'put', value: 1, status: 'fail' },
        { op: 'get', value: 1 },
      ],
      'violation',
    ],
    [
      'an unknown write may have',
      [
        { op: 'put', value: 1, status: 'timeout' },
        { op: 'get', value: 1 },
      ],
      'linearizable',
    ],
    [
      'a write without end may have',
      [
        { op: 'put', value: 1, start: 0 },
        { op: 'get', value: 1, start: 1, end: 2 },
      ],
      'linearizable',
    ],
    [
      'overlap',
      [
        { op: 'write', value: 1, start: 0, end: 9 },
        { op: 'read', result: null, start: 3, end: 4 },
      ],
      'linearizable',
    ],
    [
      'no overlap',
      [
        { op: 'write', value: 1, invoked_at: 0, completed_at: 2 },
        { op: 'read', result: null, invoked_at: 3, completed_at: 4 },
      ],
      'violation',
    ],
    [
      'keys apart',
      [
        { op: 'write', key: 'a', value: 1 },
        { op: 'read', key: 2, value: 1 },
      ],
      'violation',
    ],
    [
      'cas',
      [
        { op: 'cas', from: null, to: 1 },
        { op: 'cas', expected: 1, new: 2, result: true },
        { op: 'read', value: 2 },
      ],
      'linearizable',
    ],
    [
      'cas to null',
      [
        { op: 'write', value: 1 },
        { op: 'cas', value: [1, null] },
        { op: 'read', value: 1 },
      ],
      'violation',
    ],
    [
      'cas that says false',
      [
        { op: 'write', value: 1 },
        { op: 'cas', from: 1, to: 2, result: false },
      ],
      'violation',
    ],
    [
      'cas that says mismatch',
      [
        { op: 'write', value: 1 },
        { op: 'cas', from: 5, to: 2, result: 'mismatch' },
      ],
      'linearizable',
    ],
    ['delete', [{ op: 'write', value: 1 }, { op: 'delete' }, { op: 'read', value: null }], 'linearizable'],
    ['delete of nothing', [{ op: 'delete', result: 'deleted' }], 'violation'],
    [
      'a result that is a status',
      [
        { op: 'write', value: 1, result: 'ok' },
        { op: 'read', value: 1, result: 'ok' },
      ],
      'linearizable',
    ],
  ])('items: %s', (_, source, verdict) => {
    expect(judge(source)).toBe(verdict)
  })

  it('reads what it wrote', () => {
    const operations: Operation[] = [
      { client: 'a', call: 1, return: 2, input, output: { type: 'ok' } },
      { client: 'b', call: 1, return: null, input: { kind: 'delete', key: 'x' }, output: null },
      { client: 'c', call: 1, return: 5, input: { kind: 'get', key: 'x' }, output: { type: 'missing' } },
      { client: 'c', call: 6, return: 7, input: { kind: 'get', key: 'x' }, output: { type: 'value', value: [1] } },
      {
        client: 'd',
        call: 6,
        return: 7,
        input: { kind: 'cas', key: 'x', from: null, to: 2, createIfMissing: false },
        output: { type: 'refused' },
      },
    ]
    expect(parseHistory(JSON.parse(JSON.stringify(operations)))).toEqual({ operations })
  })

  const event = (process: number | string, type: string, f: string, value: unknown) => ({ process, type, f, value })

  it.each<[string, unknown, string]>([
    [
      'a register',
      [
        event(0, 'invoke', 'write', 1),
        event(0, 'ok', 'write', 1),
        event(1, 'invoke', 'read', null),
        event(1, 'ok', 'read', 1),
      ],
      'linearizable',
    ],
    [
      'stale',
      [
        event(0, 'invoke', 'write', 1),
        event(0, 'ok', 'write', 1),
        event(1, 'invoke', 'read', null),
        event(1, 'ok', 'read', null),
      ],
      'violation',
    ],
    [
      'a failed cas',
      [
        event(0, 'invoke', 'cas', [1, 2]),
        event(0, 'fail', 'cas', [1, 2]),
        event(1, 'invoke', 'read', null),
        event(1, 'ok', 'read', 2),
      ],
      'violation',
    ],
    [
      'info',
      [
        event(0, 'invoke', 'write', 2),
        event(0, 'info', 'write', 2),
        event(1, 'invoke', 'read', null),
        event(1, 'ok', 'read', 2),
      ],
      'linearizable',
    ],
    [
      'never completed',
      [event(0, 'invoke', 'write', 2), event(1, 'invoke', 'read', null), event(1, 'ok', 'read', 2)],
      'linearizable',
    ],
    [
      'independent keys',
      [
        event(0, 'invoke', 'write', ['a', 1]),
        event(0, 'ok', 'write', ['a', 1]),
        event(1, 'invoke', 'read', ['b', null]),
        event(1, 'ok', 'read', ['b', null]),
      ],
      'linearizable',
    ],
    [
      'independent cas',
      [
        event(0, 'invoke', 'cas', ['a', [null, 1]]),
        event(0, 'ok', 'cas', ['a', [null, 1]]),
        event(1, 'invoke', 'read', ['a', null]),
        event(1, 'ok', 'read', ['a', 5]),
      ],
      'violation',
    ],
    ['a nemesis', [event('nemesis', 'info', 'start', null), event(0, 'invoke', 'write', 2)], 'linearizable'],
    [
      'by index',
      [
        { ...event(0, 'ok', 'read', null), index: 1 },
        { ...event(0, 'invoke', 'read', null), index: 0 },
      ],
      'linearizable',
    ],
  ])('events: %s', (_, source, verdict) => {
    expect(judge(source)).toBe(verdict)
  })

  it.each<[unknown, string]>([
    ['text', 'a history is an array of operations or of events'],
    [[{ op: 'read', value: 1 }, 7], 'item 2: is not an object'],
    [[{ op: 'increment' }], 'item 1: the operation is "increment"; expected read, write, cas or delete'],
    [[{ value: 3 }], 'item 1: does not say what was done ("op", "f" or "type")'],
    [[{ op: 'write' }], 'item 1: a write needs a "value"'],
    [[{ op: 'read' }], 'item 1: a read that returned needs its "value", "result" or "output"'],
    [[{ op: 'cas', from: 1 }], 'item 1: a cas needs "from" and "to"'],
    [
      [{ op: 'cas', from: 1, to: 2, result: 'perhaps' }],
      'item 1: the cas gave "perhaps"; expected ok, missing, mismatch, true or false',
    ],
    [[{ op: 'read', key: {}, value: 1 }], 'item 1: the key is {}; expected a string or a number'],
    [[{ op: 'read', value: 1, status: 'meh' }], 'item 1: the status is "meh"; expected ok, fail or info'],
    [[{ op: 'read', value: 1, start: 5, end: 4 }], 'item 1: ends at 4, before it starts at 5'],
    [[{ op: 'read', value: 1, start: 'noon', end: 4 }], 'item 1: its start is "noon"; expected a number'],
    [[{ op: 'read', value: 1, ok: true, start: 3 }], 'item 1: is marked as done, but has no end time'],
    [
      [
        { op: 'read', value: 1, start: 3, end: 4 },
        { op: 'read', value: 1 },
      ],
      'item 2: has no start time, while it or others have times',
    ],
    [[{ op: 'write', value: NaN }], 'item 1: holds something that is not JSON, or is nested too deep'],
    [
      [event(0, 'invoke', 'read', null), event(0, 'invoke', 'read', null)],
      'item 2: process 0 invokes while its last operation is open',
    ],
    [
      [event(0, 'invoke', 'read', null), event(1, 'ok', 'read', null)],
      'item 2: process 1 completes what it did not invoke',
    ],
    [
      [event(0, 'invoke', 'read', null), event(0, 'ok', 'write', 1)],
      'item 2: completes a put, but its process invoked a get',
    ],
    [
      [event(0, 'invoke', 'read', null), event(0, 'gone', 'read', 1)],
      'item 2: "type" is "gone"; expected invoke, ok, fail or info',
    ],
    [[{ type: 'invoke', f: 'read', value: null }], 'item 1: has no process'],
    [
      [{ input: { kind: 'get', key: 'x' }, output: 3, call: 1, return: 2 }],
      'item 1: the output is 3; expected {"type": "value", "value": …}, {"type": "ok"} …',
    ],
  ])('says what is wrong with %j', (source, error) => {
    expect(parseHistory(source)).toEqual({ error })
  })
})
