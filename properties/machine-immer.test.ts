import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../src/core/entry.ts'
import { immerMachine, type ImmerState } from '../src/machine/immer-machine.ts'
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

const lists = fc.constantFrom('a', 'b', '10', '9', 'é')
const text = fc.string({ unit: 'binary', maxLength: 30 })
const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ op: fc.constant('title' as const), text }),
  fc.record({ op: fc.constant('push' as const), list: lists, item: fc.oneof(values, text) }),
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
