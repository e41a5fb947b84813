/**
 * JSON whose numbers stay what they are. JSON.parse gives the nearest double to any number: 9007199254740993 becomes
 * …992, and 1e400 Infinity. Here a number that a double would change becomes a numeral: a string of U+0000 and its
 * decimal in one canonical form. A string that begins with U+0000 itself gets a second one, so the two never meet.
 */
export const parseNumerals = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  return SUSPECT.test(text) ? JSON.parse(withNumerals(text)) : value
}

const MARK = '\u0000'

/** Text in which a double may not do. Fewer than 16 characters without an exponent are at most 15 digits, which it holds. */
const SUSPECT = /[:,[\s]-?(?:[\d.]{16}|\d[\d.]*[eE])|"\\u0000/

/** Whether a parsed value may be, or hold, a numeral or a number that was rounded: quick, and never no in error. */
export const mayHoldNumerals = (text: string): boolean => SUSPECT.test(text)

/** The decimal that a value of {@link parseNumerals} stands for in place of a number; null when it is no numeral. */
export const decimalOf = (value: unknown): string | null =>
  typeof value === 'string' && DECIMAL.test(value) ? value.slice(MARK.length) : null

const DECIMAL = /^\u0000-?\d/

/** JSON text of values that {@link parseNumerals} gave, with its numbers as numbers again. */
export const restoreNumerals = (json: string): string =>
  // A quote without a backslash begins or ends a string, and no string's end is followed by a backslash.
  json.replaceAll(/(?<!\\)"\\u0000(?:(-?\d[\d.e-]*)"|(?=\\u0000))/g, (_, decimal?: string) => decimal ?? '"')

/** Valid JSON, with strings in place of numbers that a double would change. */
const withNumerals = (text: string): string => {
  const pieces: string[] = []
  let copied = 0
  for (let at = 0; at < text.length;) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      if (text.startsWith('\\u0000', at + 1)) {
        pieces.push(text.slice(copied, at + 1), '\\u0000')
        copied = at + 1
      }
      at = stringEnd(text, at)
    } else if (unit === MINUS || isDigit(unit)) {
      const end = numberEnd(text, at)
      const decimal = exactUnlessDouble(text.slice(at, end))
      if (decimal !== null) {
        pieces.push(text.slice(copied, at), `"\\u0000${decimal}"`)
        copied = end
      }
      at = end
    } else at++
  }
  pieces.push(text.slice(copied))
  return pieces.join('')
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39

const stringEnd = (text: string, start: number): number => {
  let at = start + 1
  for (let unit = text.charCodeAt(at); unit !== QUOTE; unit = text.charCodeAt(at)) at += unit === BACKSLASH ? 2 : 1
  return at + 1
}

const numberEnd = (text: string, start: number): number => {
  let at = start
  while (at < text.length && '+-.eE0123456789'.includes(text.charAt(at))) at++
  return at
}

/** ± digits × 10^exponent, without zeros at either end of the digits; zero has none. */
interface Decimal {
  readonly isNegative: boolean
  readonly digits: string
  readonly exponent: number
}

/** The canonical form of a number that JSON.parse would change; null for one that it keeps. */
const exactUnlessDouble = (literal: string): string | null => {
  const value = Number(literal)
  const size = Math.abs(value)
  // A double holds 15 digits, but for the very large and the very small: most numbers need no closer look.
  if (literal.length <= 15 && (literal === '0' || (size > 1e-300 && size < 1e300))) return null
  const exact = textOf(parseDecimal(literal))
  return Number.isFinite(value) && textOf(parseDecimal(String(value))) === exact ? null : exact
}

/** @throws RangeError for an exponent that is no whole number to JavaScript. */
const parseDecimal = (literal: string): Decimal => {
  const [mantissa = '', power = '0'] = literal.toLowerCase().split('e')
  const isNegative = mantissa.startsWith('-')
  const [whole = '', fraction = ''] = mantissa.slice(isNegative ? 1 : 0).split('.')
  const all = whole + fraction
  let start = 0
  while (all.charAt(start) === '0') start++
  if (start === all.length) return { isNegative: false, digits: '', exponent: 0 }
  let end = all.length
  while (all.charAt(end - 1) === '0') end--
  const exponent = Number(power) - fraction.length + all.length - end
  if (!Number.isSafeInteger(exponent)) throw new RangeError(`the exponent of ${literal.slice(0, 100)} is too large`)
  return { isNegative, digits: all.slice(start, end), exponent }
}

/** Zeros that are written out rather than counted. */
const ZEROS_MAX = 30

const textOf = ({ isNegative, digits, exponent }: Decimal): string => {
  if (digits === '') return '0'
  const sign = isNegative ? '-' : ''
  const point = digits.length + exponent
  if (exponent > ZEROS_MAX || point < -ZEROS_MAX) return `${sign}${digits}e${exponent}`
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent)
  const padded = '0'.repeat(Math.max(1 - point, 0)) + digits
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`
}

/** Whether a number, given as JSON writes it, is less (−1) or greater (1) than another, or the same (0). */
export const compareDecimals = (left: string, right: string): number => {
  const [a, b] = [parseDecimal(left), parseDecimal(right)]
  const [signA, signB] = [signOf(a), signOf(b)]
  if (signA !== signB) return signA < signB ? -1 : 1
  const [lengthA, lengthB] = [a.digits.length + a.exponent, b.digits.length + b.exponent]
  if (lengthA !== lengthB) return lengthA < lengthB ? -signA : signA
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -signA : signA
}

const signOf = ({ isNegative, digits }: Decimal): number => (digits === '' ? 0 : isNegative ? -1 : 1)
