import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { DEFAULT_OPTIONS } from '../../../src/core/config.ts'
import type { Entry, JsonValue } from '../../../src/core/entry.ts'
import { jsonBytes } from '../../../src/core/json.ts'
import { INDEX_ZERO, TERM_ZERO, nodeId, type Index } from '../../../src/core/ids.ts'
import { append, emptyLog, slice } from '../../../src/core/log/log.ts'
import type { Rpc } from '../../../src/core/rpc.ts'
import { objectsOf, stateFromObjects } from '../../../src/machine/capture.ts'
import { machine, type Command } from '../../../src/shell/stdio/context.ts'
import { checkRequest, jsonLength, parseLine, type ReplyBody } from '../../../src/shell/stdio/envelope.ts'
import { KEY_MAX, LINE_MAX, NAMES_MAX, REQUEST_MAX } from '../../../src/shell/stdio/lines.ts'
import { operationOf } from '../../../src/shell/stdio/maelstrom/operation.ts'
import { Session } from '../../../src/shell/stdio/maelstrom/session.ts'
import { forwardBody, forwardedBody, readForward, readForwarded } from '../../../src/shell/stdio/maelstrom/task.ts'
import { Replies } from '../../../src/shell/stdio/replies.ts'
import { decodeRpc, encodeRpc } from '../../../src/codec/rpc.ts'
import { Cluster } from '../maelstrom-cluster.ts'
import { hear, initLine, request } from './conversation.ts'

/** Texts that take more room as JSON, and as JSON in JSON. */
const NASTY = ['"', '\\', '\u0000', '\u001f', '\ud800', '💥', 'é', '\u2028', 'x', '\\"\n\u0001"']

const NASTIEST = ['"', '💥']

/** Text of `piece` again and again that takes `length` characters as JSON. */
const filled = (piece: string, length: number): string => {
  const each = JSON.stringify(piece).length - 2
  const inner = Math.max(length - 2, 0)
  const count = Math.floor(inner / each)
  return piece.repeat(count) + '.'.repeat(inner - count * each)
}

/** A line for a client's request, and what comes of it at the door. */
const atDoor = (body: ReplyBody): Command | string => {
  const parsed = parseLine(request('c1', 'n1', { ...body, msg_id: 1 }))
  if ('problem' in parsed) return parsed.problem
  try {
    checkRequest(parsed.request, 'n1')
    const session = new Session('0123456789abcdef0123456789abcdef0123/0')
    return session.command(1, operationOf(parsed.request))
  } catch (error) {
    return String(error)
  }
}

const NAMES = ['n1', 'n2', filled('"', NAMES_MAX - 20)].map(nodeId)

/** What a node with the longest name says. */
const lineOf = (body: ReplyBody): string => {
  const [line = ''] = said((replies) => replies.tell(NAMES[2] ?? '', body))
  return line
}

const said = (say: (replies: Replies) => void): readonly string[] => {
  const lines: string[] = []
  say(new Replies(NAMES[2] ?? '', (line) => lines.push(line)))
  return lines
}

/** The RPC that arrives. */
const carried = (rpc: Rpc): Rpc => {
  const line = lineOf({ type: 'raft', rpc: encodeRpc(rpc) })
  expect(line.length).toBeLessThanOrEqual(LINE_MAX)
  const parsed = parseLine(line)
  const decoded = 'request' in parsed ? decodeRpc(parsed.request.body['rpc']) : { error: parsed.problem }
  if ('error' in decoded) throw new Error(decoded.error)
  return decoded.rpc
}

const BIG = Number.MAX_SAFE_INTEGER

const entryOf = (index: number, command: Command): Entry => {
  // Two commands are the same JSON where they are the same type.
  const json = command as unknown as JsonValue
  return { type: 'command', index: index as Index, term: TERM_ZERO, bytes: jsonBytes(json), command: json }
}

const appendOf = (entries: readonly Entry[]): Rpc => {
  const leaderId = NAMES[2] ?? nodeId('n1')
  const [prevLogIndex, prevLogTerm] = [INDEX_ZERO, TERM_ZERO]
  return {
    type: 'AppendEntries',
    term: TERM_ZERO,
    leaderId,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit: INDEX_ZERO,
    round: BIG,
  }
}

/** Every line that carries a command on: to the leader, into the logs, in a snapshot, and back to its client. */
const expectCarried = (command: Command): void => {
  const id = '0123456789abcdef0123456789abcdef0123/999'
  const forward = parseLine(lineOf(forwardBody(id, { type: 'propose', command })))
  expect('request' in forward ? readForward(forward.request)?.task : forward).toEqual({ type: 'propose', command })
  expect(lineOf(forwardBody(id, { type: 'propose', command })).length).toBeLessThanOrEqual(LINE_MAX)

  const append = appendOf([entryOf(1, command)])
  expect(carried(append)).toEqual(append)

  const first: Command = { type: 'direct', command: { op: 'put', key: filled('"', KEY_MAX).slice(0, -1), value: 0 } }
  const register: Command = { type: 'register', client: 'client' in command ? command.client : '' }
  const again: Command = { ...command, ...('sequence' in command ? { sequence: 2 } : {}) }
  // Once more: the answer to a cas that fails, which holds the value, stays in the table of sessions.
  const [state, results] = machine.apply(machine.initial, [register, first, command, again])
  const objects = objectsOf(machine, state).map(({ id: objectId, data }) => {
    const snapshot = {
      lastIncludedIndex: INDEX_ZERO,
      lastIncludedTerm: TERM_ZERO,
      configuration: configurationOf(NAMES),
      configurationIndex: INDEX_ZERO,
    }
    const of = { term: TERM_ZERO, transferId: BIG }
    const leaderId = NAMES[2] ?? nodeId('n1')
    const rpc = carried({
      ...of,
      type: 'InstallSnapshot',
      leaderId,
      snapshot,
      startsOver: false,
      position: BIG,
      objectId,
      data,
      checksum: BIG,
      digest: BIG,
      isLast: false,
    })
    carried({
      ...of,
      type: 'InstallSnapshotResponse',
      status: 'wanted',
      nextObjectId: objectId,
      digest: BIG,
      installedIndex: INDEX_ZERO,
    })
    return rpc.type === 'InstallSnapshot' ? { id: rpc.objectId, data: rpc.data } : { id: objectId, data }
  })
  const restored = stateFromObjects(machine, objects)
  expect(JSON.stringify(restored)).toBe(JSON.stringify({ state }))
  for (const result of results) {
    const line = lineOf(forwardedBody(id, result))
    expect(line.length).toBeLessThanOrEqual(LINE_MAX)
    const parsed = parseLine(line)
    expect('request' in parsed ? readForwarded(parsed.request)?.result : parsed).toEqual(result)
  }
}

const writeOf = (piece: string, length: number, key: JsonValue): ReplyBody => {
  const body = { type: 'write', key, value: '' }
  return { ...body, value: filled(piece, length - jsonLength({ ...body, msg_id: 1 }) + 2) }
}

describe('what is accepted fits every line that carries it on', () => {
  it.each(NASTIEST.map((piece) => [JSON.stringify(piece), piece]))('a longest value of %s', (_, piece) => {
    const command = atDoor(writeOf(piece, REQUEST_MAX, 'x'))
    if (typeof command === 'string') throw new Error(command)
    expectCarried(command)
  })

  it.each(NASTIEST.map((piece) => [JSON.stringify(piece), piece]))('a longest key of %s', (_, piece) => {
    const key = piece.startsWith('\u0000') ? `x${filled(piece, KEY_MAX - 1)}` : filled(piece, KEY_MAX)
    const command = atDoor(writeOf('"', REQUEST_MAX, key))
    if (typeof command === 'string') throw new Error(command)
    expectCarried(command)
  })

  it('a cas that does not match, whose answer has the value', () => {
    const command = atDoor({
      type: 'cas',
      key: 'y',
      from: filled('"', REQUEST_MAX / 2),
      to: filled('\\', REQUEST_MAX / 2 - 200),
      create_if_not_exists: true,
    })
    if (typeof command === 'string') throw new Error(command)
    expectCarried(command)
  })

  it('or is refused, for texts of any characters near the limits', () => {
    const length = (max: number) => fc.oneof(fc.integer({ min: max - 3, max: max + 3 }), fc.integer({ min: 10, max }))
    const piece = fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', minLength: 1 }))
    fc.assert(
      fc.property(
        piece,
        length(REQUEST_MAX),
        piece,
        length(KEY_MAX),
        fc.boolean(),
        (value, size, name, keySize, isList) => {
          const text = filled(name, keySize)
          const body = writeOf(value, Math.max(size, keySize * 3), isList ? [text] : text)
          const command = atDoor(body)
          if (typeof command === 'string') {
            const isLong = jsonLength({ ...body, msg_id: 1 }) > REQUEST_MAX || keySize * 2 > KEY_MAX / 4
            expect([command, isLong]).toEqual([expect.stringMatching(/characters/), true])
          } else expectCarried(command)
        },
      ),
      { numRuns: 4 },
    )
  })

  it('many small commands whose bytes are counted without escapes', () => {
    let log = emptyLog()
    const value = '\u0001'.repeat(200)
    const entries = Array.from({ length: 6000 }, (_, at) =>
      entryOf(at + 1, {
        type: 'apply',
        client: value,
        sequence: BIG,
        acknowledged: BIG - 1,
        command: { op: 'put', key: value, value },
      }),
    )
    log = append(log, entries)
    const { messageEntriesMax, messageBytesMax } = DEFAULT_OPTIONS
    const sent = appendOf(slice(log, 1 as Index, log.lastIndex, messageEntriesMax, messageBytesMax))
    expect(carried(sent)).toEqual(sent)
  })
})

describe('jsonLength', () => {
  it('is the length of what JSON.stringify gives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonLength(value)).toBe(JSON.stringify(value).length)
      }),
    )
  })

  it('measures what nests deeper than the stack', () => {
    expect(jsonLength(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)))).toBe(200_000)
  })
})

describe('what does not fit is refused at the door', () => {
  it.each(NASTIEST.map((piece) => [JSON.stringify(piece), piece]))(
    'a value of %s, one character longer',
    (_, piece) => {
      expect(atDoor(writeOf(piece, REQUEST_MAX + 1, 'x'))).toContain(`takes ${REQUEST_MAX + 1} characters`)
    },
  )

  it('a key that is one character longer, or becomes so as it is stored', () => {
    expect(atDoor(writeOf('x', 1000 + KEY_MAX, filled('"', KEY_MAX + 1)))).toContain(
      `key takes ${KEY_MAX + 1} characters`,
    )
    expect(atDoor(writeOf('x', 1000 + KEY_MAX, [filled('"', KEY_MAX - 100)]))).toContain('key takes')
  })

  it('numbers that are longer as they are sent on', async () => {
    const line = `{"src":"c1","dest":"n1","body":{"type":"write","msg_id":2,"key":"x","value":[${'1e15,'.repeat(500_000)}1]}}`
    const { said: answers } = await hear([initLine(), line])
    expect(answers[1]?.body).toMatchObject({ type: 'error', code: 12, in_reply_to: 2 })
  })

  it('names of nodes that would not fit into a line', async () => {
    const { said: answers } = await hear([initLine('n1', ['n1', 'n'.repeat(NAMES_MAX)])])
    expect(answers[0]?.body).toMatchObject({ type: 'error', code: 12 })
  })

  it('with a definite error, by the course as well, and the node goes on', async () => {
    const write = (length: number) => request('c1', 'n1', { ...writeOf('"', length, 'x'), msg_id: 1 })
    const { said: answers } = await hear([initLine(), write(REQUEST_MAX + 1), write(REQUEST_MAX)])
    expect(answers.slice(1).map(({ body }) => [body['type'], body['code']])).toEqual([
      ['error', 12],
      ['write_ok', undefined],
    ])
  })
})

describe('a cluster with the longest value', () => {
  it('brings it to the leader, and to a node that needs a snapshot', async () => {
    const cluster = new Cluster({ options: { snapshotEntries: 3, trailingEntries: 0 } })
    const leader = await cluster.elect()
    const [follower = '', behind = ''] = cluster.others(leader)
    let longest = 0
    cluster.router.intercept = ({ line }) => {
      longest = Math.max(longest, line.length)
      return line.length > LINE_MAX
    }
    cluster.router.partition([behind])
    expect(await cluster.ask(follower, writeOf('"', REQUEST_MAX + 1, 'x'))).toMatchObject({ type: 'error', code: 12 })
    const body = writeOf('"', REQUEST_MAX - 10, 'x')
    expect(await cluster.ask(follower, body)).toMatchObject({ type: 'write_ok' })
    for (let value = 0; value < 5; value++) await cluster.ask(follower, { type: 'write', key: 'y', value })
    cluster.router.heal()
    await cluster.run(500)
    expect(cluster.logs.get(behind)).toContainEqual(expect.stringMatching(/^adopted a snapshot/))
    expect(await cluster.ask(behind, { type: 'read', key: 'x' })).toMatchObject({ value: body['value'] })
    expect([longest > REQUEST_MAX * 2, longest <= LINE_MAX]).toEqual([true, true])
    expect(cluster.leader).toBe(leader)
  })
})
