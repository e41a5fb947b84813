import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parsed, raft } from './process.ts'

const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'raft-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

const INIT_ONE = '{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}'
const INIT_THREE =
  '{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2","n3"]}}'
const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`
const ask = (id: number, body: object): string =>
  JSON.stringify({ src: 'c1', dest: 'n1', body: { ...body, msg_id: id } })

const INIT_OK = '{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1,"msg_id":0}}'

/* To the byte: some readers compare lines as text, and take the order of the fields from the samples. */
describe('the samples of the course', () => {
  it('a snapshot trims the log', () => {
    const { lines: said, status } = raft(
      ['node'],
      lines(
        INIT_ONE,
        '{"src":"c1","dest":"n1","body":{"type":"apply_entries","msg_id":2,"entries":[{"index":1,"term":1,"command":{"op":"put","key":"x","value":"1"}},{"index":2,"term":1,"command":{"op":"put","key":"y","value":"2"}},{"index":3,"term":1,"command":{"op":"put","key":"z","value":"3"}}]}}',
        '{"src":"c1","dest":"n1","body":{"type":"take_snapshot","msg_id":3,"threshold":2}}',
      ),
    )
    expect(status).toBe(0)
    expect(said).toEqual([
      INIT_OK,
      '{"src":"n1","dest":"c1","body":{"type":"apply_entries_ok","in_reply_to":2,"msg_id":1,"results":[{"index":1,"result":"ok"},{"index":2,"result":"ok"},{"index":3,"result":"ok"}],"last_applied":3}}',
      '{"src":"n1","dest":"c1","body":{"type":"take_snapshot_ok","in_reply_to":3,"msg_id":2,"snapshot_index":3,"snapshot_term":1,"state_size_bytes":25,"log_entries_trimmed":3}}',
    ])
  })

  it('a snapshot restores the state', () => {
    const { lines: said, status } = raft(
      ['node'],
      lines(
        INIT_ONE,
        '{"src":"c1","dest":"n1","body":{"type":"install_snapshot","msg_id":2,"snapshot_index":5,"snapshot_term":2,"state":{"a":"1","b":"2"}}}',
        '{"src":"c1","dest":"n1","body":{"type":"get_state","msg_id":3}}',
      ),
    )
    expect(status).toBe(0)
    expect(said).toEqual([
      INIT_OK,
      '{"src":"n1","dest":"c1","body":{"type":"install_snapshot_ok","in_reply_to":2,"msg_id":1,"applied":true,"new_last_applied":5}}',
      '{"src":"n1","dest":"c1","body":{"type":"get_state_ok","in_reply_to":3,"msg_id":2,"state":{"a":"1","b":"2"},"last_applied":5}}',
    ])
  })

  it('a leader appends an entry', () => {
    const { lines: said, status } = raft(
      ['node'],
      lines(
        INIT_THREE,
        '{"src":"c1","dest":"n1","body":{"type":"raft_append","msg_id":2,"entry":{"term":1,"command":{"op":"put","key":"x","value":1}}}}',
      ),
    )
    expect(status).toBe(0)
    const sent = (id: number): string =>
      `"body":{"type":"append_entries","msg_id":${id},"term":1,"leader_id":"n1","prev_log_index":0,"prev_log_term":0,"entries":[{"term":1,"index":1,"command":{"op":"put","key":"x","value":1}}],"leader_commit":0}}`
    expect(said).toEqual([
      INIT_OK,
      '{"src":"n1","dest":"c1","body":{"type":"raft_append_ok","in_reply_to":2,"msg_id":1,"index":1}}',
      `{"src":"n1","dest":"n2",${sent(2)}`,
      `{"src":"n1","dest":"n3",${sent(3)}`,
    ])
  })
})

describe('the end of the input', () => {
  it('a last line without its end is answered', () => {
    const { lines: said, status } = raft(['node'], INIT_ONE)
    expect([said.length, status]).toEqual([1, 0])
  })

  it('ends a node that nobody asked anything', () => {
    expect(raft(['node'])).toMatchObject({ status: 0, stdout: '' })
  })

  it('ends a cluster node that can reach nobody, after an answer to everything', () => {
    const { lines: said, status } = raft(
      ['node'],
      lines(INIT_THREE, ask(2, { type: 'write', key: 'x', value: 1 }), ask(3, { type: 'read', key: 'x' })),
    )
    expect(status).toBe(0)
    const replies = parsed(said) as readonly { readonly dest: string; readonly body: Record<string, unknown> }[]
    const toClient = replies.filter(({ dest }) => dest === 'c1')
    expect(toClient.map(({ body: { type, in_reply_to: to } }) => [type, to])).toEqual([
      ['error', 2],
      ['error', 3],
    ])
  })
})

describe('a line of millions of numbers', () => {
  it('costs no more memory where one of them is negative zero', () => {
    const value = `[${'0,'.repeat(8_000_000)}-0]`
    const write = `{"src":"c1","dest":"n1","body":{"type":"write","msg_id":2,"key":"x","value":${value}}}`
    const { lines: said, status } = raft(['node'], lines(INIT_ONE, write), ['--max-old-space-size=600'])
    expect(status).toBe(0)
    expect(parsed(said.slice(1))).toMatchObject([{ body: { type: 'error', code: 12 } }])
  })
})

describe('a request that waits for a commit', () => {
  it('of a leader that refused a vote is answered at once', () => {
    const vote = { type: 'request_vote', term: 1, candidate_id: 'n2', last_log_index: 0, last_log_term: 0 }
    const { lines: said, status } = raft(
      ['node'],
      lines(
        INIT_THREE,
        ask(2, { type: 'become_leader', term: 2 }),
        ask(3, vote),
        ask(4, { type: 'write', key: 'x', value: 1 }),
        ask(5, { type: 'get_state' }),
      ),
    )
    expect(status).toBe(0)
    expect(parsed(said)).toMatchObject([
      { body: { type: 'init_ok' } },
      { body: { type: 'become_leader_ok' } },
      { body: { type: 'request_vote_ok', vote_granted: false } },
      { body: { type: 'write_ok' } },
      { body: { type: 'state_reply', state: 'leader' } },
      {},
      {},
      {},
      {},
    ])
  })
})

describe('--data', () => {
  it('keeps what was acknowledged', () => {
    const data = folder()
    raft(['node', '--data', data], lines(INIT_ONE, ask(2, { type: 'write', key: 'x', value: { a: [1, null] } })))
    const { lines: said } = raft(['node', '--data', data], lines(INIT_ONE, ask(2, { type: 'read', key: 'x' })))
    expect(parsed(said)[1]).toMatchObject({ body: { type: 'read_ok', value: { a: [1, null] } } })
  })

  it("keeps what the course's client vouched for", () => {
    const data = folder()
    const state = { type: 'install_snapshot', snapshot_index: 5, snapshot_term: 2, state: { a: 1 } }
    raft(['node', '--data', data], lines(INIT_ONE, ask(2, state)))
    const { lines: said } = raft(
      ['node', '--data', data],
      lines(INIT_ONE, ask(2, { type: 'get_log_info' }), ask(3, { type: 'read', key: 'a' })),
    )
    expect(parsed(said)[1]).toMatchObject({ body: { snapshot_index: 5 } })
    expect(parsed(said)[2]).toMatchObject({ body: { type: 'read_ok', value: 1 } })
  })

  it('tells of a snapshot when it is on the disk', () => {
    const data = folder()
    const entries = [1, 2, 3].map((index) => ({
      index,
      term: 1,
      command: { op: 'put', key: `k${index}`, value: index },
    }))
    const { lines: said } = raft(
      ['node', '--data', data],
      lines(INIT_ONE, ask(2, { type: 'apply_entries', entries }), ask(3, { type: 'take_snapshot', threshold: 2 })),
    )
    expect(parsed(said)[2]).toMatchObject({ body: { snapshot_index: 3, log_entries_trimmed: 3 } })
    const again = raft(['node', '--data', data], lines(INIT_ONE, ask(2, { type: 'get_log_info' })))
    expect(parsed(again.lines)[1]).toMatchObject({ body: { first_index: 4, snapshot_index: 3 } })
    expect(again.stderr).toBe('')
  })

  it('refuses the directory of another node', () => {
    const data = folder()
    raft(['node', '--data', data], INIT_ONE)
    const other = '{"src":"c0","dest":"n2","body":{"type":"init","msg_id":1,"node_id":"n2","node_ids":["n2"]}}'
    const { status, stderr } = raft(['node', '--data', data], other)
    expect(status).toBe(65)
    expect(stderr).toContain('n1')
  })

  it('refuses a file', () => {
    const data = join(folder(), 'file')
    writeFileSync(data, 'not a directory')
    const { status, stderr } = raft(['node', '--data', data], INIT_ONE)
    expect([status, stderr]).toEqual([65, expect.stringContaining(data)])
  })
})

describe('--trace', () => {
  const conversation = lines(
    INIT_ONE,
    ask(2, { type: 'apply_entries', entries: [{ index: 1, term: 1, command: { op: 'put', key: 'x', value: 1 } }] }),
    ask(3, { type: 'become_leader', term: 2 }),
    ask(4, { type: 'write', key: 'x', value: 2 }),
    ask(5, { type: 'take_snapshot', threshold: 1 }),
    ask(6, { type: 'read', key: 'x' }),
  )

  it.each([[[]], [['--mode', 'maelstrom']]])('a recorded life with %j replays to the same states', (mode) => {
    const trace = join(folder(), 'trace.jsonl')
    expect(raft(['node', '--trace', trace, ...mode], conversation).status).toBe(0)
    expect(raft(['replay', trace])).toMatchObject({ status: 0 })
  })

  it('a second life with --data is recorded from what the disk gave back', () => {
    const [data, trace] = [folder(), join(folder(), 'trace.jsonl')]
    raft(['node', '--data', data], conversation)
    expect(
      raft(['node', '--data', data, '--trace', trace], lines(INIT_ONE, ask(2, { type: 'read', key: 'x' }))).status,
    ).toBe(0)
    expect(raft(['replay', trace])).toMatchObject({ status: 0 })
  })

  it('refuses a file that cannot be written', () => {
    expect(raft(['node', '--trace', join(folder(), 'missing', 'trace.jsonl')], INIT_ONE)).toMatchObject({ status: 65 })
  })

  it('refuses a restart that would overwrite the last life, and says what to do', () => {
    const trace = join(folder(), 'trace.jsonl')
    raft(['node', '--trace', trace], conversation)
    const { status, stdout, stderr } = raft(['node', '--trace', trace], conversation)
    expect([status, stdout, stderr]).toEqual([65, '', expect.stringContaining('name another file')])
    expect(raft(['replay', trace])).toMatchObject({ status: 0 })
  })

  it('leaves no trace of a node that is refused its directory', () => {
    const [data, trace] = [folder(), join(folder(), 'trace.jsonl')]
    raft(['node', '--data', data], INIT_ONE)
    const other = '{"src":"c0","dest":"n2","body":{"type":"init","msg_id":1,"node_id":"n2","node_ids":["n2"]}}'
    expect(raft(['node', '--data', data, '--trace', trace], other)).toMatchObject({ status: 65 })
    expect(existsSync(trace)).toBe(false)
  })

  it.skipIf(!existsSync('/dev/full'))('on a full disk costs the record, not the node', () => {
    const { status, lines: said, stderr } = raft(['node', '--trace', '/dev/full'], conversation)
    expect([status, said.length]).toEqual([0, 6])
    expect(stderr).toContain('cut short: the disk is full; the node goes on')
  })
})

describe('the command line', () => {
  it.each([[['--help']], [['node', '--help']], [['help']]])('%j tells how to use it', (args) => {
    expect(raft(args)).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: raft') as string })
  })

  it('without a command it says how to use it, as an error', () => {
    expect(raft([])).toMatchObject({ status: 64, stdout: '' })
  })

  it.each([
    [['frobnicate']],
    [['node', '--frobnicate']],
    [['node', 'stray']],
    [['node', '--seed', '-1']],
    [['node', '--seed', '1.5']],
    [['node', '--mode', 'x']],
    [['node', '--data']],
    [['node', '--election-timeout-ms', '49']],
    [['node', '--election-timeout-ms', '600001']],
    [['node', '--election-timeout-ms', '1s']],
  ])('%j is refused with a reason', (args) => {
    const { status, stderr } = raft(args)
    expect([status, stderr.length > 10]).toEqual([64, true])
  })

  it('knows its version', () => {
    expect(raft(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
