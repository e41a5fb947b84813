import { describe, expect, it } from 'vitest'
import { THREE, hear, initLine, type Line } from './conversation.ts'

/** A request whose body is given as text, because JSON.stringify would round it. */
const raw = (fields: string, msgId = '2'): string => `{"src":"c1","dest":"n1","body":{"msg_id":${msgId},${fields}}}`

/** The bodies of what a node that is alone answers, after init_ok; raw, because JSON.parse would round them. */
const rawAnswers = async (lines: readonly string[]): Promise<readonly string[]> => {
  const said: string[] = []
  await hear([initLine(), ...lines], { write: (line) => said.push(line) })
  return said.slice(1)
}

const bodies = (lines: readonly string[]): readonly Line['body'][] =>
  lines.map((line) => (JSON.parse(line) as Line).body)

describe('numbers that a double would round', () => {
  it.each([
    ['a value', '"type":"write","key":"x","value":9007199254740993', '9007199254740993'],
    ['a negative value', '"type":"write","key":"x","value":-9007199254740993', '-9007199254740993'],
    ['the least that is not safe', '"type":"write","key":"x","value":9007199254740992', '9007199254740992'],
    ['a fraction of zero', '"type":"write","key":"x","value":9007199254740993.0', '9007199254740993'],
    [
      'a fraction whose double is too large',
      '"type":"write","key":"x","value":9007199254740991.75',
      '9007199254740991.75',
    ],
    ['a number beyond all doubles', '"type":"write","key":"x","value":1e400', '1e400'],
    ['a large number with an exponent', '"type":"write","key":"x","value":[1, 2E16]', '20000000000000000'],
    ['a key', '"type":"write","key":9007199254740993,"value":1', '9007199254740993'],
    ['a nested value', '"type":"write","key":"x","value":{"a":[{"b": 9007199254740993}]}', '9007199254740993'],
    ['what a cas compares', '"type":"cas","key":"x","from":9007199254740992,"to":1', '9007199254740992'],
    ['what a cas writes', '"type":"cas","key":"x","from":1,"to":9007199254740993', '9007199254740993'],
    [
      "a course's entry",
      '"type":"apply_entries","entries":[{"index":1,"term":1,"command":{"op":"put","key":"x","value":1e400}}]',
      '1e400',
    ],
    [
      "a course's state",
      '"type":"seed_state","state":{"x":9007199254740993},"commit_index":1,"term":1',
      '9007199254740993',
    ],
  ])('%s: error 12 that names it, and nothing has changed', async (_, fields, number) => {
    const [refused, read] = bodies(await rawAnswers([raw(fields), raw('"type":"read","key":"x"', '3')]))
    expect(refused).toMatchObject({ type: 'error', code: 12, in_reply_to: 2 })
    expect(refused?.['text']).toContain(`the number ${number} is beyond ±(2^53 − 1)`)
    expect(read).not.toHaveProperty('value', expect.anything())
  })

  it.each([
    '9007199254740991',
    '-9007199254740991',
    '1.0e2',
    '-0',
    '-1e-400',
    '1e15',
    '0.1',
    '1e-400',
    '0.10000000000000000001',
  ])('%s is kept as the nearest double', async (literal) => {
    const lines = [raw(`"type":"write","key":"x","value":${literal}`), raw('"type":"read","key":"x"', '3')]
    const [written, read] = bodies(await rawAnswers(lines))
    expect(written).toMatchObject({ type: 'write_ok' })
    expect(read).toMatchObject({ type: 'read_ok', value: Number(literal) + 0 })
  })

  it('-0 is kept as 0 whatever lies beside it', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    const lines = [
      raw(`"type":"write","key":"x","value":{"__proto__":[-0]},"note":${deep}`),
      raw('"type":"read","key":"x"', '3'),
    ]
    const [written, read] = await rawAnswers(lines)
    expect(written).toContain('"type":"write_ok"')
    expect(read).toContain('"value":{"__proto__":[0]}')
  })

  it('digits in a text are no number', async () => {
    const [written] = bodies(await rawAnswers([raw('"type":"write","key":"x","value":":9007199254740993, 1e400 "')]))
    expect(written).toMatchObject({ type: 'write_ok' })
  })

  it('outside the body they are let be', async () => {
    const line = '{"id":9007199254740993,"src":"c1","dest":"n1","body":{"type":"read","key":"x","msg_id":2}}'
    const [read] = bodies(await rawAnswers([line]))
    expect(read).toMatchObject({ type: 'read_ok', value: null })
  })

  it.each(['9007199254740993', '9007199254740992', '-9223372036854775808', '18446744073709551615'])(
    'msg_id %s is answered, digit by digit',
    async (msgId) => {
      const [read] = await rawAnswers([raw('"type":"read","key":"x"', msgId)])
      expect(read).toContain(`"type":"read_ok","in_reply_to":${msgId},`)
    },
  )

  it('msg_id that large with a request that is refused: the error names it', async () => {
    const [error] = await rawAnswers([raw('"type":"frobnicate"', '9007199254740993')])
    expect(error).toContain('"type":"error","in_reply_to":9007199254740993,')
  })

  it('a value that looks like such an answer stays a text', async () => {
    const value = '"in_reply_to":"1"'
    const lines = [
      raw(`"type":"write","key":"x","value":${JSON.stringify(value)}`),
      raw('"type":"read","key":"x"', '9007199254740993'),
    ]
    const [, read] = await rawAnswers(lines)
    expect(read).toContain('"in_reply_to":9007199254740993,')
    expect(bodies([read ?? ''])[0]).toMatchObject({ value })
  })

  it('in_reply_to that large answers nothing of ours', async () => {
    const { said, log } = await hear([initLine(), raw('"type":"read","key":"x","in_reply_to":9007199254740993')])
    expect([said.length, log.length]).toEqual([1, 1])
  })

  it('-0 in a history is 0 beside a number that no double holds', async () => {
    const history = '[{"op":"write","value":-0},{"op":"read","value":0},{"op":"write","value":1700000000000000001}]'
    const [verdict] = bodies(await rawAnswers([raw(`"type":"verify_linearizability","history":${history}`)]))
    expect(verdict).toMatchObject({ type: 'verify_linearizability_ok', linearizable: true })
  })

  it('an exponent that cannot be counted is refused', async () => {
    const [error] = bodies(await rawAnswers([raw('"type":"write","key":"x","value":1e99999999999999999')]))
    expect(error).toMatchObject({ type: 'error', code: 12, in_reply_to: 2 })
  })

  it('a history is judged by the numbers as they are written', async () => {
    const history = (read: string) =>
      raw(
        `"type":"verify_linearizability","history":[{"op":"write","value":9007199254740993},{"op":"read","value":${read}}]`,
      )
    const [good, bad] = bodies(await rawAnswers([history('9007199254740993'), history('9007199254740992')]))
    expect(good).toMatchObject({ type: 'verify_linearizability_ok', linearizable: true })
    expect(bad).toMatchObject({ type: 'verify_linearizability_ok', linearizable: false })
  })
})

describe('a line for another node', () => {
  const misdirected = (type: string, fields = ''): string =>
    `{"src":"c1","dest":"n2","body":{"type":"${type}","msg_id":2${fields}}}`

  it.each(['read', 'write', 'become_leader', 'get_state', 'frobnicate'])(
    '%s: error 12, and nothing has changed',
    async (type) => {
      const { said } = await hear([
        initLine('n1', THREE),
        misdirected(type, ',"key":"x","value":1,"term":7'),
        raw('"type":"get_state"', '3'),
      ])
      expect(said[1]?.body).toMatchObject({ type: 'error', code: 12, in_reply_to: 2, text: 'this is node n1, not n2' })
      expect(said[2]?.body).toMatchObject({ type: 'state_reply', state: 'follower', term: 0 })
    },
  )

  it('a vote of a peer for another candidate elects nobody here', async () => {
    const rpc = '{"type":"RequestVoteResponse","term":1,"voteGranted":true}'
    const vote = `{"src":"n3","dest":"n2","body":{"type":"raft","msg_id":9,"rpc":${rpc}}}`
    const { said, log } = await hear([initLine('n1', THREE), vote], { mode: 'maelstrom' })
    expect(said).toHaveLength(1)
    expect(log).toEqual(['refused raft from n3: this is node n1, not n2'])
  })

  it('an RPC of a stranger is dropped', async () => {
    const rpc = '{"type":"RequestVoteResponse","term":1,"voteGranted":true}'
    const vote = `{"src":"n9","dest":"n1","body":{"type":"raft","msg_id":9,"rpc":${rpc}}}`
    const { said, log } = await hear([initLine('n1', THREE), vote], { mode: 'maelstrom' })
    expect(said).toHaveLength(1)
    expect(log).toEqual(['dropped raft from n9: not from another node'])
  })

  it('an init for one node that names another is refused', async () => {
    const { said } = await hear([initLine('n1', THREE).replace('"dest":"n1"', '"dest":"n2"')])
    expect(said[0]?.body).toMatchObject({ type: 'error', code: 12 })
  })
})
