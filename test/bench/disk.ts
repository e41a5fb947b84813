import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configurationOf } from '../../src/core/membership/configuration.ts'
import type { Entry } from '../../src/core/entry.ts'
import { nodeId, type Index, type Term } from '../../src/core/ids.ts'
import { kvMachine, type KvCommand, type KvResult, type KvState } from '../../src/machine/kv/kv.ts'
import { createReplica } from '../../src/machine/replica.ts'
import { Node } from '../../src/shell/node.ts'
import type { Storage } from '../../src/shell/storage/storage.ts'
import { filesIn, type Files, type OpenFile } from '../../src/shell/storage/files.ts'
import { openLogStorage } from '../../src/shell/storage/log-storage.ts'
import { writeZeros } from '../../src/shell/storage/segment.ts'
import { figureOf, row, type Speed } from './measure.ts'

/** The directory is where `TMPDIR` says: the figures are those of its disk. */
const RUNS = 5
const COMMITS = [
  { depth: 1, commits: 6_000 },
  { depth: 64, commits: 40_000 },
  { depth: 256, commits: 100_000 },
] as const

type Call = { readonly bytes: number } | 'datasync'

/** Files that note what is written to the open segment. */
const noting = (files: Files, calls: Call[]): Files => {
  const noted = (file: OpenFile): OpenFile => ({
    ...file,
    write: (bytes, at) => {
      calls.push({ bytes: bytes.length })
      return file.write(bytes, at)
    },
    datasync: () => {
      calls.push('datasync')
      return file.datasync()
    },
  })
  return {
    ...files,
    create: async (name) => noted(await files.create(name)),
    open: async (name) => noted(await files.open(name)),
  }
}

const inDirectory = async <T>(run: (directory: string) => Promise<T>): Promise<T> => {
  const directory = mkdtempSync(join(tmpdir(), 'raft-bench-'))
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Commits of one server that leads itself, so many proposals under way at once, each of one 64-byte put. */
const commitAll = async (storage: Storage, depth: number, commits: number): Promise<void> => {
  const id = nodeId('n1')
  const replica = createReplica(kvMachine(), { id, configuration: configurationOf([id]), options: { preVote: false } })
  let proposed = 0
  let completed = 0
  await new Promise<void>((resolve, reject) => {
    const node = new Node<KvState, KvCommand, KvResult>(kvMachine(), replica, storage, {
      send: () => undefined,
      failed: reject,
      output: ({ type }) => {
        if (type !== 'completed') return
        completed++
        if (completed === commits) resolve()
        else propose()
      },
    })
    const propose = (): void => {
      if (proposed === commits) return
      const command: KvCommand = { op: 'put', key: `key ${proposed % 1000}`, value: 'x'.repeat(40) }
      node.deliver({ type: 'propose', id: proposed++, commands: [command] })
    }
    node.replace(replica)
    node.deliver({ type: 'campaign' })
    node.whenDurable(() => {
      for (let under = 0; under < depth; under++) propose()
    })
  })
}

/** The same writes and syncs, one after the other, into a file that is preallocated: what the disk allows. */
const replayCalls = (calls: readonly Call[]): Promise<number> =>
  inDirectory(async (directory) => {
    const file = await filesIn(directory).create('file')
    const total = calls.reduce((sum, call) => sum + (call === 'datasync' ? 0 : call.bytes), 0)
    await writeZeros(file, 0, total)
    await file.sync()
    const before = process.hrtime.bigint()
    let at = 0
    for (const call of calls) {
      if (call === 'datasync') await file.datasync()
      else {
        await file.write(new Uint8Array(call.bytes).fill(65), at)
        at += call.bytes
      }
    }
    const seconds = Number(process.hrtime.bigint() - before) / 1e9
    await file.close()
    return seconds
  })

/** Durable commits a second, against the bare disk in turn; a start over a long log; a large snapshot. */
export const benchDisk = async (): Promise<readonly string[]> => {
  const lines = [`Durable commits of a server by itself, one fdatasync a batch, in ${tmpdir()}, ${RUNS} runs`]
  for (const { depth, commits } of COMMITS) {
    const ours: Speed[] = []
    const bare: number[] = []
    // The first run warms up.
    for (let run = 0; run <= RUNS; run++) {
      const calls: Call[] = []
      const speed = await inDirectory(async (directory) => {
        const storage = await openLogStorage(noting(filesIn(directory), calls), 'bench')
        const measured = await speedOfAsync(commits, () => commitAll(storage, depth, commits))
        await storage.close()
        return measured
      })
      const appends = calls.filter((call) => call === 'datasync' || call.bytes < 1 << 20)
      const seconds = await replayCalls(appends)
      if (run === 0) continue
      ours.push(speed)
      bare.push(commits / seconds)
    }
    const figure = figureOf(ours.map(({ clock }) => clock))
    const ratio = (figure.median / figureOf(bare).median).toFixed(2)
    lines.push(row(`${depth} in flight`, figure, 'commits/s', `${ratio} of the bare calls`))
    lines.push(row('', figureOf(ours.map(({ processor }) => processor)), 'cpu-commits/s'))
  }
  lines.push(...(await benchStart()))
  return lines
}

const ENTRIES = 1_000_000
const BATCH = 1_000

const benchStart = (): Promise<readonly string[]> =>
  inDirectory(async (directory) => {
    const files = filesIn(directory)
    const storage = await openLogStorage(files, 'bench')
    const configuration = configurationOf([nodeId('n1')])
    const zero = 0 as Index
    const snapshot = { lastIncludedIndex: zero, lastIncludedTerm: 0 as Term, configuration, configurationIndex: zero }
    const hardState = { currentTerm: 1 as Term, votedFor: null }
    const base = { index: zero, term: 0 as Term }
    const remains = { id: nodeId('n1'), hardState, snapshot, base, entries: [] }
    await storage.write([{ type: 'reset', remains, objects: [] }])
    for (let last = BATCH; last <= ENTRIES; last += BATCH) await storage.write([saveOf(last)])
    const start = await speedOfAsync(1, async () => {
      const again = await openLogStorage(files, 'bench')
      if ((await again.load())?.remains.entries.length !== ENTRIES) throw new Error('entries are missing')
      await again.close()
    })
    const objects = Array.from({ length: 100 }, (_, id) => ({ id, data: 'x'.repeat(1 << 20) }))
    const meta = { ...snapshot, lastIncludedIndex: ENTRIES as Index, lastIncludedTerm: 1 as Term }
    const taken = await speedOfAsync(
      1,
      () => storage.write([{ type: 'snapshot', snapshot: meta, objects }]) ?? Promise.resolve(),
    )
    await storage.close()
    const seconds = (name: string, { clock, processor }: Speed): string =>
      row(name, figureOf([1 / clock]), 's', `${(1 / processor).toFixed(2)} s of processor time`)
    return [seconds('opening a log of a million entries', start), seconds('a snapshot of 100 MiB, durable', taken)]
  })

const saveOf = (last: number): Parameters<Storage['write']>[0][number] => ({
  type: 'save',
  sequence: last,
  hardState: null,
  truncateFrom: null,
  entries: Array.from({ length: BATCH }, (_, at): Entry => {
    const index = (last - BATCH + 1 + at) as Index
    return {
      type: 'command',
      index,
      term: 1 as Term,
      bytes: 64,
      command: { op: 'put', key: `key ${index}`, value: index },
    }
  }),
  snapshot: null,
  compactTo: null,
  lastIndex: last as Index,
  then: [],
})

const speedOfAsync = async (amount: number, action: () => Promise<unknown>): Promise<Speed> => {
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  await action()
  const clock = Number(process.hrtime.bigint() - before) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  return { clock: amount / clock, processor: amount / ((user + system) / 1e6) }
}
