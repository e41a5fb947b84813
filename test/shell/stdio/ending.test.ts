import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { index, nodeId, term } from '../../../src/core/ids.ts'
import { ManualClock } from '../../../src/shell/clock.ts'
import { memoryStorage, StorageError, type Storage } from '../../../src/shell/storage/storage.ts'
import { conversation, initLine, request, THREE } from './conversation.ts'

/** A disk that opens later than the input ends. */
const openingLate = (storage: Storage): Promise<Storage> =>
  new Promise((resolve) => setImmediate(() => resolve(storage)))

/** A few turns of the event loop: enough for what waits for nothing but them. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('when the input ends', () => {
  it('while init still opens the disk, no time passes any more', async () => {
    const clock = new ManualClock()
    const { node, said } = conversation({ clock, quietMs: 1_000, openStorage: () => openingLate(memoryStorage()) })
    node.line(initLine('n1', THREE))
    node.drained()
    await node.end()
    clock.advance(10_000)
    expect(said.map(({ body }) => body['type'])).toEqual(['init_ok'])
  })

  it('and the silence after init has lasted, a node that still answers begins no elections', async () => {
    const clock = new ManualClock()
    let read: () => void = () => undefined
    const isRead = new Promise<void>((resolve) => {
      read = resolve
    })
    let isFull = false
    const backlog = {
      get isFull() {
        return isFull
      },
      whenRoom: async () => {
        await isRead
        isFull = false
      },
    }
    const openStorage = () => openingLate(memoryStorage())
    const { node, said } = conversation({ clock, quietMs: 1_000, backlog, openStorage })
    node.line(initLine('n1', THREE), () => {
      isFull = true
    })
    node.line(request('c1', 'n1', { type: 'unknown', msg_id: 2 }))
    const ended = node.end()
    await turns()
    clock.advance(1_000)
    read()
    await ended
    await turns()
    clock.advance(10_000)
    expect(said.map(({ body }) => body['type'])).toEqual(['init_ok', 'error'])
  })

  describe.each([
    ['course', { type: 'set_term', term: 5 }],
    ['course', { type: 'apply_entries', entries: [{ index: 1, term: 1, command: { op: 'put', key: 'x', value: 1 } }] }],
    ['maelstrom', { type: 'write', key: 'x', value: 1 }],
  ] as const)('and the disk fails under a request, mode %s, %j', (mode, body) => {
    it('it ends, with the reason and without an answer', async () => {
      const error = new StorageError('the disk failed: ENOSPC')
      let writes = 0
      const storage: Storage = {
        ...memoryStorage(),
        // The birth of the node succeeds.
        write: () =>
          new Promise((resolve, reject) =>
            setImmediate(() => {
              if (writes++ === 0) resolve()
              else reject(error)
            }),
          ),
      }
      const { node, said, failures } = conversation({ mode, openStorage: () => Promise.resolve(storage) })
      node.line(initLine())
      node.line(request('c1', 'n1', { ...body, msg_id: 2 }))
      node.drained()
      await node.end()
      expect(new Set(failures)).toEqual(new Set([error]))
      expect(said.map((line) => line.body['type'])).toEqual(['init_ok'])
    })
  })
})

/** What no server can start from: a snapshot without its objects. */
const unusable = (): Storage => ({
  ...memoryStorage(),
  load: () =>
    Promise.resolve({
      remains: {
        id: nodeId('n1'),
        hardState: { currentTerm: term(1), votedFor: null },
        snapshot: {
          lastIncludedIndex: index(5),
          lastIncludedTerm: term(1),
          configuration: configurationOf(THREE.map(nodeId)),
          configurationIndex: index(0),
        },
        base: { index: index(5), term: term(1) },
        entries: [],
      },
      objects: [],
      received: [],
    }),
})

describe('when what the storage holds makes no server', () => {
  it.each(['auto', 'maelstrom'] as const)('it ends, with the reason: mode %s', async (mode) => {
    const chosen = { mode, quietMs: 1_000, openStorage: () => Promise.resolve(unusable()) }
    const { node, clock, failures } = conversation(chosen)
    node.line(initLine('n1', THREE))
    node.drained()
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    clock.advance(1_000)
    await node.end()
    expect(failures).toEqual([expect.any(StorageError)])
  })
})
