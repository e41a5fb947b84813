import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../src/core/entry.ts'
import { immerMachine, type ImmerState } from '../src/machine/immer-machine.ts'
import { objectsOf, stateFromObjects } from '../src/machine/capture.ts'
import { ALL, PURE, RETENTIVE, handlerOf, programs, type Program } from './models/draft-language.ts'
import { values } from './models/kv-model.ts'
import { objectBytes, transfer, transferPlans } from './models/kv-model-transfer.ts'

interface Board {
  readonly title: string
  readonly lists: Record<string, JsonValue[]>
}

type Edit =
  | { readonly op: 'title'; readonly text: string }
  | { readonly op: 'push'; readonly list: string; readonly item: JsonValue }
  | { readonly op: 'drop'; readonly list: string }
  /** Changes the draft in two places, then throws. */
  | { readonly op: 'spoil'; readonly list: string }

/** What a handler does, on a draft or on plain data alike. */
const edit = (board: { title: string; lists: Record<string, JsonValue[]> }, command: Edit): JsonValue => {
  switch (command.op) {
    case 'title':
      board.title = command.text
      return board.title
    case 'push':
      ;(board.lists[command.list] ??= []).push(command.item)
      return board.lists[command.list] ?? null
    case 'drop':
      Reflect.deleteProperty(board.lists, command.list)
      return { left: Object.keys(board.lists), lists: board.lists }
    case 'spoil':
      board.title = 'spoilt'
      board.lists[command.list] = []
      throw new Error('spoilt')
  }
}

const machineOf = (objectBytesMax = 1000) =>
  immerMachine<Board, Edit, JsonValue>({ initial: { title: '', lists: {} }, apply: edit, objectBytesMax })

/** A key that the machine refuses, by itself: see test/machine/immer-state.test.ts. */
const isUsable = (value: JsonValue): boolean => !JSON.stringify(value).includes('"__proto__":')

const lists = fc.constantFrom('a', 'b', '10', '9', 'é')
const text = fc.string({ unit: 'binary', maxLength: 30 })
const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ op: fc.constant('title' as const), text }),
  fc.record({ op: fc.constant('push' as const), list: lists, item: fc.oneof(values.filter(isUsable), text) }),
  fc.record({ op: fc.constant('drop' as const), list: lists }),
  fc.record({ op: fc.constant('spoil' as const), list: lists }),
)
const batches = fc.array(fc.array(edits, { maxLength: 8 }), { maxLength: 8 })
const states = batches.map((all) =>
  all.reduce<ImmerState<Board>>((state, batch) => machineOf().apply(state, batch)[0], machineOf().initial),
)

/** The specification: every command on a deep copy of its own, which is kept unless it throws. */
const specification = (all: readonly Edit[]): { readonly board: Board; readonly results: unknown[] } => {
  let board: Board = { title: '', lists: {} }
  const results = all.map((command) => {
    const copy = structuredClone(board)
    try {
      const result = structuredClone(edit(copy, command))
      board = copy
      return { type: 'ok', result }
    } catch {
      return { type: 'failed', reason: 'Error: spoilt' }
    }
  })
  return { board, results }
}

const isDeeplyFrozen = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen))

describe('a machine made from a mutating handler', () => {
  it('does what a deep copy for each command does, throws included', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const machine = machineOf()
        let state = machine.initial
        const results: unknown[] = []
        for (const batch of all) {
          const applied = machine.apply(state, batch)
          state = applied[0]
          results.push(...applied[1])
        }
        expect({ board: state.value, results }).toEqual(specification(all.flat()))
      }),
      { numRuns: 300 },
    )
  })

  it('keeps the order of keys, which a snapshot shows, whatever the batches', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const machine = machineOf()
        const state = all.reduce((before, batch) => machine.apply(before, batch)[0], machine.initial)
        expect(JSON.stringify(state.value)).toBe(JSON.stringify(specification(all.flat()).board))
      }),
    )
  })

  it('freezes its states all through', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(isDeeplyFrozen(state.value)).toBe(true)
      }),
    )
  })

  it('gives results that outlive the batch and its later changes', () => {
    fc.assert(
      fc.property(fc.array(edits, { maxLength: 12 }), (batch) => {
        const machine = machineOf()
        const [state, results] = machine.apply(machine.initial, batch)
        const before = JSON.stringify(results)
        machine.apply(state, batch)
        expect(JSON.stringify(results)).toBe(before)
      }),
    )
  })

  it('arrives whole as a snapshot, whoever sends, however it is cut, whatever comes twice', () => {
    fc.assert(
      fc.property(states, objectBytes, objectBytes, transferPlans, (state, ours, theirs, plan) => {
        const [a, b] = [machineOf(ours), machineOf(theirs)]
        const received = transfer([a, b], a, state, plan)
        expect(JSON.stringify(received)).toBe(JSON.stringify(state))
      }),
      { numRuns: 200 },
    )
  })

  it('cuts objects within the bound, or of one character, and never inside one', () => {
    fc.assert(
      fc.property(states, objectBytes, (state, bytesMax) => {
        const machine = machineOf(bytesMax)
        for (let id: number | string | null = 0; id !== null;) {
          const object: { data: string; next: number | string | null } = machine.readObject(state, id)
          expect(object.data).not.toMatch(/\p{Surrogate}/u)
          expect(Buffer.byteLength(object.data)).toBeLessThanOrEqual(Math.max(bytesMax, 'more:'.length + 4))
          id = object.next
        }
      }),
    )
  })
})

interface Tree {
  readonly a: { readonly n: number }
  readonly b: JsonValue
  readonly list: readonly JsonValue[]
}

const TREE: Tree = { a: { n: 0 }, b: null, list: [{ n: 1 }, { n: 2, inner: [{ n: 3 }] }] }

/** A machine as a process has it that was started just now. */
const started = (initial: Tree = TREE) =>
  immerMachine<Tree, Program, JsonValue>({
    initial,
    apply: handlerOf(),
  })

/** A state and all results, as text, after batches of the given sizes, then one of the rest. */
const inBatches = (commands: readonly Program[], sizes: readonly number[]): string => {
  const machine = started()
  const results: unknown[] = []
  let state = machine.initial
  let from = 0
  for (const size of [...sizes, commands.length]) {
    const applied = machine.apply(state, commands.slice(from, from + size))
    state = applied[0]
    results.push(...applied[1])
    from += size
  }
  return JSON.stringify([state.value, results])
}

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 10 })

const nodesOf = (value: unknown): readonly object[] =>
  typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(nodesOf)] : []

const afterEach = (commands: readonly Program[], see: (state: ImmerState<Tree>) => void): void => {
  const machine = started()
  let state = machine.initial
  for (const command of commands) {
    state = machine.apply(state, [command])[0]
    see(state)
  }
}

describe('whatever a handler does to its draft', () => {
  it('where batches begin and end does not show, even if it keeps drafts and objects and changes them later', () => {
    fc.assert(
      fc.property(programs(ALL), sizes, sizes, (commands, one, other) => {
        expect(inBatches(commands, one)).toBe(inBatches(commands, other))
      }),
      { numRuns: 200 },
    )
  })

  it('a restart from a snapshot does not show', () => {
    fc.assert(
      fc.property(programs(RETENTIVE), fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (commands, restarts) => {
        let machine = started()
        let state = machine.initial
        const results: unknown[] = []
        for (const [at, command] of commands.entries()) {
          if (restarts[at] === true) {
            const objects = objectsOf(machine, state)
            machine = started()
            const restored = stateFromObjects(machine, objects)
            if ('error' in restored) throw new Error(restored.error)
            state = restored.state
          }
          const applied = machine.apply(state, [command])
          state = applied[0]
          results.push(...applied[1])
        }
        expect(JSON.stringify([state.value, results])).toBe(inBatches(commands, []))
      }),
      { numRuns: 200 },
    )
  })

  it('JSON leaves the state as it is after every command', () => {
    fc.assert(
      fc.property(programs(RETENTIVE), (commands) => {
        afterEach(commands, ({ value }) => expect(JSON.parse(JSON.stringify(value))).toStrictEqual(value))
      }),
      { numRuns: 100 },
    )
  })

  it('the state is a tree: no object is at two places, and all are frozen', () => {
    fc.assert(
      fc.property(programs(RETENTIVE), (commands) => {
        afterEach(commands, ({ value }) => {
          const nodes = nodesOf(value)
          expect([new Set(nodes).size, isDeeplyFrozen(value)]).toEqual([nodes.length, true])
        })
      }),
      { numRuns: 100 },
    )
  })

  it('the state is that of a deep copy for each command', () => {
    fc.assert(
      fc.property(programs(PURE), (commands) => {
        const handler = handlerOf()
        let tree: unknown = structuredClone(TREE)
        for (const command of commands) {
          try {
            const copy = structuredClone(tree) as object
            handler(copy, command)
            tree = JSON.parse(JSON.stringify(copy))
          } catch {
            // It made a cycle.
          }
        }
        const [state] = JSON.parse(inBatches(commands, [])) as [unknown]
        expect(JSON.stringify(state)).toBe(JSON.stringify(tree))
      }),
      { numRuns: 100 },
    )
  })
})
