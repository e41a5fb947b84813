import { describe, expect, it } from 'vitest'
import { THREE, answers, conversation, initLine, request, type Line } from './conversation.ts'

/* A request that waits for a commit holds up nothing, and is answered once: when it is known, or at the end. */

const put = (index: number, key: string, value: unknown, term = 1) => ({
  index,
  term,
  command: { op: 'put', key, value },
})
const vote = { type: 'request_vote', candidate_id: 'n2', last_log_index: 0, last_log_term: 0 }
const append = { type: 'append_entries', leader_id: 'n2', prev_log_index: 0, prev_log_term: 0, leader_commit: 0 }
const write = { type: 'write', key: 'x', value: 1 }

describe('a leader by the oracle', () => {
  it.each([
    ['a vote of an old term that is refused', { ...vote, term: 1 }],
    ['a vote of its own term that is refused', { ...vote, term: 2 }],
    ['an append of an old term', { ...append, term: 1, entries: [] }],
    ['a second leader in its term', { ...append, term: 2, entries: [] }],
    ['the term that it has', { type: 'set_term', term: 2 }],
    ['an election timeout', { type: 'trigger_election_timeout' }],
    ['itself once more', { type: 'become_leader', term: 2 }],
    ['what is committed', { type: 'apply_entries', entries: [put(1, 'y', 1)] }],
    ['a snapshot', { type: 'install_snapshot', snapshot_index: 3, snapshot_term: 1, state: {} }],
    ['a seeded state', { type: 'seed_state', commit_index: 3, term: 1, state: {} }],
    ['a seeded log', { type: 'seed_committed_log', entries: [put(1, 'y', 1), put(2, 'y', 1)], commit_index: 1 }],
  ])('stays one after %s', async (_name, body) => {
    const said = await answers([{ type: 'become_leader', term: 2 }, body, write, { type: 'read', key: 'x' }], THREE)
    expect(said.slice(2, 4)).toEqual([{ type: 'write_ok' }, { type: 'read_ok', value: 1 }])
  })

  it.each([
    ['a vote', { ...vote, term: 3 }],
    ['an append', { ...append, term: 3, entries: [] }],
    ['a term', { type: 'set_term', term: 3 }],
    ['an entry', { type: 'apply_entries', entries: [put(1, 'y', 1, 3)] }],
  ])('gives way to %s of a newer term', async (_name, body) => {
    const said = await answers([{ type: 'become_leader', term: 2 }, body, write], THREE)
    expect(said[2]).toMatchObject({ type: 'error', code: 11 })
  })

  it.each([[['n1']], [THREE]])('commits a seeded log of its own term in %j', async (ids) => {
    const seeded = { type: 'seed_committed_log', entries: [put(1, 'x', 1)], commit_index: 0 }
    const said = await answers(
      [seeded, { type: 'become_leader', term: 1 }, { type: 'read_index', key: 'x' }, { type: 'read', key: 'x' }],
      ids,
    )
    expect(said.slice(2, 4)).toMatchObject([
      { type: 'read_index_ok', value: 1 },
      { type: 'read_ok', value: 1 },
    ])
  })
})

it('a vote is cast once in a term, whatever the oracle says in between', async () => {
  const said = await answers(
    [
      { ...vote, term: 4 },
      { type: 'apply_entries', entries: [put(1, 'x', 1)] },
      { ...vote, term: 4, candidate_id: 'n3', last_log_index: 9, last_log_term: 9 },
      { type: 'seed_committed_log', entries: [], commit_index: 0 },
      { ...vote, term: 4, candidate_id: 'n3', last_log_index: 9, last_log_term: 9 },
      { type: 'install_snapshot', snapshot_index: 3, snapshot_term: 1, state: {} },
      { ...vote, term: 4, candidate_id: 'n3', last_log_index: 9, last_log_term: 9 },
    ],
    THREE,
  )
  const votes = said.filter(({ type }) => type === 'request_vote_ok')
  expect(votes.map((answer) => answer['vote_granted'])).toEqual([true, false, false, false])
})

/** A leader of three, elected by the vote of n2; `feed` hands over a client's request, `obey` lets n2 do as it is told. */
const elected = async () => {
  const { node, said, failures } = conversation()
  let read = 0
  let sent = 1
  const settled = async (): Promise<void> => {
    node.drained()
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  const feed = async (body: object): Promise<number> => {
    node.line(request('c1', 'n1', { msg_id: ++sent, ...body }))
    await settled()
    return sent
  }
  const answerTo = (line: Line): string | null => {
    const { type, msg_id: id, term } = line.body
    if (line.dest !== 'n2') return null
    if (type === 'request_vote')
      return request('n2', 'n1', { type: 'request_vote_ok', in_reply_to: id, term, vote_granted: true })
    return type === 'append_entries'
      ? request('n2', 'n1', { type: 'append_entries_ok', in_reply_to: id, success: true, match_index: 0 })
      : null
  }
  const obey = async (): Promise<void> => {
    for (let line = said[read]; line !== undefined; line = said[++read]) {
      const answer = answerTo(line)
      if (answer !== null) node.line(answer)
      await settled()
    }
  }
  const repliesTo = (id: number) => said.map(({ body }) => body).filter(({ in_reply_to: to }) => to === id)
  node.line(initLine('n1', THREE))
  await feed({ type: 'trigger_election_timeout' })
  await obey()
  return { node, said, failures, feed, obey, repliesTo }
}

describe('a leader by election', () => {
  it('answers a write when its peers have it, and other requests meanwhile', async () => {
    const { feed, obey, repliesTo } = await elected()
    const written = await feed(write)
    const asked = await feed({ type: 'get_state' })
    expect([repliesTo(written), repliesTo(asked)]).toMatchObject([[], [{ type: 'state_reply', state: 'leader' }]])
    await obey()
    expect(repliesTo(written)).toMatchObject([{ type: 'write_ok' }])
  })

  it.each([['read'], ['read_index'], ['read_via_log'], ['lease_read'], ['ryw_read']])(
    'answers a %s after the writes before it, with what they wrote',
    async (type) => {
      const { feed, obey, repliesTo, said } = await elected()
      await feed({ ...write, value: 'old' })
      await obey()
      const written = await feed({ ...write, value: 'new' })
      const read = await feed({ type, key: 'x', last_write_index: 9 })
      expect([repliesTo(written), repliesTo(read)]).toEqual([[], []])
      await obey()
      expect(repliesTo(read)).toMatchObject([{ value: 'new' }])
      const order = said.map(({ body }) => body['in_reply_to']).filter((id) => id === written || id === read)
      expect(order).toEqual([written, read])
    },
  )

  it('keeps the order of writes', async () => {
    const { feed, obey, repliesTo } = await elected()
    for (const value of [1, 2, 3]) await feed({ ...write, value })
    const read = await feed({ type: 'read', key: 'x' })
    await obey()
    expect(repliesTo(read)).toMatchObject([{ value: 3 }])
  })

  it('reads nothing that its peers have not confirmed', async () => {
    const { feed, repliesTo } = await elected()
    const read = await feed({ type: 'read', key: 'x' })
    expect(repliesTo(read)).toEqual([])
  })

  it.each([
    [write, 0],
    [{ type: 'cas', key: 'x', from: 1, to: 2 }, 0],
    [{ type: 'read', key: 'x' }, 11],
    [{ type: 'read_index', key: 'x' }, 11],
    [{ type: 'read_via_log', key: 'x' }, 11],
    [{ type: 'lease_read', key: 'x' }, 11],
    [{ type: 'ryw_read', key: 'x', last_write_index: 1 }, 11],
    [{ type: 'follower_read', key: 'x', max_staleness_ms: 0 }, 11],
  ])('at the end an open %j is answered by error %i', async (body, code) => {
    const { node, feed, repliesTo, failures } = await elected()
    const id = await feed(body)
    expect(repliesTo(id)).toEqual([])
    await node.end()
    expect(repliesTo(id)).toMatchObject([{ type: 'error', code }])
    expect(failures).toEqual([])
  })

  it('that lost its term leaves a write open, and ends a read', async () => {
    const { node, feed, repliesTo } = await elected()
    const written = await feed(write)
    const read = await feed({ type: 'read', key: 'x' })
    await feed({ ...vote, term: 9 })
    expect([repliesTo(written), repliesTo(read)]).toMatchObject([[], [{ type: 'error', code: 11 }]])
    await node.end()
    expect(repliesTo(written)).toMatchObject([{ type: 'error', code: 0 }])
  })

  it('that the oracle made follow sees its write committed by the next leader', async () => {
    const { feed, repliesTo } = await elected()
    const written = await feed(write)
    await feed({ type: 'set_term', term: 9 })
    expect(repliesTo(written)).toEqual([])
    await feed({ ...append, term: 9, prev_log_index: 1, prev_log_term: 1, entries: [], leader_commit: 1 })
    expect(repliesTo(written)).toMatchObject([{ type: 'write_ok' }])
  })

  it('that lost its entry says that the write did not happen', async () => {
    const { feed, repliesTo } = await elected()
    const written = await feed(write)
    await feed({ ...append, term: 9, entries: [put(1, 'x', 5, 9)], leader_commit: 1 })
    expect(repliesTo(written)).toMatchObject([{ type: 'error', code: 11 }])
  })

  it.each([
    [{ type: 'seed_committed_log', entries: [], commit_index: 0 }],
    [{ type: 'install_snapshot', snapshot_index: 5, snapshot_term: 9, state: {} }],
  ])('whose log was replaced by %j knows nothing of a write', async (body) => {
    const { feed, repliesTo } = await elected()
    const written = await feed(write)
    await feed(body)
    expect(repliesTo(written)).toMatchObject([{ type: 'error', code: 0 }])
  })

  it('takes a snapshot of the present state while a peer is sent an older one', async () => {
    const { feed, obey, repliesTo, node, said } = await elected()
    for (const key of ['a', 'b']) await feed({ ...write, key })
    await obey()
    await feed({ type: 'take_snapshot', threshold: 0 })
    await feed({ type: 'wait', duration_ms: 100 })
    for (const { body } of said.filter(({ dest, body: { entries } }) => dest === 'n3' && Array.isArray(entries))) {
      node.line(
        request('n3', 'n1', { type: 'append_entries_ok', in_reply_to: body['msg_id'], success: false, match_index: 0 }),
      )
    }
    await feed({ ...write, key: 'c' })
    await obey()
    const taken = await feed({ type: 'take_snapshot', threshold: 0 })
    const bytes = JSON.stringify({ a: 1, b: 1, c: 1 }).length
    expect(repliesTo(taken)).toMatchObject([{ snapshot_index: 3, state_size_bytes: bytes }])
  })

  it('hears an answer even if nonsense came first', async () => {
    const { node, feed, said, repliesTo, obey } = await elected()
    const written = await feed(write)
    const sent = said.filter(({ dest, body: { entries } }) => dest === 'n2' && Array.isArray(entries) && entries.length)
    const nonsense = { type: 'append_entries_ok', in_reply_to: sent[0]?.body['msg_id'] }
    node.line(request('n2', 'n1', nonsense))
    await obey()
    expect(repliesTo(written)).toMatchObject([{ type: 'write_ok' }])
  })
})
