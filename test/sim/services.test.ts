import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import { kvService } from '../../src/sim/kv-service.ts'
import type { Told } from '../../src/sim/service.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { SimulationReport } from '../../src/sim/simulation.ts'
import {
  sumMachine,
  sumService,
  without,
  type Add,
  type SumResult,
  type SumService,
  type SumState,
} from './services.ts'

const base = sumMachine()

/** What a few runs full of snapshots find. */
const found = (service: () => SumService, nodes = 3): readonly SimulationReport['finding'][] =>
  [1, 2, 3, 4, 5, 6].map((seed) => simulate(service, { seed, nodes, profile: 'snapshots', steps: 1_500 }).finding)

const claims = (findings: readonly SimulationReport['finding'][]): readonly (string | undefined)[] => [
  ...new Set(findings.map((finding) => finding?.claim)),
]

describe('a machine of the user', () => {
  it('that keeps its word gives no finding', () => {
    expect(claims(found(sumService()))).toEqual([undefined])
  })

  it('whose restored state lacks something is found', () => {
    const lossy = sumService({
      writeObject: (partial, id, data) => {
        const written = base.writeObject(partial, id, data)
        return 'error' in written ? written : { ...written, state: without(written.state, 'count') }
      },
    })
    expect(claims(found(lossy))).toContain('SF')
  })

  it('whose snapshot objects lack something is found', () => {
    const lossy = sumService({ readObject: (state, id) => base.readObject(without(state, 'total'), id) })
    expect(claims(found(lossy))).toContain('SF')
  })

  it('whose snapshot objects lack something that shows in its objects later is found', () => {
    const hidden = sumMachine((draft, { add }) => {
      draft.count++
      draft.total += add + (draft.count % 2)
      return draft.total
    })
    const lossy = sumService({
      ...hidden,
      readObject: (state, id) => hidden.readObject(without(state, 'count'), id),
    })
    expect(claims(found(lossy))).toContain('SF')
  })

  it('whose snapshot objects lack something that only reads show is found', () => {
    // Neither a result nor an object ever tells: only what clients read does.
    const silent = sumMachine((draft, { add }) => {
      draft.total += add
      return 0
    })
    const lossy = sumService({ ...silent, readObject: (state, id) => silent.readObject(without(state, 'total'), id) })
    expect(claims(found(lossy))).toContain('SF')
  })

  /** Counts outside of its state. */
  const forgetful = () => {
    let calls = 0
    const machine = sumMachine((draft, { add }) => {
      calls++
      draft.total += add * calls
      return draft.total
    })
    return { ...sumService()(), machine }
  }

  it('that counts outside of its state is found', () => {
    const findings = found(forgetful)
    expect(claims(findings)).toEqual(['SF'])
    expect(findings[0]).toMatchObject({ sentence: 'equal commands give equal results on all servers' })
  })

  it('is compared when it restarts, before later commands cover what was lost', () => {
    const machine = sumMachine((draft, { add }) => {
      draft.total += add
      draft.count = 1
      return draft.total
    })
    const lossy = sumService({
      ...machine,
      writeObject: (partial, id, data) => {
        const written = machine.writeObject(partial, id, data)
        return 'error' in written ? written : { ...written, state: without(written.state, 'count') }
      },
    })
    expect(claims(found(lossy, 1))).toContain('SF')
  })

  it('is compared at every snapshot, and once more in the end', () => {
    const options = { nodes: 3, profile: 'calm', steps: 2_000 } as const
    // Neither results nor answers show what it counts.
    const silent = () => {
      let calls = 0
      return sumService({
        apply: (state, commands) => {
          const [after, results] = base.apply(state, commands)
          return [{ ...after, value: { ...after.value, count: ++calls } }, results]
        },
      })()
    }
    const runs = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => {
      const { marks } = simulate(sumService(), { ...options, seed })
      const { finding } = simulate(silent, { ...options, seed })
      expect(finding?.claim).toBe('SF')
      return { isEarly: (finding?.step ?? 0) < options.steps, snapshots: marks['snapshot taken'] }
    })
    expect(runs.every(({ isEarly, snapshots }) => isEarly === snapshots > 0)).toBe(true)
    expect(new Set(runs.map(({ isEarly }) => isEarly))).toEqual(new Set([true, false]))
  })

  it('that lets it show where batches end is found', () => {
    const machine = sumService({
      apply: (state, commands) => {
        const [after, results] = base.apply(state, commands)
        return [{ ...after, value: { ...after.value, count: after.value.count + commands.length - 1 } }, results]
      },
    })
    expect(claims(found(machine))).toContain('SF')
  })

  it('that throws lets its error out', () => {
    const broken = sumService({
      apply: (state, commands) => {
        if (state.value.count > 3) throw new RangeError('too many for me')
        return base.apply(state, commands)
      },
    })
    expect(() => found(broken)).toThrow(new RangeError('too many for me'))
  })

  it('that edits the commands it is given is found', () => {
    const impure = sumService({
      apply: (state, commands) => {
        for (const command of commands) (command as { add: number }).add = 1
        return base.apply(state, commands)
      },
    })
    expect(claims(found(impure))).toEqual(['PURE'])
  })
})

describe('a judge of the user', () => {
  it('decides what clients may be told', () => {
    const service = sumService({}, () => 'nobody may be told anything')
    const { finding, steps } = simulate(service, { seed: 1, nodes: 3, profile: 'calm', steps: 300 })
    expect(finding).toEqual({
      claim: 'LIN',
      sentence: 'nobody may be told anything',
      step: steps - 1,
      node: null,
      event: '',
      detail: '',
    })
  })

  it('is asked once, with every request in it', () => {
    const asked: (readonly Told<SumState, Add, SumResult>[])[] = []
    const service = sumService({}, (history) => {
      asked.push(history)
      return null
    })
    const { finding, operations } = simulate(service, { seed: 1, nodes: 3, profile: 'chaos', steps: 1_000 })
    expect(finding).toBeNull()
    expect(asked).toHaveLength(1)
    const [history = []] = asked
    expect(history).toHaveLength(operations)
    for (const { request, call, answer } of history) {
      expect(answer?.time).toBeGreaterThan(call)
      if (request.type === 'query') expect(answer?.value).toEqual(expect.any(Number))
      else expect(answer?.value).toEqual({ type: 'ok', result: expect.any(Number) as unknown })
    }
  })

  it('finds that a command took effect twice', () => {
    // Every answer is the total so far: in the order of totals each adds its own.
    const judge: NonNullable<SumService['judge']> = (history) => {
      let total = 0
      const totals = history.flatMap(({ request, answer }) =>
        request.type === 'command' && answer !== null ? [[request.command.add, totalOf(answer.value)] as const] : [],
      )
      for (const [add, sum] of totals.toSorted(([, a], [, b]) => a - b)) {
        total += add
        if (total !== sum) return `${sum} is not ${total}`
      }
      return null
    }
    const totalOf = (value: JsonValue): number => (value as { result: number }).result
    expect(claims(found(sumService({}, judge), 5))).toEqual([undefined])
    const twice = sumMachine((draft, { add }) => {
      draft.total += draft.count++ === 5 ? 2 * add : add
      return draft.total
    })
    expect(claims(found(sumService(twice, judge)))).toEqual(['LIN'])
  })

  it('of linearizability finds reads of a stale copy', () => {
    const stale = () => {
      const service = kvService()
      const copies = new Map<string, JsonValue>()
      const next: typeof service.next = (dice) => {
        const request = service.next(dice)
        if (request.type !== 'query') return request
        const key = JSON.stringify(request.query)
        // The judge knows a request by its identity.
        return Object.assign(request, { ask: askOnce(key, request.ask) })
      }
      const askOnce = <S>(key: string, ask: (state: S) => JsonValue) => {
        let answer: JsonValue | undefined
        return (state: S): JsonValue => {
          // Asked twice, by the client and by whoever compares, it says the same.
          const now = ask(state)
          answer ??= copies.get(key) ?? now
          copies.set(key, now)
          return answer
        }
      }
      return { ...service, next }
    }
    const { finding } = simulate(stale, { seed: 1, nodes: 3, profile: 'calm', steps: 2_000 })
    expect(finding).toMatchObject({ claim: 'LIN', node: null, event: '' })
    expect(finding?.sentence).not.toBe('')
  })
})
