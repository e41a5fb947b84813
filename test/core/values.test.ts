import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { configurationOf, sameConfiguration } from '../../src/core/membership/configuration.ts'
import type { JsonValue } from '../../src/core/entry.ts'
import { index, isCounter, nodeId, term } from '../../src/core/ids.ts'
import { jsonBytes } from '../../src/core/json.ts'

/* The small values that everything is made of. */

/** How many lists and objects there are with something in them. */
const filledIn = (value: JsonValue): number => {
  if (typeof value !== 'object' || value === null) return 0
  const parts: readonly JsonValue[] = Object.values(value)
  return parts.reduce<number>((sum, part) => sum + filledIn(part), parts.length > 0 ? 1 : 0)
}

describe('a size in bytes', () => {
  it.each<readonly [JsonValue, number]>([
    ['', 2],
    ['abc', 5],
    [7, 8],
    [123_456.789, 8],
    [true, 5],
    [false, 5],
    [null, 4],
    [[], 2],
    [['a', 'b'], 2 + 4 + 4],
    [{}, 2],
    [{ key: 'v' }, 2 + 7 + 3],
    [{ a: [null], b: { c: true } }, 2 + 5 + 7 + 5 + (2 + 5 + 5)],
  ])('%j counts %d', (value, bytes) => {
    expect(jsonBytes(value)).toBe(bytes)
  })

  it('is what JSON takes for plain text, but for a comma too much in every list and object', () => {
    const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.stringMatching(/^[a-z ]*$/),
        fc.constantFrom(false, null),
        fc.array(tie('value')),
        fc.dictionary(fc.stringMatching(/^[a-z]+$/), tie('value'), {
          noNullPrototype: true,
        }) as fc.Arbitrary<JsonValue>,
      ),
    }))
    fc.assert(
      fc.property(value, (made) => {
        expect(jsonBytes(made)).toBe(JSON.stringify(made).length + filledIn(made))
      }),
    )
  })

  it.each([undefined, () => 1, Symbol('s'), 1n])('%o has none', (value) => {
    expect(() => jsonBytes(value as unknown as JsonValue)).toThrow(UsageError)
    expect(() => jsonBytes([{ deep: value } as unknown as JsonValue])).toThrow(UsageError)
  })
})

describe('a name or a number', () => {
  it.each([-1, 0.5, NaN, Infinity, 2 ** 53, '1', null])('%o is neither term nor index', (value) => {
    expect([isCounter(value)]).toEqual([false])
    expect(() => term(value as number)).toThrow(UsageError)
    expect(() => index(value as number)).toThrow(UsageError)
  })

  it.each([0, 1, 2 ** 53 - 1])('%d is either', (value) => {
    expect([term(value), index(value)]).toEqual([value, value])
  })

  it.each(['', 7, null])('%o names no node', (name) => {
    expect(() => nodeId(name as string)).toThrow(UsageError)
  })
})

describe('configurations', () => {
  const named = (names: string) => Array.from(names, (name) => nodeId(name))
  const of = (voters: string, learners = '', outgoing = '') =>
    configurationOf(named(voters), named(learners), named(outgoing))

  it('are the same when all their parts are, in whatever order they were named', () => {
    expect(sameConfiguration(of('abc', 'd', 'ae'), of('cab', 'd', 'ea'))).toBe(true)
  })

  it.each([
    [of('abc'), of('ab')],
    [of('abc'), of('abd')],
    [of('abc', 'd'), of('abc')],
    [of('abc', 'd'), of('abc', 'e')],
    [of('abc', '', 'a'), of('abc')],
    [of('abc', '', 'a'), of('abc', '', 'b')],
  ])('%j is not %j', (one, other) => {
    expect([sameConfiguration(one, other), sameConfiguration(other, one)]).toEqual([false, false])
  })
})
