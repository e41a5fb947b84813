import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/core/assert.ts'
import type { JsonValue } from '../../src/core/entry.ts'
import { VALUE_DEPTH_MAX } from '../../src/core/json.ts'
import { objectsOf, stateFromObjects } from '../../src/machine/capture.ts'
import { kvMachine, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import type { StateMachine } from '../../src/machine/machine.ts'
import { withSessions, type SessionCommand, type SessionResult } from '../../src/machine/sessions.ts'

type Command = SessionCommand<KvCommand>
type Result = SessionResult<KvResult>

const machine = withSessions(kvMachine(), { sessionsMax: 2, responsesMax: 2 })

const register = (client: string): Command => ({ type: 'register', client })
const close = (client: string): Command => ({ type: 'close', client })
/** Puts its own sequence number, unless it was put before: a second application would show. */
const put = (client: string, sequence: number, acknowledged = 0): Command => ({
  type: 'apply',
  client,
  sequence,
  acknowledged,
  command: { op: 'cas', key: `${client}${sequence}`, from: 'never', to: sequence, createIfMissing: true },
})
const open = (client: string, sequence: number): Command => ({ ...put(client, sequence), open: true }) as Command

const APPLIED: Result = { type: 'applied', result: { type: 'ok' } }
const FORGOTTEN: Result = { type: 'forgotten' }
const EXPIRED: Result = { type: 'sessionExpired' }

describe('the last command of a log', () => {
  const cases: readonly [string, readonly Command[], Result][] = [
    ['register', [register('a')], { type: 'registered' }],
    ['register again', [register('a'), register('a')], { type: 'registered' }],
    ['a duplicate after registering again', [register('a'), put('a', 1), register('a'), put('a', 1)], APPLIED],
    ['a first command', [register('a'), put('a', 1)], APPLIED],
    ['a duplicate', [register('a'), put('a', 1), put('a', 1)], APPLIED],
    ['a later number first', [register('a'), put('a', 2)], APPLIED],
    ['an earlier number late', [register('a'), put('a', 2), put('a', 1)], APPLIED],
    ['an acknowledged duplicate', [register('a'), put('a', 1), put('a', 2, 1), put('a', 1)], FORGOTTEN],
    ['an acknowledged number never seen', [register('a'), put('a', 3, 2), put('a', 1)], FORGOTTEN],
    ['a dropped duplicate', [register('a'), put('a', 1), put('a', 2), put('a', 3), put('a', 1)], FORGOTTEN],
    ['a duplicate still held', [register('a'), put('a', 1), put('a', 2), put('a', 3), put('a', 2)], APPLIED],
    ['no session', [put('a', 1)], EXPIRED],
    ['a closed session', [register('a'), close('a'), put('a', 1)], EXPIRED],
    ['closing', [register('a'), close('a')], { type: 'closed' }],
    ['closing nothing', [close('a')], { type: 'closed' }],
    ['the least recently used of too many', [register('a'), register('b'), register('c'), put('a', 1)], EXPIRED],
    ['a session used in between', [register('a'), register('b'), put('a', 1), register('c'), put('a', 2)], APPLIED],
    ['its neighbour', [register('a'), register('b'), put('a', 1), register('c'), put('b', 1)], EXPIRED],
    [
      'a forgotten command as a use',
      [register('a'), put('a', 2, 1), register('b'), put('a', 1), register('c'), put('b', 1)],
      EXPIRED,
    ],
    ['opening with the first command', [open('a', 1)], APPLIED],
    ['opening with a later command', [open('a', 2)], EXPIRED],
    ['a duplicate of the opening command', [open('a', 1), open('a', 1)], APPLIED],
    [
      'a direct command',
      [{ type: 'direct', command: { op: 'get', key: 'x' } }],
      { type: 'applied', result: { type: 'missing' } },
    ],
  ]
  it.each(cases)('%s', (_name, log, result) => {
    expect(machine.apply(machine.initial, log)[1].at(-1)).toEqual(result)
  })
})

describe('something that is no command', () => {
  const apply = { type: 'apply', client: 'a', sequence: 1, acknowledged: 0, command: { op: 'get', key: 'x' } }
  it.each<[unknown, string]>([
    [null, 'a command is an object'],
    [{}, 'type is register, apply, close or direct'],
    [{ type: 'register' }, 'client is a non-empty string'],
    [{ type: 'close', client: '' }, 'client is a non-empty string'],
    [{ ...apply, sequence: 0 }, 'sequence is a whole number, 1 or more'],
    [{ ...apply, sequence: 1.5 }, 'sequence is a whole number, 1 or more'],
    [{ ...apply, acknowledged: 1 }, 'acknowledged is a whole number less than sequence'],
    [{ ...apply, acknowledged: -1 }, 'acknowledged is a whole number less than sequence'],
    [{ ...apply, open: 1 }, 'open is true or false'],
    [{ ...apply, command: undefined }, 'command is missing'],
    [{ type: 'direct' }, 'command is missing'],
  ])('%j', (command, reason) => {
    expect(machine.apply(machine.initial, [command as Command])).toEqual([
      machine.initial,
      [{ type: 'invalid', reason }],
    ])
  })
})

describe('the machine inside', () => {
  const watch = () => {
    const calls: (readonly KvCommand[])[] = []
    const inner = kvMachine()
    const watched: StateMachine<KvState, KvCommand, KvResult> = {
      ...inner,
      apply(state, commands) {
        calls.push(commands)
        return inner.apply(state, commands)
      },
    }
    return { calls, machine: withSessions(watched) }
  }

  it('gets all commands of a batch in one call, without the duplicates', () => {
    const { calls, machine: watched } = watch()
    watched.apply(watched.initial, [register('a'), put('a', 1), put('a', 1), register('b'), put('b', 1), put('a', 2)])
    expect(calls.map((commands) => commands.map(({ key }) => key))).toEqual([['a1', 'b1', 'a2']])
  })

  it('is not called for a batch without commands for it', () => {
    const { calls, machine: watched } = watch()
    watched.apply(watched.initial, [register('a'), close('a')])
    expect(calls).toEqual([])
  })

  it('answers a duplicate in the same batch like the first', () => {
    const results = machine.apply(machine.initial, [register('a'), put('a', 1), put('a', 1)])[1]
    expect(results.slice(1)).toEqual([APPLIED, APPLIED])
  })

  it('breaks an invariant when it gives too few results', () => {
    const broken = withSessions({ ...kvMachine(), apply: (state: KvState) => [state, []] as const })
    expect(() => broken.apply(broken.initial, [{ type: 'direct', command: { op: 'get', key: 'x' } }])).toThrow(
      'one result for each command',
    )
  })
})

describe('a snapshot', () => {
  it('holds the table, a response an object if need be, and then the machine', () => {
    const small = withSessions(kvMachine(), { objectBytesMax: 1 })
    const [state] = small.apply(small.initial, [register('a'), put('b', 1), open('b', 1), put('b', 2)])
    expect(objectsOf(small, state)).toEqual([
      { id: 0, data: 'more:[["a",1,0]]' },
      { id: 'table:"after:[\\"a\\",0]"', data: 'more:[["b",2,0,1,{"type":"ok"}]]' },
      { id: 'table:"after:[\\"b\\",1]"', data: 'last:[["b",2,0,2,{"type":"ok"}]]' },
      { id: 'machine:0', data: 'last:[["b1",1],["b2",2]]' },
    ])
  })

  it('wants what it wanted before when an object of the table comes again', () => {
    const small = withSessions(kvMachine({ objectBytesMax: 1 }))
    const [state] = small.apply(small.initial, [register('a'), put('a', 1), put('a', 2)])
    const [table, first] = objectsOf(small, state)
    const partial = [table, first].reduce((before, object) => {
      const written = small.writeObject(before, object?.id ?? 0, object?.data ?? '')
      return 'state' in written ? written.state : before
    }, small.initial)
    expect(small.writeObject(partial, 0, table?.data ?? '')).toEqual({
      state: partial,
      next: 'machine:"after:\\"a1\\""',
    })
  })

  it.each([1, 'table:', 'table:null', 'machine:{}', 'other:0', 'table:"after:[1,2]"'])('has no object %j', (id) => {
    expect(() => machine.readObject(machine.initial, id)).toThrow('there is no such snapshot object')
  })

  it.each([
    ['last:[1]', 'the object is damaged'],
    ['last:[["a"]]', 'the object is damaged'],
    ['last:[["a",1,0,"x",1]]', 'the object is damaged'],
    ['last:[["a",1,0,1,1],["a",2,0,2,1]]', 'the object is from another snapshot'],
  ])('refuses %j', (data, error) => {
    expect(machine.writeObject(machine.initial, 0, data)).toEqual({ error })
  })
})

describe('a value as deep as it may be', () => {
  let deep: JsonValue = 1
  for (let level = 0; level < VALUE_DEPTH_MAX; level++) deep = [deep]
  const commands: readonly Command[] = [
    { type: 'direct', command: { op: 'put', key: 'k', value: deep } },
    { type: 'apply', client: 'a', sequence: 1, acknowledged: 0, open: true, command: { op: 'get', key: 'k' } },
  ]

  it('is an answer, though that goes deeper', () => {
    const [, results] = machine.apply(machine.initial, commands)
    expect(results.at(-1)).toEqual({ type: 'applied', result: { type: 'value', value: deep } })
  })

  it('is remembered across a snapshot', () => {
    const [state] = machine.apply(machine.initial, commands)
    const objects = objectsOf(machine, state)
    const back = stateFromObjects(machine, objects)
    expect('state' in back && objectsOf(machine, back.state)).toEqual(objects)
  })
})

it.each(['sessionsMax', 'responsesMax', 'objectBytesMax'])('%s is at least 1', (name) => {
  expect(() => withSessions(kvMachine(), { [name]: 0 })).toThrow(`${name} is a whole number, 1 or more`)
})

describe('a machine inside', () => {
  const answering = (results: readonly unknown[]): StateMachine<null, null, null> => ({
    initial: null,
    apply: () => [null, results as readonly null[]],
    readObject: () => ({ data: '', next: null }),
    writeObject: () => ({ state: null, next: null }),
  })

  it.each([[undefined], [NaN], [-0], [new Date(0)], [{ a: undefined }]])(
    'that answers %o breaks its contract',
    (result) => {
      const broken = withSessions(answering([result]))
      expect(() => broken.apply(broken.initial, [{ type: 'direct', command: null }])).toThrow(InvariantViolation)
    },
  )

  it('that leaves an answer out breaks its contract', () => {
    const broken = withSessions(answering(new Array(1)))
    expect(() => broken.apply(broken.initial, [{ type: 'direct', command: null }])).toThrow(InvariantViolation)
  })
})
