import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { realClock } from '../../src/shell/clock.ts'
import type { Input } from '../../src/linearizability/history.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'
import { Clients, type Body } from './maelstrom-clients.ts'
import { CALM, ROUGH, Router } from './router.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const NAMES = ['n0', 'n1', 'n2']

let directory = ''

/** Builds the command line afresh, where it finds its packages: within the repository's node_modules. */
beforeAll(async () => {
  const cache = join(REPOSITORY, 'node_modules/.cache')
  await mkdir(cache, { recursive: true })
  directory = await mkdtemp(join(cache, 'raft-cluster-'))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module', version: '0.0.0' }))
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
  const overrides = ['--incremental', 'false', '--tsBuildInfoFile', 'null', '--declaration', 'false']
  const output = ['--outDir', join(directory, 'dist')]
  await promisify(execFile)(process.execPath, [
    compiler,
    '-p',
    join(REPOSITORY, 'tsconfig.json'),
    ...overrides,
    ...output,
  ])
})

afterAll(() => rm(directory, { recursive: true, force: true }))

/** Three processes of `raft node`, joined by a router in this one. */
class ProcessCluster {
  readonly router: Router
  readonly clients: Clients
  /** What each node says on stderr, over all its lives. */
  readonly logs = new Map<string, string>()
  private readonly data: string
  private readonly children = new Map<string, ChildProcess>()

  constructor(data: string, seed: number) {
    this.data = data
    this.router = new Router(realClock, seed)
    this.clients = new Clients(this.router, realClock)
  }

  async start(name: string): Promise<void> {
    const main = join(directory, 'dist/cli/main.js')
    const options = ['--data', join(this.data, name), '--snapshot-entries', '30', '--trailing-entries', '5']
    const child = spawn(process.execPath, [main, 'node', '--mode', 'maelstrom', ...options], { stdio: 'pipe' })
    this.children.set(name, child)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.logs.set(name, (this.logs.get(name) ?? '') + text)
    })
    // A process that was killed takes no more lines.
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.router.carry(line)
    })
    this.router.node(name, (line) => child.stdin.write(`${line}\n`))
    expect(await this.clients.ask(name, { type: 'init', node_id: name, node_ids: NAMES })).toMatchObject({
      type: 'init_ok',
    })
  }

  async startAll(): Promise<void> {
    await Promise.all(NAMES.map((name) => this.start(name)))
  }

  async kill(name: string): Promise<void> {
    const child = this.children.get(name)
    if (child === undefined) return
    this.router.remove(name)
    this.children.delete(name)
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Closes the input of a node, and waits for it to go. */
  async end(name: string): Promise<number | null> {
    const child = this.children.get(name)
    if (child === undefined) return null
    this.children.delete(name)
    const exit = once(child, 'exit')
    child.stdin?.end()
    const [code] = (await exit) as [number | null]
    return code
  }

  async stop(): Promise<void> {
    await Promise.all([...this.children.keys()].map((name) => this.kill(name)))
    this.router.stop()
  }

  /** Asks until the answer is as wanted; elections take their time. */
  async poll(name: string, body: Body, isWanted: (reply: Body) => boolean): Promise<Body> {
    let reply: Body = { type: 'none' }
    for (let attempt = 0; attempt < 40; attempt++) {
      reply = await this.clients.ask(name, body)
      if (isWanted(reply)) return reply
      await sleep(100)
    }
    throw new Error(`still ${JSON.stringify(reply)}`)
  }

  /** A write that is repeated until it is certain. */
  async write(name: string, key: string, value: number): Promise<void> {
    await this.poll(name, { type: 'write', key, value }, ({ type }) => type === 'write_ok')
  }
}

describe('three processes', () => {
  const clusters: ProcessCluster[] = []

  const begin = async (seed: number): Promise<ProcessCluster> => {
    const cluster = new ProcessCluster(await mkdtemp(join(directory, 'data-')), seed)
    clusters.push(cluster)
    await cluster.startAll()
    return cluster
  }

  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()))
  })

  it('elect a leader in real time, serve at every node, and go when the input ends', async () => {
    const cluster = await begin(1)
    for (const [value, name] of NAMES.entries()) await cluster.write(name, 'x', value)
    for (const name of NAMES)
      expect(await cluster.clients.ask(name, { type: 'read', key: 'x' })).toMatchObject({ value: 2 })
    expect([...cluster.logs.values()].join('')).toMatch(/leader in term \d+/)
    // Those that remain are no cluster any more; they go all the same.
    for (const name of NAMES) expect(await cluster.end(name)).toBe(0)
  })

  it('are linearizable in a network that loses, repeats, reorders and cuts', async () => {
    const cluster = await begin(2)
    const { router, clients } = cluster
    await cluster.write('n0', 'warm', 1)
    router.faults = ROUGH
    let asked = 0
    const client = async (until: () => boolean): Promise<void> => {
      for (let latest = 0; !until();) {
        const key = `k${router.draw(0, 2)}`
        const value = ++asked
        const kind = router.draw(0, 3)
        const cas: Input = { kind: 'cas', key, from: latest, to: value, createIfMissing: true }
        const input: Input = kind === 0 ? { kind: 'get', key } : kind === 1 ? { kind: 'put', key, value } : cas
        const reply = await clients.record(NAMES[router.draw(0, 3)] ?? '', input)
        if (reply.type === 'read_ok') latest = Number(reply['value'])
        await sleep(router.draw(5, 40))
      }
    }
    let isOver = false
    const running = Array.from({ length: 6 }, () => client(() => isOver))
    for (let cut = 0; cut < 6; cut++) {
      router.partition([NAMES[router.draw(0, 3)] ?? ''])
      await sleep(600)
      router.heal()
      await sleep(600)
    }
    isOver = true
    router.faults = CALM
    await Promise.all(running)
    const { operations } = clients
    expect(operations.filter(({ output }) => output !== null).length).toBeGreaterThan(50)
    expect(checkLinearizability(operations)).toMatchObject({ result: 'linearizable' })
    for (const name of NAMES) await cluster.write(name, 'after', 1)
  })

  it('bring one back by a snapshot that was killed, or cut off, while the log went on without it', async () => {
    const cluster = await begin(3)
    const { router } = cluster
    const writeMany = async (name: string, from: number): Promise<void> => {
      for (let value = from; value < from + 100; value++) await cluster.write(name, `k${value % 10}`, value)
    }
    const isBack = async (name: string, value: number): Promise<void> => {
      await cluster.poll(name, { type: 'read', key: `k${value % 10}` }, (reply) => reply['value'] === value)
      for (let attempt = 0; attempt < 100 && !adoptions(name); attempt++) await sleep(100)
      expect(cluster.logs.get(name)).toMatch(/adopted a snapshot up to \d+/)
    }
    const adoptions = (name: string): boolean => (cluster.logs.get(name) ?? '').includes('adopted a snapshot')
    await cluster.write('n2', 'x', 1)
    await cluster.kill('n2')
    await writeMany('n1', 0)
    await cluster.start('n2')
    await isBack('n2', 99)
    // With a majority that needs it, it must know everything: what the snapshot brought, and what came after.
    router.partition(['n0'])
    await writeMany('n2', 100)
    expect(await cluster.clients.ask('n1', { type: 'read', key: 'k9' })).toMatchObject({ value: 199 })
    router.heal()
    await isBack('n0', 199)
  })
})
