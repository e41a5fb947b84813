import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDecimals, decimalOf, parseNumerals, restoreNumerals } from '../../src/codec/numerals.ts'

const decimal = (literal: string): string | null => decimalOf((parseNumerals(`[${literal}]`) as readonly unknown[])[0])

describe('parseNumerals', () => {
  it.each([
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['9007199254740993.0', '9007199254740993'],
    ['90071992547409930e-1', '9007199254740993'],
    ['1700000000.123456789', '1700000000.123456789'],
    ['0.1000000000000000055', '0.1000000000000000055'],
    ['1e400', '1e400'],
    ['10E+399', '1e400'],
    ['1e-400', '1e-400'],
  ])('keeps %s, which a double would change', (literal, text) => {
    expect(decimal(literal)).toBe(text)
  })

  it.each(['0', '-0', '-0.0e5', '1.50', '9007199254740992', '1e22', '0.1', '1e-7', '123456789012345.6', '0e99999'])(
    'leaves %s a number',
    (literal) => {
      expect(parseNumerals(`[${literal}]`)).toEqual([Number(literal)])
    },
  )

  it('takes no digits in texts for numbers, and no text for a numeral', () => {
    const value = { ' 9007199254740993': ['\\",9007199254740993', '\u00009007199254740993', '\u0000', ':1e400'] }
    expect(restoreNumerals(JSON.stringify(parseNumerals(JSON.stringify(value))))).toBe(JSON.stringify(value))
    const strings = (parseNumerals('["\\u00009007199254740993", 9007199254740993]') as readonly unknown[]).map(
      decimalOf,
    )
    expect(strings).toEqual([null, '9007199254740993'])
  })

  it.each(['[09007199254740993]', '[9007199254740993.]', '[--9007199254740993]', '{"a":1e400', '[1e]'])(
    'refuses %s, which is not JSON',
    (text) => {
      expect(() => parseNumerals(text)).toThrow(SyntaxError)
    },
  )

  it('refuses an exponent that cannot be counted', () => {
    expect(() => parseNumerals('[1e9999999999999999]')).toThrow('the exponent of 1e9999999999999999 is too large')
  })

  it('changes nothing but the spelling of numbers', () => {
    const integers = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(fc.array(fc.oneof(integers, fc.jsonValue())), (items) => {
        const texts = items.map((item) => (typeof item === 'bigint' ? String(item) : JSON.stringify(item)))
        const restored = restoreNumerals(JSON.stringify(parseNumerals(`[${texts.join(', ')}]`)))
        const exact = items.map((item, at) =>
          typeof item === 'bigint' && Number.isSafeInteger(Number(item)) ? String(Number(item)) : texts[at],
        )
        // Doubles that are whole numbers have more than one spelling.
        expect(parseNumerals(restored)).toEqual(parseNumerals(`[${exact.join(',')}]`))
      }),
    )
  })
})

describe('compareDecimals', () => {
  it('orders as whole numbers are ordered', () => {
    const integers = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n })
    fc.assert(
      fc.property(integers, integers, (a, b) => {
        expect(compareDecimals(String(a), String(b))).toBe(a < b ? -1 : a > b ? 1 : 0)
        expect(compareDecimals(`${a}e-7`, `${b}0e-8`)).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  it.each([
    ['0', '-0.0', 0],
    ['1e400', '9e399', 1],
    ['-1e400', '1e-400', -1],
    ['1.0', '1', 0],
    ['12', '123e-1', -1],
  ])('%s against %s: %i', (left, right, order) => {
    expect(compareDecimals(left, right)).toBe(order)
  })
})
