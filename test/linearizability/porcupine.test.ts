import { describe, expect, it } from 'vitest'
import { checkLinearizability } from '../../src/linearizability/check.ts'
import { parseHistory } from '../../src/linearizability/parse.ts'
import { parseNumerals } from '../../src/codec/numerals.ts'

const parse = (items: readonly object[]) => parseHistory(parseNumerals(JSON.stringify(items)))

const verdict = (items: readonly object[]): string => {
  const parsed = parse(items)
  return 'error' in parsed ? parsed.error : checkLinearizability(parsed.operations).result
}

const item = (Input: object, Output: unknown, Call: number, Return: number, ClientId = 0) => ({
  ClientId,
  Input,
  Call,
  Output,
  Return,
})

describe('operations of porcupine', () => {
  const put = (value: string, at: number) => item({ Op: 1, Key: 'a', Value: value }, { Value: '' }, at, at + 5)
  const get = (value: string, at: number) => item({ Op: 0, Key: 'a', Value: '' }, { Value: value }, at, at + 5)

  it('are read as those of a store', () => {
    expect(parse([put('one', 0), get('one', 10)])).toEqual({
      operations: [
        { client: '0', call: 0, return: 5, input: { kind: 'put', key: 'a', value: 'one' }, output: { type: 'ok' } },
        {
          client: '0',
          call: 10,
          return: 15,
          input: { kind: 'get', key: 'a' },
          output: { type: 'value', value: 'one' },
        },
      ],
    })
  })

  it.each([
    ['linearizable', [get('', 0), put('ok', 10), get('ok', 20)]],
    ['violation', [put('one', 0), get('', 10)]],
    ['linearizable', [put('', 0), get('', 10)]],
  ])('take "" for a missing key: %s', (result, items) => {
    expect(verdict(items)).toBe(result)
  })

  it.each([
    ['linearizable', true, 2],
    ['violation', false, 2],
    ['violation', true, 1],
  ])('are read as those of a register with cas: %s', (result, Ok, seen) => {
    const write = item({ Op: 1, Arg1: 1, Arg2: 0 }, {}, 0, 1)
    const cas = item({ Op: 2, Arg1: 1, Arg2: 2 }, { Ok }, 2, 3)
    const read = item({ Op: 0, Arg1: 0, Arg2: 0 }, { Exists: true, Value: seen }, 4, 5)
    expect(verdict([write, cas, read])).toBe(result)
  })

  it('have an unknown outcome when they say so, or never returned', () => {
    const said = item({ Op: 1, Arg1: 1, Arg2: 0 }, { Unknown: true }, 0, 1)
    const text = JSON.stringify([said, item({ Op: 1, Arg1: 2, Arg2: 0 }, null, 0, 7)])
    const parsed = parseHistory(parseNumerals(text.replace('"Return":7', '"Return":9223372036854775807')))
    expect(parsed).toMatchObject({ operations: [{ return: null }, { return: null }] })
  })

  it('keep nanoseconds apart that are one double', () => {
    const text = JSON.stringify([put('one', 1), put('two', 2)])
      .replace('"Call":1', '"Call":1700000000000000001')
      .replace('"Return":6', '"Return":1700000000000000002')
      .replace('"Call":2', '"Call":1700000000000000003')
      .replace('"Return":7', '"Return":1700000000000000004')
    expect(parseHistory(parseNumerals(text))).toMatchObject({ operations: [{ return: 1 }, { call: 2 }] })
  })

  it.each([
    [item({ Op: 2, Key: 'a', Value: 'x' }, {}, 0, 1), 'item 1: the Op is 2; expected 0 (read), 1 (write), 2 (cas'],
    [item({ Op: 'Append', Key: 'a', Value: 'x' }, {}, 0, 1), 'item 1: the operation is "Append"; expected read, write'],
    [item({}, {}, 0, 1), 'item 1: the Input is {}; expected {"Op", "Key", "Value"} or {"Op", "Arg1", "Arg2"}'],
    [item({ Op: 0, Key: 'a' }, null, 0, 1), 'item 1: a read that returned needs'],
  ])('are refused by name where no model here fits', (wrong, reason) => {
    expect(parse([wrong])).toHaveProperty('error', expect.stringContaining(reason))
  })
})
