import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import { Cluster } from './maelstrom-cluster.ts'

const error = (code: number): unknown => expect.objectContaining({ type: 'error', code }) as unknown

const elected = async (options: ConstructorParameters<typeof Cluster>[0] = {}): Promise<[Cluster, string, string]> => {
  const cluster = new Cluster(options)
  const leader = await cluster.elect()
  await cluster.run(100)
  const [follower = ''] = cluster.others(leader)
  return [cluster, leader, follower]
}

describe('the workload', () => {
  it.each(['leader', 'follower'])('is served by a %s', async (role) => {
    const [cluster, leader, follower] = await elected()
    const node = role === 'leader' ? leader : follower
    const ask = (type: string, fields: Readonly<Record<string, JsonValue>>) =>
      cluster.ask(node, { type, key: 'x', ...fields })
    expect(await ask('read', {})).toEqual(error(20))
    expect(await ask('cas', { from: 1, to: 2 })).toEqual(error(20))
    expect(await ask('write', { value: 1 })).toEqual({
      type: 'write_ok',
      in_reply_to: 3,
      msg_id: expect.anything() as unknown,
    })
    expect(await ask('read', {})).toEqual({
      type: 'read_ok',
      in_reply_to: 4,
      value: 1,
      msg_id: expect.anything() as unknown,
    })
    expect(await ask('cas', { from: 2, to: 3 })).toEqual(error(22))
    expect(await ask('cas', { from: 1, to: 3 })).toEqual({
      type: 'cas_ok',
      in_reply_to: 6,
      msg_id: expect.anything() as unknown,
    })
    expect(await ask('read', {})).toMatchObject({ value: 3 })
    expect(
      await cluster.ask(node, { type: 'cas', key: 'y', from: 0, to: 7, create_if_not_exists: true }),
    ).toMatchObject({
      type: 'cas_ok',
    })
    expect(await cluster.ask(node, { type: 'read', key: 'y' })).toMatchObject({ value: 7 })
  })

  it('knows keys and values of any kind', async () => {
    const [cluster, , follower] = await elected()
    const keys: JsonValue[] = [
      '1',
      1,
      null,
      'null',
      [1],
      '[1]',
      { a: 1, b: [] },
      '\u00001',
      '\u0000',
      '',
      true,
      '\u0000"\u0000"',
    ]
    for (const [value, key] of keys.entries()) await cluster.ask(follower, { type: 'write', key, value: [value] })
    for (const [value, key] of keys.entries())
      expect(await cluster.ask(follower, { type: 'read', key })).toMatchObject({ value: [value] })
    expect(await cluster.ask(follower, { type: 'read', key: { b: [], a: 1 } })).toMatchObject({ value: [6] })
  })

  it('is served at once by a node that is alone', async () => {
    const cluster = new Cluster({ size: 1, settings: { missingReadsNull: () => true } })
    const reply = cluster.ask('n0', { type: 'read', key: 'x' })
    await cluster.run(1)
    expect(await reply).toMatchObject({ type: 'read_ok', value: null })
    expect(cluster.leader).toBe('n0')
  })

  it.each<[string, Readonly<Record<string, JsonValue>>]>([
    ['read', {}],
    ['write', { key: 1 }],
    ['write', { value: 1 }],
    ['cas', { key: 1, from: 1 }],
    ['cas', { key: 1, to: 1 }],
    ['cas', { key: 1, from: 1, to: 1, create_if_not_exists: 1 }],
  ])('refuses a malformed %s %j', async (type, fields) => {
    const cluster = new Cluster()
    expect(await cluster.ask('n0', { type, ...fields })).toEqual(error(12))
  })

  it('refuses what is nested too deep, and what it does not know', async () => {
    const [cluster, , follower] = await elected()
    let value: JsonValue = 0
    for (let depth = 0; depth < 1001; depth++) value = [value]
    expect(await cluster.ask(follower, { type: 'write', key: 1, value })).toEqual(error(12))
    expect(await cluster.ask(follower, { type: 'read', key: value })).toEqual(error(12))
    expect(await cluster.ask(follower, { type: 'write', key: 1, value: (value as JsonValue[])[0] ?? 0 })).toMatchObject(
      {
        type: 'write_ok',
      },
    )
    expect(await cluster.ask(follower, { type: 'append', key: 1 })).toEqual(error(10))
  })
})

describe('leaders that come and go', () => {
  it('keeps requests until the first is elected', async () => {
    const cluster = new Cluster()
    expect(await cluster.ask('n1', { type: 'write', key: 'x', value: 1 })).toMatchObject({ type: 'write_ok' })
    expect(await cluster.ask('n2', { type: 'read', key: 'x' })).toMatchObject({ value: 1 })
  })

  it('fails over, and takes the old leader back', async () => {
    const [cluster, leader, follower] = await elected()
    await cluster.ask(follower, { type: 'write', key: 'x', value: 1 })
    cluster.router.partition([leader])
    expect(await cluster.ask(follower, { type: 'cas', key: 'x', from: 1, to: 2 })).toMatchObject({ type: 'cas_ok' })
    expect(cluster.leader).not.toBe(leader)
    cluster.router.heal()
    expect(await cluster.ask(leader, { type: 'read', key: 'x' })).toMatchObject({ value: 2 })
  })

  it('never reads from a leader that is cut off', async () => {
    const [cluster, leader, follower] = await elected()
    await cluster.ask(leader, { type: 'write', key: 'x', value: 1 })
    cluster.router.partition([leader])
    expect(await cluster.ask(leader, { type: 'read', key: 'x' })).toEqual(error(11))
    expect(await cluster.ask(follower, { type: 'write', key: 'x', value: 2 })).toMatchObject({ type: 'write_ok' })
  })

  it('sees a write through that the old leader could not commit', async () => {
    const [cluster, leader, follower] = await elected()
    await cluster.ask(leader, { type: 'write', key: 'x', value: 0 })
    cluster.router.partition([leader])
    const reply = cluster.clients.ask(leader, { type: 'write', key: 'x', value: 1 })
    await cluster.run(1000)
    expect(cluster.leader).not.toBe(leader)
    cluster.router.heal()
    await cluster.run(500)
    expect(await reply).toMatchObject({ type: 'write_ok' })
    expect(await cluster.ask(follower, { type: 'read', key: 'x' })).toMatchObject({ value: 1 })
  })

  it('brings back a node behind the log by a snapshot', async () => {
    const [cluster, leader, follower] = await elected({ options: { snapshotEntries: 10, trailingEntries: 0 } })
    cluster.router.partition([follower])
    for (let value = 0; value < 50; value++) await cluster.ask(leader, { type: 'write', key: value % 5, value })
    cluster.router.heal()
    await cluster.run(1000)
    expect(cluster.logs.get(follower)).toContainEqual(expect.stringMatching(/^adopted a snapshot up to \d+$/))
    expect(await cluster.ask(follower, { type: 'read', key: 4 })).toMatchObject({ value: 49 })
  })
})

describe('what is never known', () => {
  it('turns away definitely what could not be handed to a leader', async () => {
    const cluster = new Cluster()
    cluster.router.partition(['n0'])
    const write = cluster.ask('n0', { type: 'write', key: 'x', value: 1 })
    expect(await write).toEqual(error(11))
    expect(cluster.clock.now()).toBeLessThan(1100)
    expect(await cluster.ask('n0', { type: 'read', key: 'x' })).toEqual(error(11))
  })

  it('gives no definite answer for what is in the log of a leader that is cut off', async () => {
    const [cluster, leader] = await elected()
    await cluster.ask(leader, { type: 'write', key: 'x', value: 0 })
    cluster.router.partition([leader])
    const before = cluster.clock.now()
    expect(await cluster.ask(leader, { type: 'write', key: 'x', value: 1 })).toEqual(error(0))
    expect(cluster.clock.now() - before).toBeLessThan(5000)
    expect(await cluster.ask(leader, { type: 'write', key: 'x', value: 2 })).toEqual(error(11))
  })

  it('gives no definite answer for what was sent to a leader that does not answer', async () => {
    const [cluster, leader, follower] = await elected()
    await cluster.ask(follower, { type: 'write', key: 'x', value: 0 })
    cluster.router.intercept = ({ type }) => type === 'forwarded'
    expect(await cluster.ask(follower, { type: 'cas', key: 'x', from: 0, to: 1 })).toEqual(error(0))
    expect(await cluster.ask(follower, { type: 'read', key: 'x' })).toEqual(error(11))
    cluster.router.intercept = () => false
    expect(await cluster.ask(leader, { type: 'read', key: 'x' })).toMatchObject({ value: 1 })
  })
})

describe('what comes twice', () => {
  it('has effect once: an answer was lost, and the question is repeated', async () => {
    const [cluster, , follower] = await elected()
    await cluster.ask(follower, { type: 'write', key: 'x', value: 0 })
    let lost = 0
    cluster.router.intercept = ({ type }) => type === 'forwarded' && lost++ < 3
    expect(await cluster.ask(follower, { type: 'cas', key: 'x', from: 0, to: 1 })).toMatchObject({ type: 'cas_ok' })
    expect(lost).toBe(4)
  })

  it('has effect once: the network hands a question to this leader again, and to the next', async () => {
    const [cluster, leader, follower] = await elected()
    const questions: Parameters<Cluster['router']['resend']>[0][] = []
    cluster.router.intercept = (packet) => {
      if (packet.type === 'forward' && packet.line.includes('cas')) questions.push(packet)
      return false
    }
    await cluster.ask(leader, { type: 'write', key: 'x', value: 0 })
    await cluster.ask(follower, { type: 'cas', key: 'x', from: 0, to: 1 })
    const [question] = questions
    if (question === undefined) throw new Error('nothing was forwarded')
    await cluster.ask(leader, { type: 'cas', key: 'x', from: 1, to: 0 })
    cluster.router.resend(question)
    await cluster.run(100)
    expect(await cluster.ask(follower, { type: 'read', key: 'x' })).toMatchObject({ value: 0 })

    cluster.router.partition([leader])
    const next = await cluster.elect()
    cluster.router.heal()
    cluster.router.resend({
      ...question,
      dest: next,
      line: question.line.replace(`"dest":"${leader}"`, `"dest":"${next}"`),
    })
    await cluster.run(200)
    expect(await cluster.ask(follower, { type: 'read', key: 'x' })).toMatchObject({ value: 0 })
  })
})

describe('many at once', () => {
  it('are all answered, in as many rounds as the session allows', async () => {
    const [cluster, , follower] = await elected()
    const writes = Array.from({ length: 1000 }, (_, value) =>
      cluster.clients.ask(follower, { type: 'write', key: value, value }),
    )
    await cluster.run(500)
    expect(new Set((await Promise.all(writes)).map(({ type }) => type))).toEqual(new Set(['write_ok']))
    expect(await cluster.ask(follower, { type: 'read', key: 999 })).toMatchObject({ value: 999 })
  })

  it('a session that the cluster has forgotten is replaced; what was under way in it is not known', async () => {
    const [cluster, , follower] = await elected()
    await cluster.ask(follower, { type: 'write', key: 'x', value: 0 })
    let isForgotten = false
    cluster.router.intercept = (packet) => {
      if (packet.type !== 'forwarded' || isForgotten) return false
      isForgotten = true
      const line = packet.line.replace(
        '"result":{"type":"applied","result":{"type":"ok"}}',
        '"result":{"type":"sessionExpired"}',
      )
      cluster.router.resend({ ...packet, line })
      return true
    }
    expect(await cluster.ask(follower, { type: 'write', key: 'x', value: 1 })).toEqual(error(0))
    expect(await cluster.ask(follower, { type: 'write', key: 'x', value: 2 })).toMatchObject({ type: 'write_ok' })
    expect(await cluster.ask(follower, { type: 'read', key: 'x' })).toMatchObject({ value: 2 })
  })
})

describe('words from nowhere', () => {
  it.each<[string, string, Readonly<Record<string, JsonValue>>]>([
    ['raft', 'n9', { rpc: { type: 'RequestVote', term: 99, candidateId: 'n9', lastLogIndex: 0, lastLogTerm: 0 } }],
    ['raft', 'c1', { rpc: { type: 'RequestVoteResponse', term: 99, voteGranted: true } }],
    ['raft', 'n0', { rpc: { type: 'RequestVoteResponse', term: 99, voteGranted: true } }],
    ['raft', 'n1', { rpc: { type: 'RequestVoteResponse', term: '99', voteGranted: true } }],
    ['raft', 'n1', {}],
    ['forward', 'n1', { id: 1, task: { type: 'read', key: 'x' } }],
    ['forward', 'n1', { id: 'a', task: { type: 'propose' } }],
    ['forward', 'c7', { id: 'a', task: { type: 'read', key: 'x' } }],
    ['forwarded', 'n1', { id: 'a', result: { type: 'applied', result: 1 } }],
  ])('are dropped: %s from %s %j', async (type, src, fields) => {
    const cluster = new Cluster()
    cluster.router.client('c1', (line) => {
      throw new Error(line)
    })
    void cluster.nodes
      .get('n0')
      ?.handle({ src, dest: 'n0', type, msgId: 1, inReplyTo: null, bodyProblem: null, body: { type, ...fields } })
    expect(cluster.logs.get('n0')).toEqual([expect.stringContaining(`dropped ${type} from ${src}`)])
    expect(await cluster.ask('n0', { type: 'write', key: 'x', value: 1 })).toMatchObject({ type: 'write_ok' })
  })

  it('cost nothing: commands that are none, answers that nobody waits for', async () => {
    const [cluster, leader, follower] = await elected()
    const word = (type: string, fields: Readonly<Record<string, JsonValue>>): void => {
      const body = { type, msg_id: 1, ...fields }
      cluster.router.carry(JSON.stringify({ src: follower, dest: leader, body }))
    }
    word('forward', { id: 'a', task: { type: 'propose', command: { type: 'apply' } } })
    word('forward', { id: 'b', task: { type: 'propose', command: { type: 'direct', command: { op: 'put', key: 7 } } } })
    word('forwarded', { id: 'c', result: { type: 'applied', result: { type: 'ok' } } })
    await cluster.run(100)
    expect(await cluster.ask(leader, { type: 'write', key: 'x', value: 1 })).toMatchObject({ type: 'write_ok' })
  })
})
