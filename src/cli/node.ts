import { once } from 'node:events'
import { randomInt } from 'node:crypto'
import type { Options } from '../core/config.ts'
import { realClock } from '../shell/clock.ts'
import { makeDirectory } from '../shell/storage/directory.ts'
import { openStorage, type LogStorageOptions } from '../shell/storage/index.ts'
import { withElectionTimeout } from '../shell/stdio/maelstrom/maelstrom.ts'
import { runPartitionTest } from '../sim/partition-run.ts'
import { StdioNode, type StdioOptions } from '../shell/stdio/stdio-node.ts'
import { LineReader, LineWriter } from '../shell/stdio/streams.ts'
import { StorageError, memoryStorage } from '../shell/storage/storage.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { InputProblem, overFiles } from './files.ts'
import { withNotice } from './notice.ts'
import { parseOrRefuse } from './options.ts'
import { openTrace } from './trace-file.ts'

const HELP = `Usage: raft node [options]

Runs one Raft node that reads JSON messages from stdin, one a line, and writes JSON messages to stdout.
It speaks Maelstrom's lin-kv workload and the requests of the consensus course; stderr is for people.
Lines may end in CR LF and begin with a byte order mark. While answers are not read, or lines come faster than they
can be handled, it reads no further.

Options:
  --data DIR              keep term, vote, log and snapshot in DIR across restarts (default: memory;
                          a node that forgot must not come back under its old name)
  --no-lock               use DIR without a lock where flock(1) is not installed: no second process may use it
  --accept-data-loss      start over a copy that raft data repair made, with what it has lost
  --mode MODE             auto, course or maelstrom (default: auto, decided by the first requests)
  --trace FILE            record everything that the core does, for raft replay; FILE must be new or empty. Where the
                          disk is full the trace ends, and the node goes on
  --election-timeout-ms N in Maelstrom's dialect, silence of a leader after which an election begins, from N to 2 N
                          (default: 150; 50 to 600000). Several times the slowest sync of a disk is right
  --seed N                seed of the election timeouts (default: random)
  --snapshot-entries N    take a snapshot every N applied entries (default: 10000)
  --trailing-entries N    keep N entries behind a snapshot (default: 1000)

Exit codes: 0 the input has ended, 64 usage, 65 the directory or the trace cannot be used, 70 a bug here,
74 an answer cannot be written.

A conversation to try:
  {"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}
  {"src":"c1","dest":"n1","body":{"type":"write","msg_id":2,"key":"x","value":1}}
  {"src":"c1","dest":"n1","body":{"type":"read","msg_id":3,"key":"x"}}
`

/** Milliseconds without a request after which a node of several takes part in elections by itself. */
const QUIET_MS = 1_000

export const nodeCommand = {
  summary: 'a node that talks JSON lines on stdin and stdout',
  help: HELP,
  run: (args: readonly string[]): Promise<number> =>
    overFiles('node', async () => {
      try {
        return await runNode(parse(args))
      } catch (error) {
        throw error instanceof StorageError ? new InputProblem(error.message) : error
      }
    }),
}

type Arguments = Pick<StdioOptions, 'seed' | 'mode' | 'raft'> & {
  readonly data: string | null
  readonly disk: LogStorageOptions
  readonly traceFile: string | null
}

const parse = (args: readonly string[]): Arguments => {
  const { values } = parseOrRefuse('node', { args: [...args], options: OPTIONS })
  const mode = values.mode ?? 'auto'
  if (mode !== 'auto' && mode !== 'course' && mode !== 'maelstrom')
    throw new UsageProblem(`--mode takes auto, course or maelstrom, not ${JSON.stringify(mode)}`)
  const snapshotEntries = counter('--snapshot-entries', values['snapshot-entries'])
  const trailingEntries = counter('--trailing-entries', values['trailing-entries'])
  const electionTimeout = milliseconds('--election-timeout-ms', values['election-timeout-ms'])
  const raft: Partial<Options> = {
    ...(electionTimeout === null ? {} : withElectionTimeout(electionTimeout)),
    ...(snapshotEntries === null ? {} : { snapshotEntries }),
    ...(trailingEntries === null ? {} : { trailingEntries }),
  }
  const traceFile = values.trace ?? null
  return {
    mode,
    raft,
    data: values.data ?? null,
    disk: { isUnlockedAllowed: values['no-lock'] ?? false, isLossAccepted: values['accept-data-loss'] ?? false },
    traceFile,
    seed: counter('--seed', values.seed) ?? randomInt(2 ** 32 - 1),
  }
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

const OPTIONS = {
  data: TEXT,
  'no-lock': FLAG,
  'accept-data-loss': FLAG,
  mode: TEXT,
  trace: TEXT,
  seed: TEXT,
  'election-timeout-ms': TEXT,
  'snapshot-entries': TEXT,
  'trailing-entries': TEXT,
} as const

const counter = (name: string, value: string | undefined): number | null => {
  if (value === undefined) return null
  const number = Number(value)
  if (!/^\d+$/.test(value) || number >= 2 ** 31)
    throw new UsageProblem(`${name} takes a whole number below 2147483648, not ${JSON.stringify(value)}`)
  return number
}

const milliseconds = (name: string, value: string | undefined): number | null => {
  const number = counter(name, value)
  if (number !== null && (number < 50 || number > 600_000))
    throw new UsageProblem(`${name} takes 50 to 600000 milliseconds, not ${number}`)
  return number
}

/** Bytes of stderr that may wait for a reader; what comes then is dropped: people who do not read miss nothing. */
const LOG_BACKLOG_MAX = 1 << 20

const runNode = async ({ data, disk, traceFile, ...chosen }: Arguments): Promise<number> => {
  const { stdin, stdout, stderr } = process
  const log = (text: string): void => {
    if (stderr.writableLength < LOG_BACKLOG_MAX) stderr.write(`raft node: ${text}\n`)
  }
  // Checked now, not with the first request.
  if (data !== null) await makeDirectory(data)
  if (stdin.isTTY) log('reads one JSON message a line; end with Ctrl-D. raft node --help shows a conversation to try.')
  const writer = new LineWriter(stdout)
  let failure: unknown = null
  const node = new StdioNode({
    ...chosen,
    partitionTest: runPartitionTest,
    openTrace: traceFile === null ? null : () => openTrace(traceFile, log),
    log,
    write: (line) => writer.write(line),
    backlog: writer,
    openStorage: () =>
      data === null
        ? Promise.resolve(memoryStorage())
        : withNotice(openStorage(data, disk), `raft node: reading the log in ${data}`),
    failed: (error) => {
      failure ??= error ?? new Error('unknown failure')
      // Nothing can be promised any more: there is no use in reading on.
      stdin.destroy()
    },
    clock: realClock,
    // At a terminal a person types; a node that starts an election meanwhile would only be in the way.
    quietMs: stdin.isTTY ? null : QUIET_MS,
  })
  const reader = new LineReader(stdin, node, () => log('ignored a line that is too long'))
  await Promise.race([once(stdin, 'end'), once(stdin, 'close')])
  reader.end()
  if (failure === null) await node.end()
  writer.flush()
  if (failure === null) return EXIT.ok
  // Timers and half-written saves must not keep a node alive that may promise nothing any more.
  process.exit(report(failure, log))
}

const report = (failure: unknown, log: (text: string) => void): number => {
  if (failure instanceof StorageError || failure instanceof InputProblem) {
    log(failure.message)
    return EXIT.input
  }
  log(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure))
  return EXIT.internal
}
