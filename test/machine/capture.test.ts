import { describe, expect, it } from 'vitest'
import { cutText, objectsOf, stateFromObjects, utf8Bytes } from '../../src/machine/capture.ts'
import { kvFromObject, kvMachine } from '../../src/machine/kv/kv.ts'

const machine = kvMachine({ objectBytesMax: 1 })
const state = kvFromObject({ a: 1, b: 2, c: 3 })
const objects = objectsOf(machine, state)

describe('a captured state', () => {
  it('becomes objects in the order in which they are to be written', () => {
    expect(objects.map(({ id }) => id)).toEqual([0, 'after:"a"', 'after:"b"'])
  })

  it('comes back from its objects', () => {
    expect(stateFromObjects(machine, objects)).toEqual({ state })
  })

  it.each([
    ['no object', [], 'object 0 is missing'],
    ['the first only', objects.slice(0, 1), 'object "after:\\"a\\"" is missing'],
    [
      'a hole',
      objects.slice(0, 1).concat(objects.slice(2)),
      'object "after:\\"b\\"": an object before this one is missing',
    ],
    ['damage', [{ id: 0, data: '?' }], 'object 0: the object is damaged'],
  ])('does not come back from %s', (_name, some, error) => {
    expect(stateFromObjects(machine, some)).toEqual({ error })
  })
})

describe('text in UTF-8', () => {
  it.each(['', 'a', 'é', '€', '\u{1f600}', '\ud800', '\udc00\ud800', 'a\u{1f600}é'])(
    'of %j is as long as its bytes',
    (text) => {
      expect(utf8Bytes(text)).toBe(Buffer.byteLength(text))
    },
  )

  it('every unit of text is as long as its encoding, also where lengths change', () => {
    for (const unit of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff])
      for (const text of [0, 1].map((by) => `a${String.fromCodePoint(Math.min(unit + by, 0xffff))}z`))
        expect([text, utf8Bytes(text)]).toEqual([text, Buffer.byteLength(text)])
  })

  it('is cut where it fits, and never inside a character', () => {
    for (const unit of ['\u007f', '\u0080', '\u07ff', '\u0800', '\uffff', '\u{10000}', '\u{10ffff}']) {
      const text = unit.repeat(3)
      const one = Buffer.byteLength(unit)
      const cuts = [1, one, 2 * one - 1, 2 * one, 3 * one].map((bytes) => cutText(text, 0, bytes) / unit.length)
      expect([unit, cuts]).toEqual([unit, [1, 1, 1, 2, 3]])
    }
  })

  it.each([
    ['abc', 0, 2, 2],
    ['abc', 1, 9, 3],
    ['a\u{1f600}b', 0, 4, 1],
    ['a\u{1f600}b', 0, 5, 3],
    ['\u{1f600}b', 0, 1, 2],
    ['', 0, 1, 0],
  ])('%j from %i, %i bytes: cut at %i', (text, from, bytes, end) => {
    expect(cutText(text, from, bytes)).toBe(end)
  })
})
