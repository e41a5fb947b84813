import { describe, expect, it } from 'vitest'
import { THREE, answers, hear, initLine, request } from './conversation.ts'

const write = (key: string, value: unknown, more: object = {}) => ({ type: 'write', key, value, ...more })
const read = (key: string) => ({ type: 'read', key })

describe('the store track', () => {
  it('7-1: a single node serves at once', async () => {
    expect(await answers([write('x', 1), read('x')])).toEqual([{ type: 'write_ok' }, { type: 'read_ok', value: 1 }])
  })

  it('7-1: values keep their JSON type', async () => {
    const values = ['1', 1, null, true, [1, { a: 'ü' }], { __proto__x: 1 }]
    const said = await answers(values.flatMap((value) => [write('x', value), read('x')]))
    expect(said.filter(({ type }) => type === 'read_ok').map(({ value }) => value)).toEqual(values)
  })

  it('7-2: a leader reads null where there is no key', async () => {
    expect(await answers([{ type: 'become_leader', term: 1 }, read('x')], THREE)).toEqual([
      { type: 'become_leader_ok' },
      { type: 'read_ok', value: null },
    ])
  })

  it('7-2: a leader by the oracle serves what was written', async () => {
    const said = await answers([{ type: 'become_leader', term: 1 }, write('x', 'v'), read('x')], THREE)
    expect(said[1]).toEqual({ type: 'write_ok' })
    expect(said[2]).toEqual({ type: 'read_ok', value: 'v' })
  })

  it('7-2: a follower sends the client to the leader', async () => {
    const heartbeat = {
      type: 'append_entries',
      term: 1,
      leader_id: 'n2',
      prev_log_index: 0,
      prev_log_term: 0,
      entries: [],
      leader_commit: 0,
    }
    const said = await answers([heartbeat, write('x', 1)], THREE)
    expect(said[1]).toMatchObject({ type: 'error', code: 11, text: expect.stringContaining('n2') as string })
  })

  it('7-4: a repeated write is applied once', async () => {
    const said = await answers([
      write('x', 1, { client_id: 'c1', seq: 1 }),
      write('x', 2, { client_id: 'c1', seq: 2 }),
      write('x', 1, { client_id: 'c1', seq: 1 }),
      read('x'),
    ])
    expect(said).toEqual([
      { type: 'write_ok' },
      { type: 'write_ok' },
      { type: 'write_ok' },
      { type: 'read_ok', value: 2 },
    ])
  })

  it('7-5: a seeded state is what a snapshot is of', async () => {
    expect(
      await answers([
        { type: 'seed_state', state: { x: 1, y: 2 }, commit_index: 5, term: 2 },
        { type: 'take_snapshot', up_to_index: 5 },
        read('y'),
      ]),
    ).toEqual([
      { type: 'seed_state_ok' },
      { type: 'snapshot_ok', last_included_index: 5, last_included_term: 2 },
      { type: 'read_ok', value: 2 },
    ])
  })

  it('8-2-1: a read by index says what it was proven for', async () => {
    const said = await answers([write('x', '42'), { type: 'read_index', key: 'x' }])
    expect(said[1]).toEqual({
      type: 'read_index_ok',
      value: '42',
      read_at_index: 1,
      heartbeat_confirmed: true,
      linearizable: true,
    })
  })

  it('8-2-1: a read through the log takes an index of its own', async () => {
    const said = await answers([write('x', '42'), { type: 'read_via_log', key: 'x' }])
    expect(said[1]).toEqual({
      type: 'read_via_log_ok',
      value: '42',
      log_index_used: 2,
      latency_ms: expect.any(Number) as number,
    })
  })

  it('8-2-1: on a fresh cluster of three the oracle provides the leader', async () => {
    const said = await answers([{ type: 'read_index', key: 'x' }], THREE)
    expect(said[0]).toMatchObject({ type: 'read_index_ok', value: null, heartbeat_confirmed: true, linearizable: true })
  })

  it.each([[['n1']], [THREE]])('8-2-2: a lease answers without a round trip in %j', async (ids) => {
    const said = await answers([{ type: 'lease_read', key: 'x' }], ids)
    expect(said[0]).toEqual({ type: 'lease_read_ok', value: null, lease_valid: true, network_round_trips: 0 })
  })

  it.each([
    [3000, 5000, 500, true, 2500],
    [6000, 5000, 500, false, 5500],
    [5500, 5000, 500, false, 5000],
  ])('8-2-2: a lease of %i ms under elections of %i and skew of %i', async (lease, election, skew, safe, effective) => {
    const config = { lease_duration_ms: lease, election_timeout_ms: election, max_clock_skew_ms: skew }
    expect(await answers([{ type: 'lease_read_config', ...config }])).toEqual([
      { type: 'lease_read_config_ok', safe, effective_lease_ms: effective },
    ])
  })

  it('8-2-3: a follower serves what is fresh enough', async () => {
    const said = await answers([{ type: 'follower_read', key: 'x', max_staleness_ms: 5000 }], THREE)
    expect(said[0]).toEqual({
      type: 'follower_read_ok',
      value: null,
      actual_staleness_ms: 0,
      served_by: 'n1',
      linearizable: false,
    })
  })

  it('8-2-3: no staleness means the leader', async () => {
    const said = await answers([{ type: 'follower_read', key: 'x', max_staleness_ms: 0 }], THREE)
    expect(said[0]).toMatchObject({ served_by: 'n1', linearizable: true, actual_staleness_ms: 0 })
  })

  it.each([
    [{ type: 'follower_read', key: 'x', max_staleness_ms: 0 }],
    [{ type: 'ryw_read', key: 'x', last_write_index: 1, prefer_follower: false }],
  ])('after an oracle brought entries no node is known to lead: this one serves %j', async (read) => {
    const entries = [{ index: 1, term: 1, command: { op: 'put', key: 'x', value: 1 } }]
    const said = await answers([{ type: 'apply_entries', entries }, read, { type: 'get_log_info' }], THREE)
    expect(said[1]).toMatchObject({ value: 1, served_by: 'n1' })
  })

  it('8-2-3: what an oracle brings is as fresh as what a leader brings', async () => {
    const said = await answers(
      [
        { type: 'wait', duration_ms: 100 },
        { type: 'apply_entries', entries: [] },
        { type: 'wait', duration_ms: 30 },
        { type: 'follower_read', key: 'x', max_staleness_ms: 50 },
      ],
      THREE,
    )
    expect(said[1]).toMatchObject({ actual_staleness_ms: 30, linearizable: false })
  })

  it('8-2-4: a read sees what its client wrote', async () => {
    const said = await answers([write('x', 'new'), { type: 'ryw_read', key: 'x', last_write_index: 1 }])
    expect(said[1]).toEqual({
      type: 'ryw_read_ok',
      value: 'new',
      served_by: 'n1',
      follower_applied_index: 1,
      waited_ms: 0,
    })
  })

  it('8-2-4: a node that is behind lets the leader serve', async () => {
    const said = await answers([{ type: 'ryw_read', key: 'x', last_write_index: 999, prefer_follower: true }], THREE)
    expect(said[0]).toMatchObject({ type: 'ryw_read_ok', value: null, served_by: 'n1' })
  })
})

describe('numbering', () => {
  it('counts every line from 0 up', async () => {
    const { said } = await hear([
      initLine('n1', THREE),
      '{"src":"c1","dest":"n1","body":{"type":"raft_append","msg_id":7,"entry":{"term":1,"command":{}}}}',
      '{"src":"c1","dest":"n1","body":{"type":"get_state","msg_id":8}}',
    ])
    expect(said.map(({ body }) => body['msg_id'])).toEqual(said.map((_, at) => at))
  })

  it('counts errors before init too, and init again', async () => {
    const early = request('c1', 'n1', { type: 'get_state', msg_id: 1 })
    const { said } = await hear([early, early, initLine(), initLine(), early])
    expect(said.map(({ src, body: { type, msg_id: id } }) => [src, type, id])).toEqual([
      ['n1', 'error', 0],
      ['n1', 'error', 1],
      ['n1', 'init_ok', 2],
      ['n1', 'init_ok', 3],
      ['n1', 'state_reply', 4],
    ])
  })

  it('stands right after the type, and after what a line answers', async () => {
    const { said } = await hear([
      initLine('n1', THREE),
      request('c1', 'n1', { type: 'trigger_election_timeout', msg_id: 1 }),
      request('c1', 'n1', { type: 'get_state', msg_id: 2 }),
      request('c1', 'n1', { type: 'get_state' }),
      request('c1', 'n1', { type: 'frobnicate', msg_id: 3 }),
    ])
    const heads = said.map(({ body }) => Object.keys(body).slice(0, 'in_reply_to' in body ? 3 : 2))
    const reply = ['type', 'in_reply_to', 'msg_id']
    const unasked = ['type', 'msg_id']
    expect(heads).toEqual([reply, reply, reply, unasked, reply, unasked, unasked])
  })
})
