import { describe, expect, it } from 'vitest'
import { THREE, answers } from './conversation.ts'

const put = (index: number, key: string, value: unknown, term = 1) => ({
  index,
  term,
  command: { op: 'put', key, value },
})
const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5']

describe('the consensus track', () => {
  it('6-1: an entry is appended at once, its replication follows the reply', async () => {
    const command = { op: 'put', key: 'x', value: 1 }
    const said = await answers([{ type: 'raft_append', entry: { term: 1, command } }], THREE)
    const append = {
      type: 'append_entries',
      term: 1,
      leader_id: 'n1',
      prev_log_index: 0,
      prev_log_term: 0,
      entries: [{ term: 1, index: 1, command }],
      leader_commit: 0,
    }
    expect(said).toEqual([{ type: 'raft_append_ok', index: 1 }, append, append])
  })

  it('6-1: indices count up', async () => {
    const append = { type: 'raft_append', entry: { term: 1, command: 'anything' } }
    const said = await answers([append, append, append], THREE)
    expect(said.slice(0, 3).map(({ index }) => index)).toEqual([1, 2, 3])
  })

  const append = (previous: readonly [number, number], entries: readonly unknown[], commit = 0, term = 2) => ({
    type: 'append_entries',
    term,
    leader_id: 'n2',
    prev_log_index: previous[0],
    prev_log_term: previous[1],
    entries,
    leader_commit: commit,
  })

  it('6-2: entries that fit are appended', async () => {
    expect(await answers([append([0, 0], [put(1, 'x', 1), put(2, 'y', 2)])], THREE)).toEqual([
      { type: 'append_entries_ok', success: true, match_index: 2 },
    ])
  })

  it('6-2: entries after a gap are rejected', async () => {
    expect(await answers([append([3, 1], [put(4, 'x', 1)])], THREE)).toEqual([
      { type: 'append_entries_ok', success: false, match_index: 0 },
    ])
  })

  it('6-2: a conflicting suffix is replaced', async () => {
    const said = await answers(
      [
        append([0, 0], [put(1, 'x', 1), put(2, 'y', 2), put(3, 'z', 3)]),
        append([1, 1], [put(2, 'y', 9, 2)], 0, 3),
        { type: 'get_log_info' },
      ],
      THREE,
    )
    expect(said[1]).toEqual({ type: 'append_entries_ok', success: true, match_index: 2 })
    expect(said[2]).toMatchObject({ last_index: 2 })
  })

  it('6-2: an old term is rejected', async () => {
    const said = await answers([{ type: 'set_term', term: 7 }, append([0, 0], [put(1, 'x', 1)])], THREE)
    expect(said[1]).toEqual({ type: 'append_entries_ok', success: false, match_index: 0 })
  })

  it('6-4: a seeded log is applied up to its commit index', async () => {
    const entries = [put(1, 'x', 1), put(2, 'y', 2), put(3, 'z', 3)]
    expect(await answers([{ type: 'seed_committed_log', entries, commit_index: 2 }, { type: 'get_state' }])).toEqual([
      { type: 'seed_committed_log_ok' },
      { type: 'state_reply', state: { x: 1, y: 2 }, last_applied: 2 },
    ])
  })

  it.each([
    [{ n1: 3, n2: 3, n3: 1 }, 3, { new_commit_index: 3, majority_count: 2, quorum: 2, committed: true }],
    [{ n1: 5, n2: 5, n3: 1, n4: 1, n5: 1 }, 5, { new_commit_index: 1, majority_count: 5, quorum: 3, committed: false }],
    [{ n1: 2, n2: 2 }, 2, { new_commit_index: 2, majority_count: 2, quorum: 2, committed: true }],
  ])('7-2-1: check_commit of %j', async (match, length, expected) => {
    const check = { type: 'check_commit', log_length: length, match_indices: match, current_term: 1 }
    expect(await answers([check])).toEqual([{ type: 'check_commit_ok', ...expected }])
  })

  it('7-2-1: advance_commit never goes back', async () => {
    const advance = { type: 'advance_commit', match_indices: { n1: 7, n2: 5, n3: 5, n4: 3, n5: 2 }, current_term: 3 }
    expect(
      await answers([
        { ...advance, old_commit_index: 3 },
        { ...advance, old_commit_index: 6 },
      ]),
    ).toEqual([
      { type: 'advance_commit_ok', new_commit_index: 5, entries_committed: 2 },
      { type: 'advance_commit_ok', new_commit_index: 6, entries_committed: 0 },
    ])
  })

  it('7-2-2: entries are applied in order, with a result each', async () => {
    const entries = [
      put(1, 'x', '1'),
      put(2, 'y', 2),
      { index: 3, term: 1, command: { op: 'get', key: 'x' } },
      { index: 4, term: 1, command: { op: 'delete', key: 'x' } },
      { index: 5, term: 1, command: { op: 'get', key: 'x' } },
    ]
    expect(await answers([{ type: 'apply_entries', entries }, { type: 'get_state' }])).toEqual([
      {
        type: 'apply_entries_ok',
        results: [
          { index: 1, result: 'ok' },
          { index: 2, result: 'ok' },
          { index: 3, result: '1' },
          { index: 4, result: 'ok' },
          { index: 5, result: null },
        ],
        last_applied: 5,
      },
      { type: 'get_state_ok', state: { y: 2 }, last_applied: 5 },
    ])
  })

  it('7-2-2: an entry is never applied twice', async () => {
    const apply = { type: 'apply_entries', entries: [put(1, 'x', 1)] }
    const said = await answers([apply, apply, { type: 'apply_entries', entries: [put(1, 'x', 1), put(2, 'x', 2)] }])
    expect(said.slice(1)).toEqual([
      { type: 'apply_entries_ok', results: [], last_applied: 1 },
      { type: 'apply_entries_ok', results: [{ index: 2, result: 'ok' }], last_applied: 2 },
    ])
  })

  it('7-2-3: a blank entry of the new term commits what earlier ones left', async () => {
    const change = {
      type: 'leader_change',
      new_leader: 'n2',
      new_term: 3,
      log: [put(1, 'x', '1'), put(2, 'y', '2', 2), put(3, 'z', '3', 2)],
      commit_index: 1,
    }
    const expected = [
      { type: 'leader_change_ok', noop_appended_at: 4, noop_term: 3, safe_to_apply_after_commit: true },
      { type: 'simulate_noop_commit_ok', new_commit_index: 4, entries_now_committed: [2, 3, 4] },
    ]
    for (const ids of [['n1'], THREE, FIVE])
      expect(await answers([change, { type: 'simulate_noop_commit', noop_index: 4 }], ids)).toEqual(expected)
  })

  it('7-2-4: a snapshot covers what is applied, and trims it', async () => {
    const entries = [put(1, 'x', '1'), put(2, 'y', '2'), put(3, 'z', '3')]
    expect(
      await answers([
        { type: 'apply_entries', entries },
        { type: 'take_snapshot', threshold: 2 },
        { type: 'get_log_info' },
      ]),
    ).toEqual([
      expect.objectContaining({ last_applied: 3 }),
      {
        type: 'take_snapshot_ok',
        snapshot_index: 3,
        snapshot_term: 1,
        state_size_bytes: Buffer.byteLength('{"x":"1","y":"2","z":"3"}'),
        log_entries_trimmed: 3,
      },
      { type: 'get_log_info_ok', first_index: 4, last_index: 3, snapshot_index: 3, total_entries: 0 },
    ])
  })

  it('7-2-4: entries after the snapshot stay', async () => {
    const entries = Array.from({ length: 5 }, (_, at) => put(at + 1, `k${at}`, at, 2))
    const later = Array.from({ length: 3 }, (_, at) => put(at + 6, `l${at}`, at, 2))
    const said = await answers([
      { type: 'apply_entries', entries },
      { type: 'take_snapshot', threshold: 4 },
      { type: 'apply_entries', entries: later },
      { type: 'get_log_info' },
    ])
    expect(said[3]).toEqual({
      type: 'get_log_info_ok',
      first_index: 6,
      last_index: 8,
      snapshot_index: 5,
      total_entries: 3,
    })
  })

  it('7-2-4: a log at the threshold is left alone', async () => {
    const said = await answers([
      { type: 'apply_entries', entries: [put(1, 'x', 1), put(2, 'y', 2)] },
      { type: 'take_snapshot', threshold: 2 },
    ])
    expect(said[1]).toMatchObject({ snapshot_index: 0, snapshot_term: 0, log_entries_trimmed: 0 })
  })

  it('7-2-4: a snapshot replaces the state', async () => {
    const install = { type: 'install_snapshot', snapshot_index: 5, snapshot_term: 2, state: { a: '1', b: '2' } }
    expect(await answers([install, { type: 'get_state' }, { type: 'get_log_info' }])).toEqual([
      { type: 'install_snapshot_ok', applied: true, new_last_applied: 5 },
      { type: 'get_state_ok', state: { a: '1', b: '2' }, last_applied: 5 },
      { type: 'get_log_info_ok', first_index: 6, last_index: 5, snapshot_index: 5, total_entries: 0 },
    ])
  })

  it('7-2-4: a stale snapshot changes nothing', async () => {
    const install = { type: 'install_snapshot', snapshot_index: 5, snapshot_term: 2, state: { a: '1' } }
    const said = await answers([install, { ...install, snapshot_index: 4, state: {} }, { type: 'get_state' }])
    expect(said[1]).toEqual({ type: 'install_snapshot_ok', applied: false, new_last_applied: 5 })
    expect(said[2]).toEqual({ type: 'get_state_ok', state: { a: '1' }, last_applied: 5 })
  })

  describe('7-2-4: a snapshot of an index', () => {
    const six = [1, 2, 3, 4, 5, 6].map((index) => put(index, `k${index}`, index))
    const log = append([0, 0], six, 2, 1)
    const install = (index: number, term: number) => ({
      type: 'install_snapshot',
      snapshot_index: index,
      snapshot_term: term,
      state: { s: 1 },
    })
    const own = { state: { k1: 1, k2: 2 }, last_applied: 2 }

    it.each([
      ['that is applied is stale', install(2, 1), false, [1, 6, 0, 6], own],
      [
        'that the log agrees with keeps what follows',
        install(4, 1),
        true,
        [5, 6, 4, 2],
        { state: { s: 1 }, last_applied: 4 },
      ],
      ['at the end of the log leaves nothing', install(6, 1), true, [7, 6, 6, 0], { state: { s: 1 }, last_applied: 6 }],
      ['that the log contradicts drops it', install(4, 2), true, [5, 4, 4, 0], { state: { s: 1 }, last_applied: 4 }],
      ['beyond the log drops it', install(9, 1), true, [10, 9, 9, 0], { state: { s: 1 }, last_applied: 9 }],
    ])('%s', async (_name, request, applied, [first, last, snapshot, total], state) => {
      const said = await answers([log, request, { type: 'get_log_info' }, { type: 'get_state' }], THREE)
      expect(said.slice(1)).toEqual([
        { type: 'install_snapshot_ok', applied, new_last_applied: state.last_applied },
        {
          type: 'get_log_info_ok',
          first_index: first,
          last_index: last,
          snapshot_index: snapshot,
          total_entries: total,
        },
        { type: 'get_state_ok', ...state },
      ])
    })

    it('goes on with the entries after it, when they are committed', async () => {
      const commit = append([6, 1], [], 6, 1)
      const said = await answers([log, install(4, 1), commit, { type: 'get_state' }], THREE)
      expect(said.slice(2)).toEqual([
        { type: 'append_entries_ok', success: true, match_index: 6 },
        { type: 'get_state_ok', state: { s: 1, k5: 5, k6: 6 }, last_applied: 6 },
      ])
    })
  })

  it('7-2-5: a cluster is really partitioned, and its history linearizable', async () => {
    const test = { type: 'partition_test', cluster_size: 5, operations: 100, partition_after_op: 30, heal_after_op: 70 }
    const [said] = await answers([test], FIVE)
    expect(said).toMatchObject({
      type: 'partition_test_ok',
      total_ops: 100,
      ops_during_partition: 40,
      linearizable: true,
    })
    expect(Number(said?.['ops_rejected'])).toBeGreaterThan(0)
    expect(Number(said?.['ops_rejected']) + Number(said?.['ops_succeeded'])).toBe(100)
  })

  it('7-2-5: a stale read is no linearizable history', async () => {
    const history = (value: number) => [
      { op: 'write', key: 'x', value: 1, start: 0, end: 1 },
      { op: 'write', key: 'x', value: 2, start: 2, end: 3 },
      { op: 'read', key: 'x', value, start: 4, end: 5 },
    ]
    const verify = (value: number) => ({ type: 'verify_linearizability', history: history(value) })
    const said = await answers([verify(2), verify(1)])
    expect(said[0]).toEqual({ type: 'verify_linearizability_ok', linearizable: true, violations: [] })
    expect(said[1]).toMatchObject({ linearizable: false })
    expect(said[1]?.['violations']).not.toEqual([])
  })
})
