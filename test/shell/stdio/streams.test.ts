import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import {
  BACKLOG_MAX,
  LineReader,
  LineWriter,
  PENDING_CHARACTERS_MAX,
  PENDING_LINES_MAX,
} from '../../../src/shell/stdio/streams.ts'
import { memoryStorage } from '../../../src/shell/storage/storage.ts'
import { OPEN_MAX } from '../../../src/shell/stdio/maelstrom/requests.ts'
import { Replies, WAITING_MAX } from '../../../src/shell/stdio/replies.ts'
import { turn } from '../support-node.ts'
import { conversation, initLine, request, THREE } from './conversation.ts'

/** An output whose reader is told when to read. */
class Reader extends Writable {
  readonly writes: string[] = []
  private done: (() => void)[] = []

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.writes.push(chunk.toString())
    this.done.push(callback)
  }

  /** Reads everything that is written, and what is written because of that. */
  async readAll(): Promise<void> {
    while (this.done.length > 0) {
      for (const done of this.done.splice(0)) done()
      await turn()
    }
  }
}

const read = (at: number): string => request('c1', 'n1', { type: 'read', msg_id: at, key: 'x' })

describe('the output', () => {
  it('is one write a turn', async () => {
    const stream = new Reader()
    const writer = new LineWriter(stream)
    for (const line of ['a', 'b', 'c']) writer.write(line)
    expect(stream.writes).toEqual([])
    await turn()
    await turn()
    expect(stream.writes).toEqual(['a\nb\nc\n'])
  })

  it('holds back lines to handle while nobody reads, and loses none of their answers', async () => {
    const stream = new Reader()
    const writer = new LineWriter(stream)
    const { node } = conversation({ mode: 'maelstrom', write: (line) => writer.write(line), backlog: writer })
    const value = 'v'.repeat(1 << 16)
    node.line(initLine())
    node.line(request('c1', 'n1', { type: 'write', msg_id: 2, key: 'x', value }))
    let handled = 0
    const requests = 1_000
    for (let at = 0; at < requests; at++) node.line(read(3 + at), () => handled++)
    for (let at = 0; at < 20; at++) await turn()
    expect(writer.isFull).toBe(true)
    expect(stream.writableLength).toBeLessThan(BACKLOG_MAX + 2 * value.length)
    expect(handled).toBeLessThan(100)
    const ended = node.end()
    for (let left = 100; left > 0 && handled < requests; left--) await stream.readAll()
    await ended
    writer.flush()
    await stream.readAll()
    expect(stream.writes.join('').split('\n')).toHaveLength(requests + 3)
  })

  it('that nobody reads costs messages between nodes, which may be lost, but no answer', async () => {
    const stream = new Reader()
    const writer = new LineWriter(stream)
    const clocked = conversation({ mode: 'maelstrom', write: (line) => writer.write(line), backlog: writer })
    clocked.node.line(initLine('n1', THREE))
    clocked.node.drained()
    await turn()
    for (let left = BACKLOG_MAX; left > 0; left -= 1 << 20) writer.write('x'.repeat(1 << 20))
    await turn()
    const before = stream.writableLength
    clocked.clock.advance(60_000)
    await turn()
    expect(stream.writableLength).toBe(before)
  })
})

describe('the input', () => {
  /** A node that handles a line when told to. */
  const slow = () => {
    const done: (() => void)[] = []
    const stream = new PassThrough()
    const handler = { line: (_text: string, isDone: () => void) => void done.push(isDone), drained: () => undefined }
    const reader = new LineReader(stream, handler, () => undefined)
    return { done, stream, reader }
  }

  it.each([
    ['many lines', '{}\n', PENDING_LINES_MAX],
    ['large lines', `${'x'.repeat(1 << 14)}\n`, PENDING_CHARACTERS_MAX >> 14],
  ])('is paused while %s wait, and read on when half of them are handled', async (_name, line, bound) => {
    const { done, stream } = slow()
    for (let at = 0; at < bound - 1; at++) stream.write(line)
    await turn()
    expect(stream.isPaused()).toBe(false)
    stream.write(line)
    await turn()
    expect(stream.isPaused()).toBe(true)
    for (let at = 0; at < bound / 2 - 1; at++) done[at]?.()
    expect(stream.isPaused()).toBe(true)
    done[bound / 2 - 1]?.()
    done[bound / 2]?.()
    expect(stream.isPaused()).toBe(false)
  })

  /** A disk that never answers once the node is born. */
  const stuck = () => {
    let writes = 0
    const write = (): Promise<void> | undefined => (writes++ === 0 ? undefined : new Promise(() => undefined))
    return { ...memoryStorage(), write }
  }
  const write = (at: number): string => request('c1', 'n1', { type: 'write', msg_id: at, key: 'x', value: 1 })

  it('of a node that is alone waits while too many requests are open', async () => {
    const { node } = conversation({ mode: 'maelstrom', openStorage: () => Promise.resolve(stuck()) })
    node.line(initLine())
    let handled = 0
    for (let at = 0; at < 2 * OPEN_MAX.alone; at++) node.line(write(2 + at), () => handled++)
    for (let at = 0; at < 5; at++) await turn()
    expect(handled).toBe(OPEN_MAX.alone - 1)
  })

  it('of a node among others does not wait, since answers come on it: requests are turned away', async () => {
    const { node, said } = conversation({ mode: 'maelstrom' })
    node.line(initLine('n1', THREE))
    let handled = 0
    const requests = OPEN_MAX.cluster + 10
    for (let at = 0; at < requests; at++) node.line(write(2 + at), () => handled++)
    await turn()
    await turn()
    expect(handled).toBe(requests)
    const errors = said.filter(({ body }) => body['type'] === 'error')
    expect(errors.map(({ body }) => body['code'])).toEqual(Array.from({ length: 10 }, () => 11))
  })
})

it('messages that nobody asked for are bounded while they wait for the answers', () => {
  const lines: string[] = []
  const replies = new Replies('n1', (line) => lines.push(line))
  replies.hold()
  for (let at = 0; at < WAITING_MAX + 10; at++) replies.tell('n2', { type: 'append_entries' })
  replies.release()
  replies.tell('n2', { type: 'request_vote' })
  expect(lines).toHaveLength(WAITING_MAX + 1)
})
