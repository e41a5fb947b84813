import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../src/core/entry.ts'
import { objectsOf, stateFromObjects } from '../src/machine/capture.ts'
import { kvMachine, type KvState } from '../src/machine/kv/kv.ts'
import type { StateMachine } from '../src/machine/machine.ts'
import { withSessions, type SessionCommand, type SessionsState } from '../src/machine/sessions.ts'
import { SessionsModel, sessionBatches, type Command, type Result } from './models/kv-model-sessions.ts'
import { objectBytes, transfer, transferPlans } from './models/kv-model-transfer.ts'

const LIMITS = { sessionsMax: 3, responsesMax: 3 }
const machine = withSessions(kvMachine(), LIMITS)

type State = SessionsState<KvState>
const stateAfter = (all: readonly (readonly Command[])[]): State =>
  all.reduce<State>((state, batch) => machine.apply(state, batch)[0], machine.initial)
const states = sessionBatches.map(stateAfter)

/** Results of all batches, the state passing through `between` after each. */
const resultsOf = (all: readonly (readonly Command[])[], between: (state: State) => State): Result[] => {
  const results: Result[] = []
  let state: State = machine.initial
  for (const batch of all) {
    const applied = machine.apply(state, batch)
    results.push(...applied[1])
    state = between(applied[0])
  }
  return results
}

const throughSnapshot =
  <C extends JsonValue, R extends JsonValue>(by: StateMachine<State, C, R>) =>
  (state: State): State => {
    const restored = stateFromObjects(by, objectsOf(by, state))
    if ('error' in restored) throw new Error(restored.error)
    return restored.state
  }

/** Adds up what it is told: a command applied twice shows in every later total. */
const adder: StateMachine<number, number, number> = {
  initial: 0,
  apply(total, commands) {
    let sum = total
    return [commands.reduce((before, command) => before + command, total), commands.map((command) => (sum += command))]
  },
  readObject: (total) => ({ data: String(total), next: null }),
  writeObject: (_partial, _id, data) => ({ state: Number(data), next: null }),
}

describe('sessions', () => {
  it('answer as the specification does, one command at a time', () => {
    fc.assert(
      fc.property(sessionBatches, (all) => {
        const model = new SessionsModel(LIMITS.sessionsMax, LIMITS.responsesMax)
        const expected = all.flat().map((command) => model.apply(command))
        expect(resultsOf(all, (state) => state)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('hold the sessions, the floors and the responses that the specification holds', () => {
    fc.assert(
      fc.property(sessionBatches, (all) => {
        const model = new SessionsModel(LIMITS.sessionsMax, LIMITS.responsesMax)
        for (const command of all.flat()) model.apply(command)
        const { sessions, order } = stateAfter(all).table
        const held = [...order].map(([, client]) => {
          const session = sessions.get(client)
          return [client, session?.floor, session?.responses.map((response) => response.sequence)]
        })
        const expected = [...model.sessions].map(([client, { floor, responses }]) => {
          return [client, floor, [...responses.keys()].sort((a, b) => a - b)]
        })
        expect(held).toEqual(expected)
        expect(sessions.size).toBe(order.size)
      }),
      { numRuns: 300 },
    )
  })

  it('do not depend on where batches begin and end', () => {
    fc.assert(
      fc.property(sessionBatches, (all) => {
        const [state, results] = machine.apply(machine.initial, all.flat())
        expect([stateAfter(all), resultsOf(all, (same) => same)]).toEqual([state, results])
      }),
    )
  })

  it('apply what well-behaved clients send exactly once, however it is repeated and reordered', () => {
    const traffic = fc.array(
      fc.record({ client: fc.constantFrom('a', 'b'), delays: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }) }),
      {
        maxLength: 30,
      },
    )
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 7 }), (requests, batchSize) => {
        const next = new Map<string, number>()
        const copies = requests.flatMap(({ client, delays }, at) => {
          const sequence = (next.get(client) ?? 0) + 1
          next.set(client, sequence)
          const command: SessionCommand<number> = { type: 'apply', client, sequence, acknowledged: 0, command: 1 + at }
          return delays.map((delay) => ({ command, when: at + delay }))
        })
        const log = copies.sort((a, b) => a.when - b.when).map(({ command }) => command)
        const counted = withSessions(adder)
        let state = counted.apply(counted.initial, [
          { type: 'register', client: 'a' },
          { type: 'register', client: 'b' },
        ])[0]
        for (let from = 0; from < log.length; from += batchSize) {
          state = counted.apply(state, log.slice(from, from + batchSize))[0]
        }
        expect(state.machine).toBe(requests.reduce((sum, _request, at) => sum + 1 + at, 0))
      }),
      { numRuns: 300 },
    )
  })

  it('leave the states before as they were', () => {
    fc.assert(
      fc.property(sessionBatches, (all) => {
        const history: { readonly state: State; readonly text: string }[] = []
        let state: State = machine.initial
        for (const batch of all) {
          state = machine.apply(state, batch)[0]
          history.push({ state, text: JSON.stringify(state) })
        }
        expect(history.map((then) => JSON.stringify(then.state))).toEqual(history.map((then) => then.text))
      }),
    )
  })
})

describe('a snapshot with sessions', () => {
  it('changes no result when it replaces the state between any two batches', () => {
    fc.assert(
      fc.property(sessionBatches, (all) => {
        expect(resultsOf(all, throughSnapshot(machine))).toEqual(resultsOf(all, (state) => state))
      }),
      { numRuns: 200 },
    )
  })

  it('is what that property is about: with the sessions left out of it, results do change', () => {
    const inner = kvMachine()
    const forgetful: StateMachine<State, Command, Result> = {
      ...machine,
      readObject: (state, id) => inner.readObject(state.machine, id),
      writeObject(partial, id, data) {
        const written = inner.writeObject(partial.machine, id, data)
        return 'error' in written ? written : { ...written, state: { ...partial, machine: written.state } }
      },
    }
    const outcome = fc.check(
      fc.property(sessionBatches, (all) => {
        expect(resultsOf(all, throughSnapshot(forgetful))).toEqual(resultsOf(all, (state) => state))
      }),
      { numRuns: 200 },
    )
    expect(outcome.failed).toBe(true)
  })

  it('arrives whole, whoever sends, however the senders cut it, whatever comes twice', () => {
    const machineOf = (bytes: number) => {
      return withSessions(kvMachine({ objectBytesMax: bytes }), { ...LIMITS, objectBytesMax: bytes })
    }
    fc.assert(
      fc.property(states, objectBytes, objectBytes, transferPlans, (state, ours, theirs, plan) => {
        const [a, b] = [machineOf(ours), machineOf(theirs)]
        expect(transfer([a, b], a, state, plan)).toEqual(state)
      }),
      { numRuns: 200 },
    )
  })

  it('refuses the objects of the machine before those of the table', () => {
    fc.assert(
      fc.property(states, (state) => {
        const object = machine.readObject(state, 'machine:0')
        expect(machine.writeObject(machine.initial, 'machine:0', object.data)).toHaveProperty('error')
      }),
      { numRuns: 20 },
    )
  })
})
