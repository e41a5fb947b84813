import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A server that leads the cluster of itself: it says what it recovered, then counts, and acknowledges every number
 * that is committed. Its machine remembers whether any number was missing, doubled or out of order; its snapshots are
 * frequent, and its segments short.
 */
const PROGRAM = `
import { writeSync } from 'node:fs'
import { configurationOf } from './out/core/membership/configuration.js'
import { nodeId } from './out/core/ids.js'
import { createReplica, restartReplica } from './out/machine/replica.js'
import { openStorage } from './out/shell/storage/index.js'
import { Node } from './out/shell/node.js'

const OBJECTS = 8
const machine = {
  initial: { count: 0, faults: [] },
  apply(state, commands) {
    let { count, faults } = state
    const results = commands.map((number) => {
      if (number !== count) faults = [...faults, { number, count }]
      return count++
    })
    return [{ count, faults }, results]
  },
  readObject: (state, id) => {
    const at = Number(id)
    return { data: JSON.stringify({ ...state, padding: 'x'.repeat(200_000) }), next: at + 1 < OBJECTS ? at + 1 : null }
  },
  writeObject: (partial, id, data) => {
    const { count, faults } = JSON.parse(data)
    if (id !== 0 && partial.count !== count) return { error: 'of another snapshot' }
    return { state: { count, faults }, next: Number(id) + 1 < OBJECTS ? Number(id) + 1 : null }
  },
}
const options = { snapshotEntries: 24, trailingEntries: 5 }
const id = nodeId('a')
const tell = (line) => writeSync(1, JSON.stringify(line) + '\\n')

// Whatever becomes of the test, the server does not outlive it.
process.stdin.on('end', () => process.exit()).resume()

const storage = await openStorage(process.argv[2], { segmentBytes: 1 << 15 })
const stored = await storage.load()
const birth = { id, options, configuration: configurationOf([id]) }
const replica =
  stored === null
    ? createReplica(machine, birth)
    : restartReplica(machine, { ...stored.remains, options }, stored.objects, stored.received)
let next = null
const propose = () => node.deliver({ type: 'propose', id: next, commands: [next++] })
const node = new Node(machine, replica, storage, {
  send: () => undefined,
  failed: (error) => {
    throw error
  },
  output: (output) => {
    if (output.type === 'completed') {
      tell({ acknowledged: output.results[0] })
      propose()
    }
  },
})
if (stored === null) node.replace(replica)
let ticks = 0
// Everything that an earlier life committed is applied once the blank entry of this one's term is.
const start = () => {
  const { role, commitIndex } = node.replica.raft.server
  if (role.type !== 'leader' || commitIndex < role.termStartIndex) {
    if (++ticks > 10_000) throw new Error('it never led')
    node.deliver({ type: 'tick' })
    return setTimeout(start, 1)
  }
  const { count, faults } = node.replica.machine
  const { log, server } = node.replica.raft
  tell({ recovered: count, faults, snapshot: server.snapshot.lastIncludedIndex, lastIndex: log.lastIndex })
  next = count
  for (let pipelined = 0; pipelined < 4; pipelined++) propose()
}
start()
`

/** Compiles what the program needs, once, into a directory, from which it can be run. */
export const buildChild = async (directory: string): Promise<string> => {
  await symlink(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'))
  const needed = ['storage/index.ts', 'node.ts'].map((name) => join(REPOSITORY, 'src/shell', name))
  const configuration = {
    extends: join(REPOSITORY, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(REPOSITORY, 'src'),
      outDir: 'out',
      incremental: false,
      tsBuildInfoFile: null,
      declaration: false,
      sourceMap: false,
      noCheck: true,
    },
    files: needed,
    include: [],
  }
  await mkdir(join(directory, 'out'))
  await writeFile(join(directory, 'out/package.json'), '{"type":"module"}')
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(configuration))
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-p', join(directory, 'tsconfig.json')])
  const program = join(directory, 'server.mjs')
  await writeFile(program, PROGRAM)
  return program
}

export interface Line {
  readonly acknowledged?: number
  readonly recovered?: number
  readonly faults?: readonly unknown[]
  readonly snapshot?: number
  readonly lastIndex?: number
}

/** Runs the program until it is killed, which `heard` may do at the start (null) or with any line; all that it said. */
export const runChild = async (
  program: string,
  directory: string,
  heard: (line: Line | null, child: ChildProcess) => void,
): Promise<{ readonly lines: readonly Line[]; readonly signal: string | null; readonly errors: string }> => {
  const child = spawn(process.execPath, [program, directory], { stdio: ['pipe', 'pipe', 'pipe'] })
  heard(null, child)
  const lines: Line[] = []
  let errors = ''
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  createInterface({ input: child.stdout }).on('line', (text) => {
    // The last line of a killed process may be cut off: then nobody has read it as an acknowledgement.
    if (!text.endsWith('}')) return
    const line = JSON.parse(text) as Line
    lines.push(line)
    heard(line, child)
  })
  const signal = await new Promise<string | null>((resolve) => child.on('close', (_, by) => resolve(by)))
  return { lines, signal, errors }
}
