import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import type { JsonValue } from '../../src/core/entry.ts'
import { COMMAND_DEPTH_MAX, isJson } from '../../src/core/json.ts'
import { step } from '../../src/core/step.ts'
import { Server } from './server.ts'

/* A command reaches the leader as it was proposed, and the others as JSON. */

const nested = (depth: number): unknown => {
  let value: unknown = 0
  for (let at = 0; at < depth; at++) value = [value]
  return value
}

const cycle = (): unknown => {
  const list: unknown[] = []
  list.push(list, list)
  return list
}

class Point {
  x = 1
}

class List extends Array<number> {}

const changed: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
  ['a big integer', 1n],
  ['a symbol', Symbol('s')],
  ['a function', () => 1],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['a Set', new Set()],
  ['bytes', new Uint8Array(2)],
  ['a boxed text', new String('text')],
  ['an instance', new Point()],
  ['an instance of a kind of array', List.from([1])],
  ['an object without a prototype', Object.create(null)],
  ['an object that inherits', Object.create({ x: 1 })],
  ['toJSON', { toJSON: () => 1 }],
  ['a hole', [, 1]],
  ['the groups of a match', /b/.exec('abc')],
  ['a hole and a name to make up for it', Object.assign([, 1], { name: 1 })],
  ['a symbol as key', { [Symbol('s')]: 1 }],
  ['a symbol on an array', Object.assign([1], { [Symbol('s')]: 1 })],
  ['a hidden key', Object.defineProperty({}, 'x', { value: 1 })],
  ['a cycle with branches', cycle()],
  ['more levels than allowed', nested(COMMAND_DEPTH_MAX + 1)],
  ['more levels than any stack', nested(100_000)],
]

const kept: readonly (readonly [string, unknown])[] = [
  ['levels as many as allowed', nested(COMMAND_DEPTH_MAX)],
  ['half a surrogate pair', '\ud800'],
  ['half a surrogate pair as key', { '\udc00': ['\ud800'] }],
  ['"__proto__" as key', JSON.parse('{"__proto__":{"x":1}}')],
  ['frozen data', Object.freeze({ x: Object.freeze([1]) })],
  ['data of another realm', runInNewContext('({ x: [1, { y: 2 }] })')],
]

const leader = new Server([1]).lead().saved()
const follower = new Server([1])

const propose = (server: Server, ...commands: readonly unknown[]) =>
  step(server.state, { type: 'propose', id: 'p', commands: commands as JsonValue[] })

describe('a command that JSON changes', () => {
  it.each(changed)('is refused: %s', (_name, value) => {
    expect(() => propose(leader, value)).toThrow(UsageError)
  })

  it.each(changed)('is refused inside another: %s', (_name, value) => {
    expect(() => propose(leader, { deep: [1, { value }] })).toThrow(UsageError)
  })

  it('is refused with its whole batch, a hole in the batch included', () => {
    expect(() => propose(leader, 1, NaN, 2)).toThrow(UsageError)
    expect(() => step(leader.state, { type: 'propose', id: 'p', commands: [, 1] as JsonValue[] })).toThrow(UsageError)
  })

  it('leaves the state alone', () => {
    const before = structuredClone(leader.state)
    expect(() => propose(leader, 1, NaN)).toThrow(UsageError)
    expect(leader.state).toEqual(before)
  })

  it('is refused by a follower as by a leader', () => {
    expect(() => propose(follower, NaN)).toThrow(UsageError)
  })

  it.each([
    [{ a: [0, { 'b c': NaN }] }, 'found="NaN", path="[\\"a\\"][1][\\"b c\\"]"'],
    [cycle(), `found="more than ${COMMAND_DEPTH_MAX} levels"`],
    [[[-0]], 'found="-0", path="[0][0]"'],
  ])('is refused with what was found, and where: %#', (value, where) => {
    expect(() => propose(leader, value)).toThrow(`leaves as it is (${where})`)
  })
})

describe('a command that JSON leaves as it is', () => {
  it.each(kept)('is accepted: %s', (_name, value) => {
    const [, [accepted]] = propose(leader, value)
    expect(accepted?.type).toBe('accepted')
  })
})

describe('whether JSON leaves a value as it is', () => {
  /** Strict about prototypes, −0, undefined, holes and symbols; arrays' names it passes over. */
  const survives = (value: unknown): boolean => {
    try {
      expect(JSON.parse(JSON.stringify(value))).toStrictEqual(value)
      return true
    } catch {
      return false
    }
  }

  it('is what a round trip says', () => {
    const anything = fc.anything({
      withDate: true,
      withMap: true,
      withSet: true,
      withBigInt: true,
      withNullPrototype: true,
      withSparseArray: true,
      maxDepth: 3,
    })
    fc.assert(
      fc.property(anything, (value) => {
        expect(isJson(value)).toBe(survives(value))
      }),
      { numRuns: 2000 },
    )
  })
})
