import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { nodeId, type Index, type Term } from '../../../src/core/ids.ts'
import { birthSnapshot } from '../../../src/core/start.ts'
import { objectsOf } from '../../../src/machine/capture.ts'
import { StorageError, memoryStorage, type Stored } from '../../../src/shell/storage/storage.ts'
import { SESSIONS_MAX, machine } from '../../../src/shell/stdio/context.ts'
import { THREE, answers, hear, initLine, request } from './conversation.ts'

/* What is refused is refused by an error, and every later answer is what it would have been without it. */

type Body = Readonly<Record<string, unknown>>

const put = (index: number, key: string, value: unknown, term = 1) => ({
  index,
  term,
  command: { op: 'put', key, value },
})
const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
const vote = { type: 'request_vote', term: 9, candidate_id: 'n2', last_log_index: 9, last_log_term: 9 }
const append = {
  type: 'append_entries',
  term: 9,
  leader_id: 'n2',
  prev_log_index: 0,
  prev_log_term: 0,
  leader_commit: 0,
  entries: [],
}
const lead = { type: 'become_leader', term: 2 }
const applied = { type: 'apply_entries', entries: [put(1, 'x', 1)] }
const seeded = { type: 'seed_state', commit_index: 5, term: 2, state: { x: 1 } }
const tooDeep = nested(1001)

/** Requests whose answers show all that a conversation has changed. */
const PROBES: readonly Body[] = [
  { type: 'get_state' },
  { type: 'get_log_info' },
  { type: 'get_election_timeout' },
  { type: 'follower_read', key: 'x', max_staleness_ms: 1000 },
  { type: 'simulate_noop_commit', noop_index: 3 },
  { type: 'request_vote', term: 2, candidate_id: 'n3', last_log_index: 9, last_log_term: 9 },
  { type: 'write', key: 'y', value: 1, client_id: 'c', seq: 1 },
  { type: 'read', key: 'missing' },
]

describe.each<[string, readonly Body[], Body, number]>([
  ['leadership in an old term', [applied, { type: 'set_term', term: 3 }], lead, 22],
  ['leadership in an old term, of a leader', [{ ...lead, term: 4 }, applied], lead, 22],
  ['an election timeout of a leader', [lead, applied], { type: 'trigger_election_timeout' }, 22],
  ['a term in the past', [{ type: 'set_term', term: 3 }], { type: 'set_term', term: 2 }, 22],
  ['a vote for this node', [lead], { ...vote, candidate_id: 'n1' }, 12],
  ['a second leader of the term', [lead], { ...append, term: 2 }, 22],
  ['malformed entries of a newer term', [lead], { ...append, entries: [put(1, 'x', 1, 5), put(2, 'x', 1, 3)] }, 22],
  ['entries against what is committed', [applied], { ...append, entries: [put(1, 'x', 2, 5)] }, 22],
  ['a raft_append of an old term', [{ ...lead, term: 3 }], { type: 'raft_append', entry: { term: 2, command: 1 } }, 22],
  ['a write that the machine refuses', [lead], { type: 'write', key: 'x', value: tooDeep }, 12],
  ['a write on a follower', [append], { type: 'write', key: 'x', value: 1 }, 11],
  ['a write of a client on a follower', [append], { type: 'write', key: 'y', value: 9, client_id: 'c', seq: 1 }, 11],
  ['a read on a follower', [append], { type: 'read', key: 'x' }, 11],
  ['a cas on a follower', [append], { type: 'cas', key: 'x', from: 1, to: 2 }, 11],
  ['a cas without from', [lead], { type: 'cas', key: 'x', to: 2 }, 12],
  ['a cas that the machine refuses', [lead], { type: 'cas', key: 'x', from: 1, to: tooDeep }, 12],
  ['entries that the machine refuses', [lead], { type: 'apply_entries', entries: [put(1, 'x', tooDeep)] }, 12],
  ['entries of an older term than the state', [seeded], { type: 'apply_entries', entries: [put(6, 'x', 1)] }, 22],
  [
    'entries from the start, of an older term than the state',
    [seeded],
    { type: 'apply_entries', entries: [1, 2, 3, 4, 5, 6].map((index) => put(index, 'x', index)) },
    22,
  ],
  [
    'a seeded log whose terms fall',
    [lead],
    { type: 'seed_committed_log', entries: [put(1, 'x', 1, 2), put(2, 'x', 1)], commit_index: 1 },
    22,
  ],
  [
    'a seeded log too deep',
    [lead],
    { type: 'seed_committed_log', entries: [put(1, 'x', tooDeep)], commit_index: 1 },
    12,
  ],
  [
    'a snapshot too deep',
    [lead],
    { type: 'install_snapshot', snapshot_index: 3, snapshot_term: 2, state: { x: tooDeep } },
    12,
  ],
  ['a seeded state too deep', [lead], { type: 'seed_state', commit_index: 3, term: 2, state: { x: tooDeep } }, 12],
  ['a seeded state of the past', [seeded], { ...seeded, state: {} }, 22],
  ['a seeded state of an older term', [seeded], { ...seeded, commit_index: 9, term: 1 }, 22],
  [
    'a snapshot of an older term',
    [seeded],
    { type: 'install_snapshot', snapshot_index: 9, snapshot_term: 1, state: {} },
    22,
  ],
  ['a term without room for more', [lead], { type: 'set_term', term: Number.MAX_SAFE_INTEGER }, 12],
  [
    'a snapshot at an index without room for more',
    [lead],
    { type: 'install_snapshot', snapshot_index: Number.MAX_SAFE_INTEGER, snapshot_term: 2, state: {} },
    12,
  ],
  ['a snapshot of another index', [applied], { type: 'take_snapshot', up_to_index: 9 }, 22],
  [
    'a leader_change whose terms fall',
    [],
    {
      type: 'leader_change',
      new_leader: 'n2',
      new_term: 3,
      log: [put(1, 'x', 1, 2), put(2, 'x', 1, 1)],
      commit_index: 1,
    },
    12,
  ],
  [
    'a no-op at another index',
    [{ type: 'leader_change', new_leader: 'n2', new_term: 3, log: [put(1, 'x', 1), put(2, 'x', 1)], commit_index: 1 }],
    { type: 'simulate_noop_commit', noop_index: 9 },
    22,
  ],
])('%s', (_name, before, refused, code) => {
  it(`is refused by ${code}, and has changed nothing`, async () => {
    const without = await answers([...before, ...PROBES], THREE)
    const said = await answers([...before, refused, ...PROBES], THREE)
    expect(said[before.length]).toMatchObject({ type: 'error', code, text: expect.stringMatching(/\w{3}/) as string })
    expect(said.filter((_, at) => at !== before.length)).toEqual(without)
  })
})

/** Deeper than code that calls itself can walk: the marker stands for it until the line is text. */
const DEEP = 'as deep as this'
const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`

describe('a line nested 20,000 deep', () => {
  it.each<[Body]>([
    [{ type: 'raft_append', entry: { term: 1, command: DEEP } }],
    [{ ...append, entries: [put(1, 'x', DEEP)] }],
    [{ type: 'apply_entries', entries: [put(1, 'x', DEEP)] }],
    [{ type: 'seed_committed_log', entries: [put(1, 'x', DEEP)], commit_index: 1 }],
    [{ type: 'leader_change', new_leader: 'n2', new_term: 3, log: [put(1, 'x', DEEP)], commit_index: 1 }],
    [{ type: 'install_snapshot', snapshot_index: 3, snapshot_term: 2, state: { x: DEEP } }],
    [{ type: 'seed_state', commit_index: 3, term: 2, state: { x: DEEP } }],
    [{ type: 'write', key: 'x', value: DEEP }],
    [{ type: 'cas', key: 'x', from: DEEP, to: 1 }],
    [{ type: 'verify_linearizability', history: DEEP }],
  ])('is refused: %j', async (body) => {
    const line = request('c1', 'n1', { ...body, msg_id: 2 }).replace(JSON.stringify(DEEP), deep)
    const after = request('c1', 'n1', { type: 'get_state', msg_id: 3 })
    const { said } = await hear([initLine('n1', THREE), line, after], { mode: 'course' })
    expect(said.slice(1).map(({ body: { type, code } }) => [type, code])).toEqual([
      ['error', 12],
      ['state_reply', undefined],
    ])
  })
})

describe('a cas that finds another value', () => {
  it.each([
    ['missing', { type: 'cas', key: 'y', from: 1, to: 2 }, 20],
    ['different', { type: 'cas', key: 'x', from: 9, to: 2 }, 22],
  ])('%s does not turn later reads into the other dialect', async (_name, cas, code) => {
    const said = await answers([{ type: 'write', key: 'x', value: 1 }, cas, { type: 'read', key: 'missing' }])
    expect(said.slice(1)).toMatchObject([
      { type: 'error', code },
      { type: 'read_ok', value: null },
    ])
  })
})

describe('clients that number their writes', () => {
  const write = (client: string, seq: number, value: unknown) => ({
    type: 'write',
    key: 'x',
    value,
    client_id: client,
    seq,
  })
  const read = { type: 'read', key: 'x' }

  it('may count from 0', async () => {
    const said = await answers([write('c', 0, 'a'), write('c', 1, 'b'), write('c', 0, 'a'), read])
    expect(said.map(({ type }) => type)).toEqual(['write_ok', 'write_ok', 'write_ok', 'read_ok'])
    expect(said[3]).toEqual({ type: 'read_ok', value: 'b' })
  })

  it.each([[-1], [1.5], [2 ** 53], ['1']])('may not use %j', async (seq) => {
    const said = await answers([{ ...write('c', 0, 'a'), seq }, read])
    expect(said).toMatchObject([{ type: 'error', code: 12 }, { value: null }])
  })

  it('write once, however many other clients came since', async () => {
    const others = Array.from({ length: 10_001 }, (_, at) => write(`other ${at}`, 1, at))
    const said = await answers([write('c', 1, 'first'), ...others, write('c', 1, 'first'), read])
    expect(said.at(-2)).toEqual({ type: 'write_ok' })
    expect(said.at(-1)).toEqual({ type: 'read_ok', value: 10_000 })
  })

  it('are turned away when as many are remembered as fit, and the others go on', async () => {
    const registrations = Array.from(
      { length: SESSIONS_MAX },
      (_, at) => ({ type: 'register', client: `c${at}` }) as const,
    )
    const [full] = machine.apply(machine.initial, registrations)
    const snapshot = {
      ...birthSnapshot(configurationOf([nodeId('n1')])),
      lastIncludedIndex: 5 as Index,
      lastIncludedTerm: 1 as Term,
    }
    const remains = {
      id: nodeId('n1'),
      hardState: { currentTerm: 1 as Term, votedFor: null },
      snapshot,
      base: { index: 5 as Index, term: 1 as Term },
      entries: [],
    }
    const stored: Stored = { remains, objects: objectsOf(machine, full), received: [] }
    const openStorage = () => Promise.resolve({ ...memoryStorage(), load: () => Promise.resolve(stored) })
    const asked = [write('new', 1, 'a'), write('c7', 1, 'b'), { type: 'write', key: 'y', value: 'c' }, read]
    const lines = asked.map((body, at) => request('c1', 'n1', { ...body, msg_id: at + 2 }))
    const { said } = await hear([initLine(), ...lines], { openStorage })
    expect(said.slice(1).map(({ body }) => body)).toMatchObject([
      { type: 'error', code: 11 },
      { type: 'write_ok' },
      { type: 'write_ok' },
      { type: 'read_ok', value: 'b' },
    ])
  })

  it('are not told that a write took place when its answer is forgotten', async () => {
    const later = Array.from({ length: 300 }, (_, at) => write('c', at + 2, at))
    const said = await answers([write('c', 1, 'first'), ...later, write('c', 1, 'first'), read])
    expect(said.at(-2)).toMatchObject({ type: 'error', code: 0 })
    expect(said.at(-1)).toEqual({ type: 'read_ok', value: 299 })
  })
})

it('a storage that makes no server ends the node, and is no request of the client', async () => {
  const remains = {
    id: nodeId('n1'),
    hardState: { currentTerm: 0 as Term, votedFor: null },
    snapshot: { ...birthSnapshot(configurationOf([nodeId('n1')])), lastIncludedIndex: 5 as Index },
    base: { index: 0 as Index, term: 0 as Term },
    entries: [],
  }
  const stored: Stored = { remains, objects: [], received: [] }
  const openStorage = () => Promise.resolve({ ...memoryStorage(), load: () => Promise.resolve(stored) })
  const asked = request('c1', 'n1', { type: 'get_state', msg_id: 2 })
  await expect(hear([initLine(), asked], { openStorage })).rejects.toThrow(StorageError)
})

describe('init', () => {
  it('may name the nodes in another order the second time', async () => {
    const { said } = await hear([initLine('n1', THREE), initLine('n1', ['n3', 'n1', 'n2'])])
    expect(said.map(({ body }) => body['type'])).toEqual(['init_ok', 'init_ok'])
  })

  it('may not name others', async () => {
    const { said } = await hear([initLine('n1', THREE), initLine('n1', ['n3', 'n1', 'n4'])])
    expect(said[1]?.body).toMatchObject({ type: 'error', code: 22 })
  })
})

describe('wait', () => {
  const beats = async (waits: readonly number[]): Promise<number> => {
    const said = await answers([lead, ...waits.map((ms) => ({ type: 'wait', duration_ms: ms }))], THREE)
    return said.filter(({ type }) => type === 'append_entries').length
  }

  it.each([
    [[150], 1],
    [Array.from({ length: 30 }, () => 5), 1],
    [Array.from({ length: 1500 }, () => 0.1), 1],
    [Array.from({ length: 19 }, () => 5), 0],
    [[7, 93], 1],
    [[...Array.from({ length: 28 }, () => 7), 4], 2],
  ])('adds up: %j make %i rounds to each peer', async (waits, rounds) => {
    expect(await beats(waits)).toBe(rounds * 2)
  })
})
