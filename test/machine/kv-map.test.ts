import { describe, expect, it } from 'vitest'
import { OrderedMap } from '../../src/machine/kv/ordered-map.ts'

const mapOf = (...keys: readonly string[]): OrderedMap<number> => {
  const edit = new OrderedMap<number>().edit()
  for (const [at, key] of keys.entries()) edit.set(key, at)
  return edit.done()
}

describe('an ordered map', () => {
  it('is equal to another with the same entries and another history', () => {
    const edit = mapOf('a', 'b', 'x').edit()
    edit.delete('x')
    expect(edit.done()).toEqual(mapOf('a', 'b'))
  })

  it('differs from another with other entries', () => {
    expect(mapOf('a', 'b')).not.toEqual(mapOf('a', 'c'))
  })

  it('gives the entries after a key, present or not', () => {
    expect([...mapOf('a', 'c', 'e').entriesAfter('c'), ...mapOf('a', 'c', 'e').entriesAfter('d')]).toEqual([
      ['e', 2],
      ['e', 2],
    ])
  })

  it('can be iterated while a later version changes', () => {
    const map = mapOf(...Array.from({ length: 200 }, (_, at) => `k${at + 1000}`))
    const seen: string[] = []
    const edit = map.edit()
    for (const [key] of map) {
      edit.delete(key)
      seen.push(key)
    }
    expect([seen.length, edit.done().size]).toEqual([200, 0])
  })
})

describe('an edit', () => {
  it('without changes gives the version it began with', () => {
    const map = mapOf('a')
    const edit = map.edit()
    edit.delete('b')
    expect(edit.done()).toBe(map)
  })

  it('that goes on after it was done leaves the done version alone', () => {
    const edit = mapOf('a').edit()
    edit.set('b', 1)
    const done = edit.done()
    edit.set('c', 2)
    expect([...done].map(([key]) => key)).toEqual(['a', 'b'])
  })

  it('sees its own changes', () => {
    const edit = mapOf('a', 'b').edit()
    edit.delete('a')
    expect([edit.has('a'), edit.get('b'), edit.size, edit.minKey(), edit.maxKey()]).toEqual([false, 1, 1, 'b', 'b'])
  })
})
