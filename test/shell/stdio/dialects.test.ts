import { describe, expect, it } from 'vitest'
import { THREE, answers, hear, initLine, request } from './conversation.ts'

/* In `auto` mode the first request that makes sense decides which dialect the conversation is in. */

describe.each<[string, readonly string[], Readonly<Record<string, unknown>>, number]>([
  ['a read without a key', THREE, { type: 'read' }, 12],
  ['a read without a key, alone', ['n1'], { type: 'read' }, 12],
  ['a write without a value', THREE, { type: 'write', key: 'x' }, 12],
  ['a cas without from', ['n1'], { type: 'cas', key: 'x', to: 1 }, 12],
  ['a request of no dialect', THREE, { type: 'nonsense' }, 10],
])('%s', (_name, ids, refused, code) => {
  it('is refused, and leaves the course open', async () => {
    const said = await answers([refused, { type: 'become_leader', term: 1 }, { type: 'read', key: 'x' }], ids)
    expect(said).toMatchObject([
      { type: 'error', code },
      { type: 'become_leader_ok' },
      { type: 'read_ok', value: null },
    ])
  })
})

it.each([
  ['a leadership of no term', { type: 'become_leader', term: -1 }],
  ['a raft_append without an entry', { type: 'raft_append' }],
])("%s leaves Maelstrom's dialect open", async (_name, refused) => {
  const said = await answers([refused, { type: 'cas', key: 'x', from: 1, to: 2 }, { type: 'get_state' }])
  expect(said.map(({ code }) => code).sort()).toEqual([10, 12, 20])
})

it.each([
  ['a client', 'c1'],
  ['a node that is no member', 'n9'],
  ['the node itself', 'n1'],
])("a message of Maelstrom's nodes from %s is dropped, and leaves the course open", async (_name, src) => {
  const { said } = await hear([
    initLine('n1', THREE),
    request(src, 'n1', { type: 'raft', rpc: {} }),
    request('c1', 'n1', { type: 'become_leader', msg_id: 2, term: 1 }),
  ])
  expect(said.map(({ body }) => body['type'])).toEqual(['init_ok', 'become_leader_ok'])
})
