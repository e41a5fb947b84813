import { describe, expect, it } from 'vitest'
import { looksLikeEdn, parseEdn } from '../../src/linearizability/edn.ts'

const values = (text: string): unknown => {
  const parsed = parseEdn(text)
  return 'error' in parsed ? parsed : parsed.values
}

describe('parseEdn', () => {
  it.each<[string, unknown]>([
    ['{:type :invoke, :f :read, :value nil, :process 0}', { type: 'invoke', f: 'read', value: null, process: 0 }],
    ['#jepsen.history.Op{:index 3, :f :cas :value [1 2]}', { index: 3, f: 'cas', value: [1, 2] }],
    ['[:a/b true false (1 2)]', ['a/b', true, false, [1, 2]]],
    ['[+1 -2 3N 1.5M -2.5e3 007x]', { error: 'holds "007x", which is no value here', line: 1 }],
    ['[+1 -2 3N 1.5M -2.5e3]', [1, -2, 3, 1.5, -2500]],
    ['9007199254740993', '\u00009007199254740993'],
    ['"a \\"b\\"\n\\u0041"', 'a "b"\nA'],
    ['{1 2, "k" :v}', { 1: 2, k: 'v' }],
    ['; a comment\n[1 #_ {:not this} 2] ; another', [1, 2]],
  ])('reads %s', (text, value) => {
    const parsed = values(text)
    expect(Array.isArray(parsed) ? parsed : [parsed]).toEqual([value])
  })

  it('says on which line each form begins', () => {
    expect(parseEdn('\n{:a 1}\r\n\n{:a\n 2} {:a 3}\n')).toMatchObject({ lines: [2, 4, 5] })
  })

  it.each([
    ['{:a 1\n:b}', 'is a map whose last key has no value', 2],
    ['{:a 1}\n[1', 'ends before its "]"', 2],
    ['#{1 2}', 'holds "#{"; sets and functions have no place here', 1],
    ['{:a 1/2}', 'holds "1/2", which is no value here', 1],
    ['[\\a]', 'holds "\\\\a", which is no value here', 1],
    ['"never ends', 'ends within a string', 1],
    ['{[1] 2}', 'is a map with a collection for a key', 1],
    [']', 'holds "]", which is no value here', 1],
    ['['.repeat(300), 'is nested more than 200 deep', 1],
  ])('refuses %j', (text, error, line) => {
    expect(parseEdn(text)).toEqual({ error, line })
  })

  it.each([
    ['{:type :invoke}', true],
    ['[{:type :invoke}', true],
    ['#jepsen.history.Op{}', true],
    ['; EDN', true],
    ['{"type": "invoke"}', false],
    ['[1]', false],
    ['{}', false],
  ])('is told from JSON: %s', (text, is) => {
    expect(looksLikeEdn(text)).toBe(is)
  })
})
