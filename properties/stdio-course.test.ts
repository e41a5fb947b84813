import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeTrace, replay } from '../src/trace/index.ts'
import { THREE, conversation, initLine, request, type Line } from '../test/shell/stdio/conversation.ts'

/*
 * Conversations of a course's client that make sense one request at a time, with peers that answer what they are sent,
 * or do not. Whatever the client vouches for: each request is answered once, no claim of Raft's breaks, a replay of the
 * trace included, and a definite refusal has changed nothing.
 */

type Body = Readonly<Record<string, unknown>>

const term = fc.integer({ min: 1, max: 4 })
const index = fc.nat(5)
const key = fc.constantFrom('x', 'y')
const entries = (first: number) =>
  fc
    .array(fc.record({ term, command: fc.record({ op: fc.constant('put'), key, value: fc.nat(9) }) }), { maxLength: 3 })
    .map((given) =>
      given
        .sort((a, b) => a.term - b.term)
        .map((entry, at) => ({ index: first + at, term: entry.term, command: entry.command })),
    )
const state = fc.dictionary(key, fc.nat(9))
const peer = fc.constantFrom('n2', 'n3')
const only = (type: string) => fc.constant({ type })
const timed = fc.record({
  type: fc.constant('append_entries'),
  term,
  leader_id: fc.constant('n2'),
  prev_log_index: index,
  prev_log_term: fc.nat(4),
  leader_commit: index,
})

const asked: fc.Arbitrary<Body> = fc.oneof(
  only('get_state'),
  only('get_log_info'),
  only('get_election_timeout'),
  only('trigger_election_timeout'),
  fc.record({ type: fc.constant('become_leader'), term }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('wait'), duration_ms: fc.constantFrom(3, 70, 400) }),
  fc.record({ type: fc.constant('set_term'), term }),
  fc.record({
    type: fc.constant('request_vote'),
    term,
    candidate_id: peer,
    last_log_index: index,
    last_log_term: fc.nat(4),
  }),
  fc.record({ type: fc.constant('raft_append'), entry: fc.record({ term, command: fc.nat(9) }) }),
  timed.chain((body) => entries(body.prev_log_index + 1).map((given) => ({ ...body, entries: given }))),
  entries(1).chain((given) =>
    fc.record({
      type: fc.constant('seed_committed_log'),
      entries: fc.constant(given),
      commit_index: fc.nat(given.length),
    }),
  ),
  index.chain((first) => fc.record({ type: fc.constant('apply_entries'), entries: entries(first + 1) })),
  fc.record({ type: fc.constant('take_snapshot'), threshold: index }),
  fc.record({ type: fc.constant('take_snapshot'), up_to_index: index }),
  fc.record({
    type: fc.constant('install_snapshot'),
    snapshot_index: fc.integer({ min: 1, max: 7 }),
    snapshot_term: term,
    state,
  }),
  fc.record({ type: fc.constant('seed_state'), commit_index: fc.integer({ min: 1, max: 7 }), term, state }),
  fc.record({ type: fc.constant('write'), key, value: fc.nat(9) }),
  fc.record({
    type: fc.constant('write'),
    key,
    value: fc.nat(9),
    client_id: fc.constantFrom('a', 'b'),
    seq: fc.nat(3),
  }),
  fc.record({ type: fc.constant('cas'), key, from: fc.nat(2), to: fc.nat(9) }),
  fc.record({ type: fc.constantFrom('read', 'read_index', 'read_via_log', 'lease_read'), key }),
  fc.record({ type: fc.constant('follower_read'), key, max_staleness_ms: fc.constantFrom(0, 100) }),
  fc.record({ type: fc.constant('ryw_read'), key, last_write_index: index }),
)

type Move =
  | { readonly by: 'client'; readonly body: Body }
  /** The peers' turn: what they were sent since is answered, or not, bit by bit. */
  | { readonly by: 'peers'; readonly answers: readonly ('yes' | 'no' | 'silence')[] }

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ by: fc.constant('client' as const), body: asked }) },
  {
    weight: 1,
    arbitrary: fc.record({
      by: fc.constant('peers' as const),
      answers: fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.constant('yes' as const) },
          fc.constantFrom('no' as const, 'silence' as const),
        ),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  },
)

const answerOf = ({ dest, body }: Line, isYes: boolean): string | null => {
  const { type, msg_id: id, term: asked } = body
  if (type === 'request_vote')
    return request(dest, 'n1', { type: 'request_vote_ok', in_reply_to: id, term: asked, vote_granted: isYes })
  return type === 'append_entries'
    ? request(dest, 'n1', { type: 'append_entries_ok', in_reply_to: id, success: isYes, match_index: 0 })
    : null
}

const PROBES = [{ type: 'get_state' }, { type: 'get_log_info' }] as const

/** Plays a conversation to its end; after each request of the client's come the probes. */
const play = async (ids: readonly string[], moves: readonly Move[]) => {
  const trace: string[] = []
  const talk = conversation({
    mode: 'course',
    openTrace: () => ({ write: (line) => void trace.push(line), now: () => 0 }),
  })
  const { node, said } = talk
  const requests: { readonly id: number; readonly body: Body }[] = []
  const feed = (body: Body): void => {
    const id = requests.length + 100
    requests.push({ id, body })
    node.line(request('c1', 'n1', { ...body, msg_id: id }))
  }
  let heard = 0
  node.line(initLine('n1', ids))
  for (const probe of PROBES) feed(probe)
  for (const step of moves) {
    if (step.by === 'client') for (const body of [step.body, ...PROBES]) feed(body)
    else {
      node.drained()
      await settled()
      const sent = said.slice(heard)
      heard = said.length
      for (const [at, line] of sent.entries()) {
        const way = step.answers[at % step.answers.length]
        const answer = way === 'silence' ? null : answerOf(line, way === 'yes')
        if (answer !== null) node.line(answer)
      }
      for (const probe of PROBES) feed(probe)
    }
  }
  await node.end()
  const repliesTo = (id: number) => said.map(({ body }) => body).filter(({ in_reply_to: to }) => to === id)
  return { ...talk, trace, requests, repliesTo }
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
}

const conversations = fc.array(move, { maxLength: 20 })
const RUNS = { numRuns: 400, seed: 20_261_126 }

describe.each([[['n1']], [THREE]])('a conversation of %j', (ids) => {
  it('has one answer to each request, which claims nothing that Raft forbids', async () => {
    await fc.assert(
      fc.asyncProperty(conversations, async (moves) => {
        const { requests, repliesTo, failures, trace } = await play(ids, moves)
        expect(failures).toEqual([])
        for (const { id, body } of requests) {
          expect(repliesTo(id)).toHaveLength(body['type'] === 'wait' ? 0 : 1)
        }
        const decoded = decodeTrace(trace)
        if (!('trace' in decoded)) throw new Error(JSON.stringify(decoded))
        expect(replay(decoded.trace, { claims: true }).ending).toEqual({ type: 'complete' })
      }),
      RUNS,
    )
  })

  it('goes on after a definite refusal as if it had not been asked', async () => {
    await fc.assert(
      fc.asyncProperty(conversations, async (moves) => {
        const { requests, repliesTo } = await play(ids, moves)
        const probed = (from: number): readonly unknown[] =>
          PROBES.map((_, at) => {
            const { id } = requests[from + at] ?? { id: -1 }
            return repliesTo(id).map((reply) => ({ ...reply, msg_id: 0, in_reply_to: 0 }))
          })
        for (const [at, { id, body }] of requests.entries()) {
          const [reply] = repliesTo(id)
          const [next] = repliesTo(id + 1)
          // A cas that finds another value is an entry of the log like any other; what is answered late saw more than that.
          const isAtOnce = Number(reply?.['msg_id']) < Number(next?.['msg_id'])
          if (reply?.['type'] === 'error' && isAtOnce && body['type'] !== 'cas')
            expect(probed(at + 1)).toEqual(probed(at - PROBES.length))
        }
      }),
      RUNS,
    )
  })
})
