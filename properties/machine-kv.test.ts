import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../src/machine/capture.ts'
import {
  kvEntries,
  kvFromObject,
  kvGet,
  kvMachine,
  kvStateBytes,
  kvToObject,
  type KvState,
} from '../src/machine/kv/kv.ts'
import { KvModel, batches, commands, keys } from './models/kv-model.ts'
import { objectBytes, transfer, transferPlans } from './models/kv-model-transfer.ts'

const machine = kvMachine()

/** A state with a history of several batches. */
const states = batches.map((all) =>
  all.reduce<KvState>((state, batch) => machine.apply(state, batch)[0], machine.initial),
)

describe('the key-value machine', () => {
  it('answers as a plain Map does', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const model = new KvModel()
        let state = machine.initial
        for (const batch of all) {
          const [next, results] = machine.apply(state, batch)
          state = next
          expect(results).toEqual(batch.map((command) => model.apply(command)))
          expect([...kvEntries(state)]).toEqual(model.entries())
        }
      }),
      { numRuns: 300 },
    )
  })

  it('leaves every earlier state as it was, through thousands of later commands', () => {
    const manyBatches = fc.array(fc.array(commands, { minLength: 20, maxLength: 60 }), { minLength: 60, maxLength: 60 })
    fc.assert(
      fc.property(manyBatches, (all) => {
        const model = new KvModel()
        let state = machine.initial
        const history: { readonly state: KvState; readonly entries: unknown }[] = []
        for (const [round, batch] of all.entries()) {
          // Wide keys make the tree several levels deep, deletions make its nodes merge.
          const wide = batch.map((command, at) => ({ ...command, key: `${command.key}/${(round * 7 + at) % 90}` }))
          state = machine.apply(state, wide)[0]
          for (const command of wide) model.apply(command)
          history.push({ state, entries: model.entries() })
        }
        for (const then of history) expect([...then.state]).toEqual(then.entries)
      }),
      { numRuns: 8 },
    )
  })

  it('does not depend on where batches begin and end', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const one = machine.apply(machine.initial, all.flat())
        const results = []
        let state = machine.initial
        for (const batch of all) {
          const applied = machine.apply(state, batch)
          state = applied[0]
          results.push(...applied[1])
        }
        expect([state, results]).toEqual(one)
      }),
    )
  })

  it('never throws, whatever claims to be a command', () => {
    const fields = fc.record(
      { op: fc.oneof(fc.constantFrom('get', 'put', 'cas', 'delete'), fc.anything()), key: fc.anything() },
      { requiredKeys: [] },
    )
    const nonsense = fc.oneof(
      fc.anything(),
      fields,
      fc.record({ op: fc.string(), key: fc.string(), value: fc.anything() }),
    )
    fc.assert(
      fc.property(nonsense, (command) => {
        expect(machine.apply(machine.initial, [command as never])[1]).toHaveLength(1)
      }),
    )
  })
})

describe('reading a key-value state', () => {
  it('iterates from any key, in order', () => {
    fc.assert(
      fc.property(states, keys, fc.nat(5), (state, from, limit) => {
        const expected = [...state].filter(([key]) => key >= from).slice(0, limit)
        expect([...kvEntries(state, from, limit)]).toEqual(expected)
      }),
    )
  })

  it('measures the state as compact JSON in UTF-8', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(kvStateBytes(state)).toBe(Buffer.byteLength(JSON.stringify(kvToObject(state))))
      }),
    )
  })

  it('gives the state back from its JSON text', () => {
    fc.assert(
      fc.property(states, (state) => {
        const text = JSON.stringify(kvToObject(state))
        expect(kvFromObject(JSON.parse(text) as Parameters<typeof kvFromObject>[0])).toEqual(state)
      }),
    )
  })
})

describe('a snapshot of a key-value state', () => {
  it('arrives whole, whoever sends, however the senders cut it, whatever comes twice', () => {
    fc.assert(
      fc.property(states, objectBytes, objectBytes, transferPlans, (state, ours, theirs, plan) => {
        const [a, b] = [kvMachine({ objectBytesMax: ours }), kvMachine({ objectBytesMax: theirs })]
        expect(transfer([a, b], a, state, plan)).toEqual(state)
      }),
      { numRuns: 200 },
    )
  })

  it('has objects within the bound, or of one entry', () => {
    fc.assert(
      fc.property(states, objectBytes, (state, bytesMax) => {
        const bounded = kvMachine({ objectBytesMax: bytesMax })
        for (let id: number | string | null = 0; id !== null;) {
          const { data, next }: { data: string; next: number | string | null } = bounded.readObject(state, id)
          const records = JSON.parse(data.slice(data.indexOf(':') + 1)) as unknown[]
          expect(utf8Bytes(data) <= bytesMax || records.length <= 1).toBe(true)
          id = next
        }
      }),
    )
  })

  it('is refused when an object in the middle is left out', () => {
    fc.assert(
      fc.property(states, (state) => {
        const small = kvMachine({ objectBytesMax: 1 })
        fc.pre(state.size >= 3)
        const { data, next } = small.readObject(state, 0)
        const first = small.writeObject(small.initial, 0, data)
        const second = small.readObject(state, next ?? 0)
        const third = small.readObject(state, second.next ?? 0)
        expect('state' in first && small.writeObject(first.state, second.next ?? 0, third.data)).toEqual({
          error: 'an object before this one is missing',
        })
      }),
    )
  })

  it('never makes a machine throw, whatever arrives as an object', () => {
    fc.assert(
      fc.property(states, fc.oneof(fc.string(), fc.constant(0)), fc.json(), (state, id, text) => {
        for (const data of [text, `more:${text}`, `last:[${text}]`])
          kvGet(state, JSON.stringify(machine.writeObject(state, id, data)))
      }),
    )
  })
})
