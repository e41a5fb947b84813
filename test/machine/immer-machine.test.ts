import { isDraft } from 'immer'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import type { JsonValue } from '../../src/core/entry.ts'
import { NOT_PLAIN } from '../../src/core/json.ts'
import { immerMachine } from '../../src/machine/immer-machine.ts'

interface Items {
  items: { name: string; tags: string[] }[]
  count: number
}

type Handler = (draft: Items, command: string) => JsonValue

const machineOf = (apply: Handler) => {
  return immerMachine<Items, string, JsonValue>({ initial: { items: [{ name: 'first', tags: [] }], count: 0 }, apply })
}

const resultsOf = (apply: Handler, commands: readonly string[]) => {
  const machine = machineOf(apply)
  return machine.apply(machine.initial, commands)
}

/** Throws for commands that begin with "bad", having changed the draft. */
const careless: Handler = (draft, command) => {
  draft.count += 1
  if (command.startsWith('bad')) throw new Error(command)
  return draft.count
}

describe('a batch', () => {
  it('has a draft for each command', () => {
    const drafts = new Set<Items>()
    resultsOf((draft) => drafts.add(draft).size, ['a', 'b', 'c'])
    expect(drafts.size).toBe(3)
  })

  it('that changes nothing leaves the state the same object', () => {
    const machine = machineOf((draft) => draft.count)
    expect(machine.apply(machine.initial, ['a'])[0]).toBe(machine.initial)
  })

  it('leaves the state before it alone', () => {
    const machine = machineOf(careless)
    machine.apply(machine.initial, ['a'])
    expect(machine.initial.value.count).toBe(0)
  })
})

describe('a handler that throws', () => {
  it('fails its command only', () => {
    expect(resultsOf(careless, ['a', 'bad', 'b', 'bad 2', 'bad 3', 'c'])[1]).toEqual([
      { type: 'ok', result: 1 },
      { type: 'failed', reason: 'Error: bad' },
      { type: 'ok', result: 2 },
      { type: 'failed', reason: 'Error: bad 2' },
      { type: 'failed', reason: 'Error: bad 3' },
      { type: 'ok', result: 3 },
    ])
  })

  it('leaves nothing of what it did to the draft', () => {
    expect(resultsOf(careless, ['a', 'bad', 'b'])[0].value.count).toBe(2)
  })

  it('makes no command run twice', () => {
    const runs: string[] = []
    resultsOf(
      (draft, command) => {
        runs.push(command)
        return careless(draft, command)
      },
      ['a', 'b', 'bad', 'c'],
    )
    expect(runs).toEqual(['a', 'b', 'bad', 'c'])
  })

  it.each<[string, Handler, string]>([
    ['the name alone of what the engine words', (draft) => (draft as unknown as { x: { y: string } }).x.y, 'TypeError'],
    [
      'nothing of what immer words',
      (draft) => Object.setPrototypeOf(draft, null) as JsonValue,
      'immer refused what the handler did with the draft',
    ],
    [
      'a text that was thrown',
      () => {
        // eslint's rule against this is for our code; users' handlers do it.
        const thrown: unknown = 'no funds'
        throw thrown as Error
      },
      'no funds',
    ],
    ['the name alone of what a platform function words', () => atob('*'), 'InvalidCharacterError'],
    [
      'the same for a draft, which ends',
      (draft) => {
        const thrown: unknown = draft.items
        throw thrown as Error
      },
      'the handler threw something that cannot be read',
    ],
    [
      'the same for a message that is no text',
      () => {
        throw Object.assign(new Error(), { message: { code: 5 } })
      },
      'the handler threw something that cannot be read',
    ],
  ])('gives as reason %s', (_name, handler, reason) => {
    expect(resultsOf(handler, ['a'])[1]).toEqual([{ type: 'failed', reason }])
  })

  it.each([
    ['the command', { inner: { n: 1 } }],
    ['a command that its proposer froze outside', Object.freeze({ inner: { n: 1 } })],
  ])('fails when it edits %s, which is the log', (_name, command) => {
    const machine = immerMachine<Items, { inner: { n: number } }, number>({
      initial: { items: [], count: 0 },
      apply: (_draft, { inner }) => (inner.n = 2),
    })
    expect([machine.apply(machine.initial, [command])[1], command]).toEqual([
      [{ type: 'failed', reason: 'TypeError' }],
      { inner: { n: 1 } },
    ])
  })
})

describe('a result', () => {
  it('that is a draft comes out as plain data', () => {
    const [, results] = resultsOf((draft) => draft.items, ['a'])
    expect(results).toEqual([{ type: 'ok', result: [{ name: 'first', tags: [] }] }])
  })

  it('that holds a draft is no draft inside either', () => {
    const [, [result]] = resultsOf((draft) => ({ inside: draft.items }), ['a'])
    expect(result?.type === 'ok' && isDraft((result.result as { inside: JsonValue }).inside)).toBe(false)
  })

  it('shows the draft as it was after its own command', () => {
    const [, results] = resultsOf(
      (draft, command) => {
        draft.items.push({ name: command, tags: [] })
        const added = draft.items.at(-1)
        draft.items[1]?.tags.push(command)
        return added ?? null
      },
      ['a', 'b'],
    )
    expect(results[0]).toEqual({ type: 'ok', result: { name: 'a', tags: ['a'] } })
  })

  it.each<[string, unknown, string, string]>([
    ['undefined', undefined, 'undefined', ''],
    ['undefined inside', { a: [undefined] }, 'undefined', '["a"][0]'],
    ['a hole in an array', [, 1], NOT_PLAIN.array, ''],
    ['NaN', NaN, 'NaN', ''],
    ['-0', [-0], '-0', '[0]'],
    ['a Date', new Date(0), NOT_PLAIN.object, ''],
    ['a promise', Promise.resolve(1), NOT_PLAIN.object, ''],
    ['a function', () => 1, 'function', ''],
  ])('that is %s fails its command and says what to do', (_name, result, found, path) => {
    const { message } = new UsageError(
      'the result of a command is JSON that a round trip leaves as it is: plain data, and null for nothing',
      { found, path },
    )
    expect(resultsOf(() => result as JsonValue, ['a'])[1]).toEqual([
      { type: 'failed', reason: `UsageError: ${message}` },
    ])
  })

  it('without end fails its command', () => {
    const loop: JsonValue[] = []
    loop.push(loop)
    expect(resultsOf(() => loop, ['a'])[1][0]).toMatchObject({ type: 'failed' })
  })
})

describe('the initial state', () => {
  it('is copied, so that the caller may go on using his', () => {
    const initial = { items: [], count: 0 }
    immerMachine<Items, string, number>({ initial, apply: (draft) => draft.count })
    expect(Object.isFrozen(initial)).toBe(false)
  })

  it.each([[new Date(0)], [{ at: new Date(0) }], [new Map()], ['text'], [null]])('of %s is refused', (initial) => {
    expect(() => immerMachine({ initial: initial as object, apply: () => null })).toThrow('the initial state')
  })
})

describe('snapshot objects', () => {
  const machine = immerMachine({ initial: { a: '\u{1f600}' }, apply: () => null, objectBytesMax: 9 })
  const state = machine.initial

  it.each([
    [0, 'more:{"a"', 'at:4'],
    ['at:4', 'more::"', 'at:6'],
    ['at:6', 'more:\u{1f600}', 'at:8'],
    ['at:8', 'last:"}', null],
  ])('%s', (id, data, next) => {
    expect(machine.readObject(state, id)).toEqual({ data, next })
  })

  it.each(['at:11', 'at:-1', 'at:x', 'at:', 4])('named %j do not exist', (id) => {
    expect(() => machine.readObject(state, id)).toThrow('there is no such snapshot object')
  })

  it.each([
    ['', 'the object is damaged'],
    ['more:', 'the object is damaged'],
    ['last:{', 'the objects do not make up a state'],
    ['last:1', 'the objects do not make up a state'],
    ['last:{"n":1e400}', 'the objects do not make up a state'],
  ])('that read %j are refused', (data, error) => {
    expect(machine.writeObject(state, 0, data)).toEqual({ error })
  })

  it('may overlap with what is held', () => {
    const partial = { value: state.value, received: '{"a"' }
    expect(machine.writeObject(partial, 'at:1', 'last:"a":1}')).toEqual({
      state: { value: { a: 1 }, received: '' },
      next: null,
    })
  })

  it('are refused after a hole', () => {
    expect(machine.writeObject(state, 'at:4', 'last::1}')).toEqual({ error: 'an object before this one is missing' })
  })
})
