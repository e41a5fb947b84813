import type { JsonValue } from '../core/entry.ts'
import { parseNumerals } from '../codec/numerals.ts'

/**
 * Reads the part of EDN (github.com/edn-format/edn) that Jepsen writes histories in, as JSON: nil is null, keywords and
 * symbols are their names, lists and vectors are arrays, maps are objects with names for keys. Numbers stay what they
 * are, as in {@link parseNumerals}. Tags are left out but for what they tag; sets, ratios and characters are refused.
 */
export type ParsedEdn =
  | { readonly values: readonly JsonValue[]; readonly lines: readonly number[] }
  | { readonly error: string; readonly line: number }

/** Whether the text is EDN rather than JSON: a map begins with a keyword, or a tag or comment comes first. */
export const looksLikeEdn = (text: string): boolean => /^[\s,[(]*(?:;|#|\{[\s,]*:)/.test(text)

/** All forms in the text, each with the line that it begins on, counting from 1. */
export const parseEdn = (text: string): ParsedEdn => {
  const reader = new Reader(text)
  const values: JsonValue[] = []
  const starts: number[] = []
  try {
    while (!reader.isAtEnd()) {
      starts.push(reader.at)
      values.push(reader.value(0))
    }
  } catch (problem) {
    if (!(problem instanceof EdnProblem)) throw problem
    return { error: problem.message, line: linesAt(text, [reader.at])[0] ?? 1 }
  }
  return { values, lines: linesAt(text, starts) }
}

class EdnProblem extends Error {
  override readonly name = 'EdnProblem'
}

/** The line of each place; places ascend. */
const linesAt = (text: string, places: readonly number[]): readonly number[] => {
  let line = 1
  let next = text.indexOf('\n')
  return places.map((place) => {
    for (; next !== -1 && next < place; next = text.indexOf('\n', next + 1)) line++
    return line
  })
}

/** Deeper forms are refused: reading them would exhaust the stack. */
const DEPTH_MAX = 200

const SPACE = /(?:[\s,]+|;[^\n]*)*/y
const ATOM = /[^\s,;"()[\]{}]+/y
const STRING = /"(?:[^"\\]|\\[^])*"/y
const INTEGER = /^[+-]?(?:0|[1-9]\d*)N?$/
const DECIMAL = /^[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?M?$/

class Reader {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  isAtEnd(): boolean {
    this.#match(SPACE)
    while (this.#text.startsWith('#_', this.at)) {
      this.at += 2
      this.value(0)
      this.#match(SPACE)
    }
    return this.at === this.#text.length
  }

  value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw new EdnProblem(`is nested more than ${DEPTH_MAX} deep`)
    if (this.isAtEnd()) throw new EdnProblem('ends within a form')
    switch (this.#text.charAt(this.at)) {
      case '{':
        return this.#map(depth)
      case '[':
        return this.#items(']', depth)
      case '(':
        return this.#items(')', depth)
      case '"':
        return this.#string()
      case '#':
        return this.#tagged(depth)
      default:
        return this.#atom()
    }
  }

  #items(close: string, depth: number): readonly JsonValue[] {
    this.at++
    const items: JsonValue[] = []
    for (;;) {
      if (this.isAtEnd()) throw new EdnProblem(`ends before its "${close}"`)
      if (this.#text.charAt(this.at) === close) break
      items.push(this.value(depth + 1))
    }
    this.at++
    return items
  }

  #map(depth: number): JsonValue {
    const items = this.#items('}', depth)
    if (items.length % 2 === 1) throw new EdnProblem('is a map whose last key has no value')
    const entries: [string, JsonValue][] = []
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at] ?? null
      if (typeof key === 'object' && key !== null) throw new EdnProblem('is a map with a collection for a key')
      entries.push([String(key), items[at + 1] ?? null])
    }
    return Object.fromEntries(entries)
  }

  #tagged(depth: number): JsonValue {
    const tag = /^#[A-Za-z][^\s,;"()[\]{}]*/.exec(this.#text.slice(this.at, this.at + 200))?.[0]
    if (tag === undefined)
      throw new EdnProblem(`holds "${this.#text.slice(this.at, this.at + 2)}"; sets and functions have no place here`)
    this.at += tag.length
    return this.value(depth + 1)
  }

  #string(): string {
    const literal = this.#match(STRING)
    if (literal === '') throw new EdnProblem('ends within a string')
    try {
      // EDN's escapes are JSON's, but strings may span lines.
      const text: unknown = parseNumerals(
        literal.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t'),
      )
      return String(text)
    } catch {
      throw new EdnProblem(`holds a string that cannot be read: ${literal.slice(0, 40)}`)
    }
  }

  #atom(): JsonValue {
    const from = this.at
    const atom = this.#match(ATOM)
    if (atom === 'nil') return null
    if (atom === 'true' || atom === 'false') return atom === 'true'
    if (INTEGER.test(atom) || DECIMAL.test(atom)) return numberOf(atom)
    const name = /^:?([A-Za-z*!_?$%&=<>.+-][^\\]*)$/.exec(atom)?.[1]
    if (name !== undefined) return name
    this.at = from
    throw new EdnProblem(
      `holds ${JSON.stringify(atom === '' ? this.#text.charAt(from) : atom)}, which is no value here`,
    )
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const [found = ''] = pattern.exec(this.#text) ?? []
    this.at += found.length
    return found
  }
}

const numberOf = (atom: string): JsonValue => {
  const value: unknown = parseNumerals(`[${atom.replace(/^\+/, '').replace(/[NM]$/, '')}]`)
  const [number = null] = Array.isArray(value) ? (value as readonly JsonValue[]) : []
  return number
}
