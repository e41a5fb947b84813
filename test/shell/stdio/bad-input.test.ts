import { describe, expect, it } from 'vitest'
import { LINE_MAX, Lines } from '../../../src/shell/stdio/lines.ts'
import { THREE, answers, hear, initLine, request } from './conversation.ts'

const GOOD = { index: 1, term: 1, command: { op: 'put', key: 'x', value: 1 } }

describe('lines that are no messages', () => {
  it.each([
    ['nothing of JSON', 'hello'],
    ['half a message', '{"src":"c1","dest":"n1","body":{'],
    ['an array', '[]'],
    ['a number', '5'],
    ['null', 'null'],
    ['no body', '{"src":"c1","dest":"n1"}'],
    ['a body that is a text', '{"src":"c1","dest":"n1","body":"read"}'],
    ['no src', '{"dest":"n1","body":{"type":"get_state","msg_id":2}}'],
    ['a numeric src', '{"src":1,"dest":"n1","body":{"type":"get_state","msg_id":2}}'],
    ['a fractional msg_id', '{"src":"c1","dest":"n1","body":{"type":"get_state","msg_id":2.5}}'],
    ['a textual msg_id', '{"src":"c1","dest":"n1","body":{"type":"get_state","msg_id":"2"}}'],
  ])('%s: a note for people, no reply, and the node goes on', async (_name, line) => {
    const after = request('c1', 'n1', { type: 'get_state', msg_id: 3 })
    const { said, log } = await hear([initLine(), line, after])
    expect(said.map(({ body }) => body['type'])).toEqual(['init_ok', 'state_reply'])
    expect(log).toHaveLength(1)
  })

  it('an overlong line costs no memory and is skipped', () => {
    const lines: string[] = []
    let overlong = 0
    const cutter = new Lines(
      (line) => lines.push(line),
      () => overlong++,
    )
    const piece = 'x'.repeat(1 << 20)
    for (let at = 0; at <= LINE_MAX >> 20; at++) cutter.push(piece)
    cutter.push('\n{"next":1}\r\nlast')
    cutter.end()
    expect([overlong, lines]).toEqual([1, ['{"next":1}', 'last']])
  })
})

describe('lines as Windows writes them', () => {
  it.each([
    ['a byte order mark', '\uFEFF{"a":1}\n{"b":2}\n'],
    ['CR LF', '{"a":1}\r\n{"b":2}\r\n'],
    ['both, in two files one after the other', '\uFEFF{"a":1}\r\n\uFEFF{"b":2}\r\n'],
    ['both, and a last line without its end', '\uFEFF{"a":1}\r\n{"b":2}'],
  ])('%s: none is lost', (_name, text) => {
    const lines: string[] = []
    const cutter = new Lines(
      (line) => lines.push(line),
      () => lines.push('overlong'),
    )
    for (const character of text) cutter.push(character)
    cutter.end()
    expect(lines).toEqual(['{"a":1}', '{"b":2}'])
  })
})

describe('requests that make no sense', () => {
  it.each([
    ['an unknown type', { type: 'frobnicate' }, 10],
    ['a type that every object has', { type: 'constructor' }, 10],
    ['no type', {}, 12],
    ['a numeric type', { type: 5 }, 12],
    ['a missing field', { type: 'set_term' }, 12],
    ['a textual term', { type: 'set_term', term: '5' }, 12],
    ['a negative term', { type: 'set_term', term: -1 }, 12],
    ['a fractional term', { type: 'set_term', term: 1.5 }, 12],
    ['a term beyond exact numbers', { type: 'set_term', term: 2 ** 53 }, 12],
    ['null for a term', { type: 'set_term', term: null }, 12],
    ['entries that are no list', { type: 'apply_entries', entries: { 0: GOOD } }, 12],
    ['an entry without a command', { type: 'apply_entries', entries: [{ index: 1, term: 1 }] }, 12],
    ['an unknown operation', { type: 'apply_entries', entries: [{ ...GOOD, command: { op: 'incr', key: 'x' } }] }, 12],
    ['a put without a value', { type: 'apply_entries', entries: [{ ...GOOD, command: { op: 'put', key: 'x' } }] }, 12],
    ['a gap between entries', { type: 'apply_entries', entries: [GOOD, { ...GOOD, index: 3 }] }, 12],
    ['a gap after the log', { type: 'apply_entries', entries: [{ ...GOOD, index: 7 }] }, 22],
    [
      'entries whose terms fall',
      {
        type: 'apply_entries',
        entries: [
          { ...GOOD, term: 2 },
          { ...GOOD, index: 2 },
        ],
      },
      22,
    ],
    ['a commit index beyond the log', { type: 'seed_committed_log', entries: [GOOD], commit_index: 2 }, 12],
    [
      'a snapshot whose state is a list',
      { type: 'install_snapshot', snapshot_index: 1, snapshot_term: 1, state: [] },
      12,
    ],
    ['a snapshot of nothing', { type: 'install_snapshot', snapshot_index: 0, snapshot_term: 1, state: {} }, 12],
    ['a snapshot without a limit', { type: 'take_snapshot' }, 12],
    ['a snapshot of the future', { type: 'take_snapshot', up_to_index: 9 }, 22],
    ['match indices without nodes', { type: 'check_commit', log_length: 1, match_indices: {}, current_term: 1 }, 12],
    ['textual match indices', { type: 'check_commit', log_length: 1, match_indices: { a: 'b' }, current_term: 1 }, 12],
    ['a no-op of nobody', { type: 'simulate_noop_commit', noop_index: 1 }, 22],
    ['a key that is a list', { type: 'read_index', key: ['x'] }, 12],
    ['a history that is none', { type: 'verify_linearizability', history: 'x' }, 12],
    [
      'a vote for this node',
      { type: 'request_vote', term: 1, candidate_id: 'n1', last_log_index: 0, last_log_term: 0 },
      12,
    ],
    ['an infinite wait', { type: 'wait', duration_ms: 1e300 }, 12],
    ['a wait of more than an hour', { type: 'wait', duration_ms: 3_600_001 }, 12],
    [
      'a cluster without nodes',
      { type: 'partition_test', cluster_size: 0, operations: 1, partition_after_op: 0, heal_after_op: 1 },
      12,
    ],
  ])('%s: a clear error, and nothing has changed', async (_name, body, code) => {
    const before = await answers([{ type: 'get_log_info' }, { type: 'get_state' }], THREE)
    const after = await answers(
      [{ type: 'get_log_info' }, body, { type: 'get_log_info' }, { type: 'get_state' }],
      THREE,
    )
    expect(after[1]).toEqual({ type: 'error', code, text: expect.stringMatching(/\w{3}/) as string })
    expect([after[2], after[3]]).toEqual(before)
  })

  it('a term in the past is refused', async () => {
    const said = await answers([
      { type: 'set_term', term: 5 },
      { type: 'become_leader', term: 4 },
      { type: 'get_state' },
    ])
    expect(said[1]).toMatchObject({ type: 'error', code: 22 })
    expect(said[2]).toMatchObject({ state: 'follower', term: 5 })
  })

  it('a request before init is told so', async () => {
    const { said } = await hear([request('c1', 'n1', { type: 'get_state', msg_id: 1 })])
    expect(said[0]?.body).toMatchObject({ type: 'error', code: 11, in_reply_to: 1 })
  })

  it.each([
    [{ type: 'init', msg_id: 1 }],
    [{ type: 'init', msg_id: 1, node_id: 'n1', node_ids: [] }],
    [{ type: 'init', msg_id: 1, node_id: 'n1', node_ids: ['n2'] }],
    [{ type: 'init', msg_id: 1, node_id: 'n1', node_ids: ['n1', 'n1'] }],
    [{ type: 'init', msg_id: 1, node_id: '', node_ids: [''] }],
  ])('an init that makes no sense is refused: %j', async (body) => {
    const { said } = await hear([request('c0', 'n1', body)])
    expect(said[0]?.body).toMatchObject({ type: 'error', code: 12, in_reply_to: 1 })
  })

  it('a second init under another name is refused', async () => {
    const { said } = await hear([initLine(), initLine('n2', ['n2'])])
    expect(said[1]?.body).toMatchObject({ type: 'error', code: 22 })
  })

  it('__proto__ is a key like any other', async () => {
    const line = (id: number, body: string): string => `{"src":"c1","dest":"n1","body":{"msg_id":${id},${body}}}`
    const { said } = await hear([
      initLine(),
      line(2, '"type":"install_snapshot","snapshot_index":1,"snapshot_term":1,"state":{"__proto__":{"polluted":1}}'),
      line(3, '"type":"get_state","__proto__":{"type":"read"}'),
    ])
    expect(JSON.stringify(said[2]?.body['state'])).toBe('{"__proto__":{"polluted":1}}')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
