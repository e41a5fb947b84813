import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { THREE, hear, initLine, type Line } from '../test/shell/stdio/conversation.ts'

/* Whatever is fed to the node: it does not fall over, numbers its lines without holes, and its state stays sound. */

const TYPES = [
  'init', 'get_state', 'become_leader', 'wait', 'get_election_timeout', 'set_term', 'request_vote',
  'trigger_election_timeout', 'raft_append', 'append_entries', 'seed_committed_log', 'check_commit', 'advance_commit',
  'apply_entries', 'leader_change', 'simulate_noop_commit', 'take_snapshot', 'install_snapshot', 'get_log_info',
  'verify_linearizability', 'seed_state', 'write', 'read', 'cas', 'read_index', 'read_via_log', 'lease_read',
  'lease_read_config', 'follower_read', 'ryw_read', 'append_entries_ok', 'request_vote_ok', 'raft', 'forward', 'forwarded', '__proto__', 'toString',
] as const // prettier-ignore

const small = fc.oneof({ weight: 8, arbitrary: fc.nat(6) }, fc.constantFrom(-1, 1.5, 2 ** 53, '1', null, true, [], {}))
const command = fc.oneof(
  fc.record({
    op: fc.constantFrom('put', 'get', 'delete', 'cas', 'x'),
    key: fc.constantFrom('x', 'y', '__proto__'),
    value: fc.jsonValue(),
  }),
  fc.jsonValue(),
)
const entry = fc.record({ index: small, term: small, command }, { requiredKeys: [] })
const entries = fc.oneof({ weight: 5, arbitrary: fc.array(entry, { maxLength: 4 }) }, fc.jsonValue())
const body = fc.record(
  {
    type: fc.constantFrom(...TYPES),
    msg_id: fc.oneof({ weight: 9, arbitrary: fc.nat(99) }, fc.constantFrom(-1, 0.5, 'x')),
    in_reply_to: fc.constantFrom(0, 1, 2, 3),
    term: small,
    duration_ms: fc.oneof({ weight: 5, arbitrary: fc.nat(500) }, small),
    candidate_id: fc.constantFrom('n1', 'n2', 'n3', 'zz', '', 5),
    leader_id: fc.constantFrom('n1', 'n2', 'n3', 'zz', null),
    last_log_index: small,
    last_log_term: small,
    prev_log_index: small,
    prev_log_term: small,
    leader_commit: small,
    commit_index: small,
    success: fc.boolean(),
    vote_granted: fc.boolean(),
    entry,
    entries,
    log: entries,
    state: fc.oneof(fc.dictionary(fc.constantFrom('a', '__proto__'), fc.jsonValue()), fc.jsonValue()),
    key: fc.constantFrom('x', '__proto__', 5),
    value: fc.jsonValue(),
    from: fc.jsonValue(),
    to: fc.jsonValue(),
    client_id: fc.constantFrom('c1', '__proto__'),
    seq: small,
    threshold: small,
    up_to_index: small,
    snapshot_index: small,
    snapshot_term: small,
    noop_index: small,
    new_leader: fc.constantFrom('n1', 'n2', 'zz'),
    new_term: small,
    match_indices: fc.oneof(fc.dictionary(fc.constantFrom('n1', 'n2', 'n3'), small), fc.jsonValue()),
    log_length: small,
    current_term: small,
    old_commit_index: small,
    history: fc.jsonValue(),
    max_staleness_ms: small,
    last_write_index: small,
  },
  { requiredKeys: ['type', 'msg_id'] },
)
const envelope = fc.record({
  src: fc.constantFrom('c1', 'n2', 'n3', '__proto__'),
  dest: fc.constantFrom('n1', 'n2'),
  body,
})
const line = fc.oneof(
  { weight: 20, arbitrary: envelope.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
)

const sound = (said: readonly Line[]): void => {
  expect(said.map(({ body: { msg_id: id } }) => id)).toEqual(said.map((_, at) => at))
}

describe('arbitrary lines', () => {
  it.each([[['n1']], [THREE]])('leave a course node of %j standing', async (ids) => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 25 }), async (lines) => {
        const last = '{"src":"c9","dest":"n1","body":{"type":"get_log_info","msg_id":77}}'
        const { said } = await hear([initLine('n1', ids), ...lines, last], { mode: 'course' })
        sound(said)
        const info = said.find(({ dest, body: { in_reply_to: id } }) => dest === 'c9' && id === 77)
        expect(info?.body['type']).toBe('get_log_info_ok')
      }),
      { numRuns: 400, seed: 20_261_121 },
    )
  })

  it.each([[['n1']], [THREE]])('leave a Maelstrom node of %j standing', async (ids) => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 25 }), async (lines) => {
        const last = '{"src":"c9","dest":"n1","body":{"type":"read","msg_id":77,"key":"z"}}'
        const { said } = await hear([initLine('n1', ids), ...lines, last], { mode: 'maelstrom' })
        sound(said)
        const answers = said.filter(({ dest, body: { in_reply_to: id } }) => dest === 'c9' && id === 77)
        // Alone it knows that there is no such key; of three it reaches no leader.
        expect(answers.map(({ body: { code } }) => code)).toEqual([ids.length === 1 ? 20 : 11])
      }),
      { numRuns: 400, seed: 20_261_121 },
    )
  })
})
