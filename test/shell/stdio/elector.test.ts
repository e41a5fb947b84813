import { describe, expect, it } from 'vitest'
import { memoryStorage } from '../../../src/shell/storage/storage.ts'
import { THREE, answers, hear, initLine, request } from './conversation.ts'

const put = (index: number, key: string, value: unknown, term = 1) => ({
  index,
  term,
  command: { op: 'put', key, value },
})
const vote = (id: number, term: number, candidate: string) => ({
  type: 'request_vote',
  msg_id: id,
  term,
  candidate_id: candidate,
  last_log_index: 0,
  last_log_term: 0,
})

describe('the elector track', () => {
  it('5-1: a node starts as a follower in term 0', async () => {
    expect(await answers([{ type: 'get_state' }], THREE)).toEqual([{ type: 'state_reply', state: 'follower', term: 0 }])
  })

  it('5-2: after 150 ms a leader has sent one round of heartbeats', async () => {
    const { said } = await hear([
      initLine('n1', THREE),
      request('c0', 'n1', { type: 'become_leader', msg_id: 2, term: 1 }),
      request('c0', 'n1', { type: 'wait', msg_id: 3, duration_ms: 150 }),
    ])
    const heartbeat = {
      type: 'append_entries',
      term: 1,
      leader_id: 'n1',
      prev_log_index: 0,
      prev_log_term: 0,
      entries: [],
      leader_commit: 0,
    }
    expect(said).toEqual([
      { src: 'n1', dest: 'c0', body: { type: 'init_ok', in_reply_to: 1, msg_id: 0 } },
      { src: 'n1', dest: 'c0', body: { type: 'become_leader_ok', in_reply_to: 2, msg_id: 1 } },
      { src: 'n1', dest: 'n2', body: { ...heartbeat, msg_id: 2 } },
      { src: 'n1', dest: 'n3', body: { ...heartbeat, msg_id: 3 } },
    ])
  })

  it('5-2: a disk takes none of the time that passes', async () => {
    const memory = memoryStorage()
    const disk: typeof memory = {
      ...memory,
      write: async (writes) => {
        await new Promise<void>((resolve) => setImmediate(resolve))
        await memory.write(writes)
      },
    }
    const lines = [{ type: 'wait', duration_ms: 2000 }, { type: 'get_state' }].map((body, at) =>
      request('c0', 'n1', { ...body, msg_id: at + 2 }),
    )
    const { said } = await hear([initLine(), ...lines], { openStorage: () => Promise.resolve(disk) })
    expect(said[1]?.body).toMatchObject({ type: 'state_reply', state: 'leader', term: 1 })
  })

  it('5-2: a leader says nothing before time passes', async () => {
    expect(await answers([{ type: 'become_leader', term: 4 }, { type: 'get_state' }], THREE)).toEqual([
      { type: 'become_leader_ok' },
      { type: 'state_reply', state: 'leader', term: 4 },
    ])
  })

  it('5-3: election timeouts lie in 150–300 ms and are drawn afresh', async () => {
    const drawn = await answers(
      Array.from({ length: 20 }, () => ({ type: 'get_election_timeout' })),
      THREE,
    )
    const timeouts = drawn.map(({ timeout_ms: timeout }) => Number(timeout))
    expect(timeouts.every((timeout) => timeout >= 150 && timeout <= 300)).toBe(true)
    expect(new Set(timeouts).size).toBeGreaterThan(5)
    expect(drawn[0]).toEqual({ type: 'election_timeout_reply', timeout_ms: timeouts[0] })
  })

  it('5-4: a candidate of the term that was set gets the vote', async () => {
    const { said } = await hear([
      initLine('n1', THREE),
      request('c0', 'n1', { type: 'set_term', msg_id: 2, term: 2 }),
      request('n2', 'n1', vote(3, 2, 'n2')),
    ])
    expect(said.slice(1)).toEqual([
      { src: 'n1', dest: 'c0', body: { type: 'set_term_ok', in_reply_to: 2, msg_id: 1 } },
      {
        src: 'n1',
        dest: 'n2',
        body: { type: 'request_vote_ok', in_reply_to: 3, msg_id: 2, term: 2, vote_granted: true },
      },
    ])
  })

  it('5-4: a second candidate of the same term gets none', async () => {
    const { said } = await hear([
      initLine('n1', THREE),
      request('n2', 'n1', vote(2, 1, 'n2')),
      request('n3', 'n1', vote(3, 1, 'n3')),
    ])
    expect(said.map(({ body }) => body['vote_granted'])).toEqual([undefined, true, false])
  })

  it('5-4: a vote of an old term is refused with the current one', async () => {
    expect(await answers([{ type: 'set_term', term: 5 }, vote(3, 2, 'n2')], THREE)).toEqual([
      { type: 'set_term_ok' },
      { type: 'request_vote_ok', term: 5, vote_granted: false },
    ])
  })

  it('5-5: an election timeout makes a candidate of the next term', async () => {
    expect((await answers([{ type: 'trigger_election_timeout' }, { type: 'get_state' }], THREE)).slice(0, 2)).toEqual([
      { type: 'trigger_election_timeout_ok' },
      { type: 'state_reply', state: 'candidate', term: 1 },
    ])
  })

  it('5-5: the candidate asks its peers after the answers', async () => {
    const said = await answers([{ type: 'trigger_election_timeout' }, { type: 'get_state' }], THREE)
    expect(said.map(({ type }) => type)).toEqual([
      'trigger_election_timeout_ok',
      'state_reply',
      'request_vote',
      'request_vote',
    ])
  })

  it('6-5: a candidate with a log behind ours gets no vote', async () => {
    const said = await answers([{ type: 'apply_entries', entries: [put(1, 'x', 1, 2)] }, vote(3, 9, 'n2')], THREE)
    expect(said[1]).toEqual({ type: 'request_vote_ok', term: 9, vote_granted: false })
  })
})
