import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import { objectsOf, stateFromObjects } from '../../src/machine/capture.ts'
import { immerMachine } from '../../src/machine/immer-machine.ts'

/* What a command leaves behind: plain JSON, which nothing but a later command changes. */

interface Items {
  items: { name: string; tags: string[] }[]
}

const listMachine = (apply: (draft: Items, command: string) => JsonValue) =>
  immerMachine<Items, string, JsonValue>({ initial: { items: [{ name: 'first', tags: [] }] }, apply })

describe('a state that JSON would change', () => {
  const loose = (apply: (draft: Record<string, unknown>) => void, initial: Record<string, JsonValue> = { n: 0 }) => {
    const machine = immerMachine<Record<string, JsonValue>, null, null>({
      initial,
      apply: (draft) => {
        apply(draft)
        return null
      },
    })
    return machine.apply(machine.initial, [null])
  }

  const nested = (depth: number): unknown => {
    let value: unknown = 0
    for (let at = 0; at < depth; at++) value = [value]
    return value
  }

  it.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['NaN', () => NaN],
    ['-0', () => -0],
    ['a Date', () => new Date(0)],
    ['a Map', () => new Map()],
    ['no prototype', (): unknown => Object.create(null)],
    ['a hole', () => [, 1]],
    ['the groups of a match', () => /b/.exec('abc')],
    ['a symbol as key', () => ({ [Symbol('s')]: 1 })],
    ['"__proto__" as key', (): unknown => JSON.parse('{"__proto__":1}')],
    ['a value nested too deep', () => nested(1000)],
    ['a value nested deeper than any stack', () => nested(100_000)],
  ])('by %s fails its command, which changes nothing', (_name, value) => {
    const [state, [result]] = loose((draft) => {
      draft['inner'] = value()
    })
    expect([state.value, result?.type]).toEqual([{ n: 0 }, 'failed'])
  })

  it('names the place', () => {
    const [, [result]] = loose((draft) => {
      draft['list'] = [0, { 'a b': NaN }]
    })
    expect(JSON.stringify(result)).toContain(
      JSON.stringify('(found="NaN", path="[\\"list\\"][1][\\"a b\\"]")').slice(1, -1),
    )
  })

  it('by too many levels gives one reason, however large the stack is', () => {
    const [shallow, deep] = [1000, 100_000].map(
      (depth) =>
        loose((draft) => {
          draft['inner'] = [draft, nested(depth)]
        })[1],
    )
    expect(deep).toEqual(shallow)
  })

  it('is not one of the depth that is allowed, as result and as snapshot', () => {
    const machine = immerMachine<Record<string, JsonValue>, null, JsonValue>({
      initial: { inner: nested(998) as JsonValue },
      apply: (draft) => {
        draft['inner'] = [draft['inner'] ?? null]
        return draft
      },
    })
    const [state, [result]] = machine.apply(machine.initial, [null])
    expect([result?.type, stateFromObjects(machine, objectsOf(machine, state))]).toEqual(['ok', { state }])
  })
})

describe('an object of the handler', () => {
  it('that was assigned stays as it was, neither frozen nor changed by later commands', () => {
    const constant = { name: 'constant', tags: [] }
    const machine = listMachine((draft, command) => {
      if (command === 'put') draft.items = [constant]
      else draft.items[0]?.tags.push(command)
      return null
    })
    machine.apply(machine.initial, ['put', 'a', 'put', 'b'])
    expect([constant, Object.isFrozen(constant)]).toEqual([{ name: 'constant', tags: [] }, false])
  })

  it('that was assigned leaves the state alone when it changes', () => {
    const constant = { name: 'constant', tags: ['a'] }
    const machine = listMachine((draft) => {
      draft.items.push(constant)
      return null
    })
    const [state] = machine.apply(machine.initial, ['put'])
    constant.tags.push('b')
    expect(state.value.items[1]).toEqual({ name: 'constant', tags: ['a'] })
  })
})

describe('a command', () => {
  it('keeps the objects that it does not change, and those it moves in their list', () => {
    const machine = listMachine((draft, command) => {
      if (command === 'push') draft.items.push({ name: 'second', tags: [] })
      else draft.items.reverse()
      return null
    })
    const [before] = machine.apply(machine.initial, ['push'])
    const [after] = machine.apply(before, ['reverse'])
    const [first, second] = before.value.items
    expect([after.value.items[0] === second, after.value.items[1] === first]).toEqual([true, true])
  })
})
