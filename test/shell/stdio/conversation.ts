import { ManualClock } from '../../../src/shell/clock.ts'
import { memoryStorage } from '../../../src/shell/storage/storage.ts'
import type { Storage } from '../../../src/shell/storage/storage.ts'
import { NO_BACKLOG } from '../../../src/shell/stdio/streams.ts'
import { runPartitionTest } from '../../../src/sim/partition-run.ts'
import { StdioNode, type StdioOptions } from '../../../src/shell/stdio/stdio-node.ts'

export interface Line {
  readonly src: string
  readonly dest: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A node in this process, fed line by line. */
export const conversation = (chosen: Partial<StdioOptions> = {}) => {
  const said: Line[] = []
  const log: string[] = []
  const failures: unknown[] = []
  const storage: Storage = memoryStorage()
  const clock = new ManualClock()
  const node = new StdioNode({
    write: (line) => said.push(JSON.parse(line) as Line),
    backlog: NO_BACKLOG,
    log: (text) => log.push(text),
    openStorage: () => Promise.resolve(storage),
    failed: (error) => failures.push(error),
    clock,
    seed: 1,
    mode: 'auto',
    quietMs: null,
    openTrace: null,
    partitionTest: runPartitionTest,
    raft: {},
    ...chosen,
  })
  return { node, said, log, failures, clock }
}

/** Feeds raw lines at once, closes the input, and returns everything the node said. */
export const hear = async (
  lines: readonly string[],
  chosen: Partial<StdioOptions> = {},
): Promise<{ readonly said: readonly Line[]; readonly log: readonly string[] }> => {
  const { node, said, log, failures } = conversation(chosen)
  for (const line of lines) node.line(line)
  node.drained()
  await node.end()
  if (failures.length > 0) throw failures[0]
  return { said, log }
}

export const initLine = (id = 'n1', ids: readonly string[] = ['n1']): string =>
  request('c0', id, { type: 'init', msg_id: 1, node_id: id, node_ids: ids })

export const request = (src: string, dest: string, body: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ src, dest, body })

/**
 * The bodies a node answers a course's client with, after init_ok, and without what numbers them. Requests are given
 * without their msg_id.
 */
export const answers = async (
  bodies: readonly Readonly<Record<string, unknown>>[],
  ids: readonly string[] = ['n1'],
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const lines = bodies.map((body, at) => request('c1', 'n1', { ...body, msg_id: at + 2 }))
  const { said } = await hear([initLine('n1', ids), ...lines])
  const numbers = new Set(['msg_id', 'in_reply_to'])
  return said
    .slice(1)
    .map(({ body }) => Object.fromEntries(Object.entries(body).filter(([name]) => !numbers.has(name))))
}

export const THREE = ['n1', 'n2', 'n3'] as const
