import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../src/core/entry.ts'
import type { Input, Operation, Output } from '../src/linearizability/history.ts'
import { checkLinearizability } from '../src/linearizability/check.ts'
import { judge } from '../src/linearizability/refute.ts'

/** What a store of its own, written apart from kv-model.ts, answers: the reference of this file. */
const execute = (store: Map<string, JsonValue>, input: Input): Output => {
  const held = store.get(input.key)
  switch (input.kind) {
    case 'get':
      return held === undefined ? { type: 'missing' } : { type: 'value', value: held }
    case 'put':
      store.set(input.key, input.value)
      return { type: 'ok' }
    case 'delete':
      return store.delete(input.key) ? { type: 'deleted' } : { type: 'missing' }
    case 'cas':
      if (held === undefined && !input.createIfMissing) return { type: 'missing' }
      if (held !== undefined && held !== input.from) return { type: 'mismatch' }
      store.set(input.key, input.to)
      return { type: 'ok' }
  }
}

/** Tries every order of every subset that holds all operations that returned. */
const bruteForce = (operations: readonly Operation[]): boolean => {
  const search = (left: readonly Operation[], store: ReadonlyMap<string, JsonValue>): boolean => {
    if (left.every((operation) => operation.return === null)) return true
    return left.some((operation) => {
      if (left.some((other) => other.return !== null && other.return < operation.call)) return false
      const next = new Map(store)
      const answer = execute(next, operation.input)
      const isLegal = operation.output === null || JSON.stringify(answer) === JSON.stringify(operation.output)
      return (
        isLegal &&
        search(
          left.filter((other) => other !== operation),
          next,
        )
      )
    })
  }
  return search(operations, new Map())
}

const inputs = (keys: readonly string[], values: number): fc.Arbitrary<Input> => {
  const key = fc.constantFrom(...keys)
  const value = fc.integer({ min: 0, max: values - 1 })
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('cas' as const),
        key,
        from: value,
        to: value,
        createIfMissing: fc.boolean(),
      }),
    },
  )
}

interface Draft {
  readonly input: Input
  readonly before: number
  readonly after: number
  /** 0: it took effect and nobody knows; 1: it never did; otherwise it returned. */
  readonly fate: number
}

const drafts = (input: fc.Arbitrary<Input>, size: fc.ArrayConstraints): fc.Arbitrary<readonly Draft[]> =>
  fc.array(fc.record({ input, before: fc.nat(25), after: fc.nat(25), fate: fc.nat(9) }), size)

/** A real sequential execution, one operation every 10 units of time, each seen by its client as an interval. */
const run = (plan: readonly Draft[]): readonly Operation[] => {
  const store = new Map<string, JsonValue>()
  return plan.map(({ input, before, after, fate }, at) => {
    const output = fate === 1 ? null : execute(store, input)
    const isKnown = fate > 1
    const call = at * 10 - before
    return { client: `c${at}`, call, return: isKnown ? at * 10 + after : null, input, output: isKnown ? output : null }
  })
}

/** Gives the operation chosen an answer or times that may not fit. */
const mutate = (operations: readonly Operation[], choice: number, change: number): readonly Operation[] =>
  operations.map((operation, at) => {
    if (at !== choice % operations.length || operation.return === null) return operation
    switch (change % 4) {
      case 0:
        return { ...operation, call: operation.call + 100, return: operation.return + 100 }
      case 1:
        return { ...operation, call: operation.call - 100, return: operation.return - 100 }
      default:
        return { ...operation, output: otherOutput(operation, change) }
    }
  })

const otherOutput = ({ input, output }: Operation, change: number): Output | null => {
  if (input.kind === 'get') return change % 5 === 0 ? { type: 'missing' } : { type: 'value', value: change % 3 }
  if (input.kind === 'delete') return { type: change % 2 === 0 ? 'deleted' : 'missing' }
  return input.kind === 'cas' ? { type: change % 3 === 0 ? 'mismatch' : 'ok' } : output
}

describe('checkLinearizability', () => {
  it('agrees with trying every order, on legal and on mutated histories', () => {
    const tally = { linearizable: 0, violation: 0 }
    const small = drafts(inputs(['x'], 3), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        small,
        fc.nat(3),
        fc.array(fc.tuple(fc.nat(5), fc.nat(60)), { maxLength: 3 }),
        (plan, shrink, edits) => {
          const tight = plan.map((draft) => ({
            ...draft,
            before: draft.before >> shrink,
            after: draft.after >> shrink,
          }))
          const operations = edits.reduce((all, [choice, change]) => mutate(all, choice, change), run(tight))
          const expected = bruteForce(operations) ? 'linearizable' : 'violation'
          tally[expected]++
          expect(checkLinearizability(operations).result).toBe(expected)
        },
      ),
      { numRuns: 6000 },
    )
    expect(tally.linearizable).toBeGreaterThan(1000)
    expect(tally.violation).toBeGreaterThan(1000)
  })

  it('accepts every real execution', () => {
    fc.assert(
      fc.property(drafts(inputs(['x', 'y', 'z'], 5), { maxLength: 150, size: 'max' }), (plan) => {
        expect(checkLinearizability(run(plan)).result).toBe('linearizable')
      }),
      { numRuns: 500 },
    )
  })

  it('rejects a read of a value never written', () => {
    fc.assert(
      fc.property(
        drafts(inputs(['x', 'y', 'z'], 5), { minLength: 1, maxLength: 80, size: 'max' }),
        fc.nat(),
        (plan, at) => {
          const operations = run(plan)
          const reads = operations.filter(({ input, output }) => input.kind === 'get' && output !== null)
          fc.pre(reads.length > 0)
          const corrupted = reads[at % reads.length]
          const history = operations.map((operation): Operation =>
            operation === corrupted ? { ...operation, output: { type: 'value', value: 'never' } } : operation,
          )
          const verdict = checkLinearizability(history)
          expect(verdict).toMatchObject({ result: 'violation', key: corrupted?.input.key })
          expect(verdict).toHaveProperty(
            'operations',
            expect.arrayContaining([expect.objectContaining({ output: { type: 'value', value: 'never' } })]),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('does not depend on the order in which operations are listed', () => {
    const plan = drafts(inputs(['x'], 3), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(plan, fc.nat(11), fc.nat(60), (draft, choice, change) => {
        const operations = mutate(run(draft), choice, change)
        const verdict = checkLinearizability(operations).result
        expect(checkLinearizability([...operations].reverse()).result).toBe(verdict)
      }),
      { numRuns: 500 },
    )
  })
})

/** Gives every write a value of its own; a read finds the value its write got in the run. */
const registers = (plan: readonly Draft[]): readonly Draft[] =>
  plan.map((draft, at) =>
    draft.input.kind === 'put'
      ? { ...draft, input: { ...draft.input, value: at } }
      : { ...draft, input: { kind: 'get', key: 'x' } },
  )

describe('judge, without a search', () => {
  const edits = fc.array(fc.tuple(fc.nat(6), fc.nat(60)), { maxLength: 3 })
  const tighter = (plan: readonly Draft[], by: number): readonly Draft[] =>
    plan.map((draft) => ({ ...draft, before: draft.before >> by, after: draft.after >> by }))

  it('never contradicts trying every order', () => {
    const tally = { refuted: 0, linearizable: 0, undecided: 0 }
    const small = drafts(inputs(['x'], 3), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(small, fc.nat(3), edits, (plan, by, changes) => {
        const operations = changes.reduce(
          (all, [choice, change]) => mutate(all, choice, change),
          run(tighter(plan, by)),
        )
        const { type } = judge(operations)
        tally[type]++
        if (type !== 'undecided') expect(type).toBe(bruteForce(operations) ? 'linearizable' : 'refuted')
      }),
      { numRuns: 12_000 },
    )
    expect(Object.values(tally).every((count) => count > 300)).toBe(true)
  })

  it('decides every history of reads and writes in which no value is written twice', () => {
    const tally = { refuted: 0, linearizable: 0, undecided: 0 }
    const small = drafts(inputs(['x'], 3), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(small, fc.nat(3), edits, (plan, by, changes) => {
        const operations = changes.reduce(
          (all, [choice, change]) => mutate(all, choice, change),
          run(tighter(registers(plan), by)),
        )
        const { type } = judge(operations)
        tally[type]++
        expect(type).toBe(bruteForce(operations) ? 'linearizable' : 'refuted')
      }),
      { numRuns: 12_000 },
    )
    expect([tally.refuted > 1000, tally.linearizable > 1000]).toEqual([true, true])
  })
})
