import { describe, expect, it } from 'vitest'
import type { Storage } from '../../src/shell/storage/storage.ts'
import { memoryStorage } from '../../src/shell/storage/storage.ts'
import { MAELSTROM_OPTIONS, withElectionTimeout } from '../../src/shell/stdio/maelstrom/maelstrom.ts'
import { Cluster } from './maelstrom-cluster.ts'

const error = (code: number): unknown => expect.objectContaining({ type: 'error', code }) as unknown

/** A disk that takes its time: a write is durable when it is told so. */
class SlowDisk {
  private readonly waiting: (() => void)[] = []
  readonly storage: Storage = {
    ...memoryStorage(),
    write: () =>
      new Promise<void>((resolve) => {
        this.waiting.push(resolve)
      }),
  }

  /** Finishes everything that is being written; whether there was anything. */
  finishWrites(): boolean {
    const waiting = this.waiting.splice(0)
    for (const resolve of waiting) resolve()
    return waiting.length > 0
  }
}

const finish = (cluster: Cluster, name: string): Promise<void> => cluster.nodes.get(name)?.finish() ?? Promise.resolve()

describe('when the input ends', () => {
  it('every request is answered, definitely where that is true', async () => {
    const cluster = new Cluster()
    const leader = await cluster.elect()
    const [follower = ''] = cluster.others(leader)
    await cluster.ask(follower, { type: 'write', key: 'x', value: 0 })
    cluster.router.intercept = ({ type }) => type === 'forwarded'
    const write = cluster.clients.ask(follower, { type: 'write', key: 'x', value: 1 })
    const read = cluster.clients.ask(follower, { type: 'read', key: 'x' })
    await cluster.run(50)
    await finish(cluster, follower)
    await cluster.run(1)
    expect(await write).toEqual(error(0))
    expect(await read).toEqual(error(11))
  })

  it('what was never sent is turned away definitely', async () => {
    const cluster = new Cluster()
    const write = cluster.clients.ask('n0', { type: 'write', key: 'x', value: 1 })
    await cluster.run(10)
    await finish(cluster, 'n0')
    await cluster.run(1)
    expect(await write).toEqual(error(11))
  })

  it('no time passes any more', async () => {
    const cluster = new Cluster({ size: 3 })
    for (const name of cluster.names) await finish(cluster, name)
    await cluster.run(2_000)
    expect(cluster.leader).toBeNull()
  })

  it('writes that wait for the disk alone are answered by what came of them', async () => {
    const disk = new SlowDisk()
    const cluster = new Cluster({ size: 1, storage: () => disk.storage })
    const write = cluster.clients.ask('n0', { type: 'write', key: 'x', value: 1 })
    const cas = cluster.clients.ask('n0', { type: 'cas', key: 'x', from: 1, to: 2 })
    await cluster.run(5)
    let isFinished = false
    void finish(cluster, 'n0').then(() => {
      isFinished = true
    })
    await cluster.run(5)
    expect(isFinished).toBe(false)
    while (disk.finishWrites()) await cluster.run(5)
    expect(isFinished).toBe(true)
    expect(await write).toMatchObject({ type: 'write_ok' })
    expect(await cas).toMatchObject({ type: 'cas_ok' })
  })
})

describe('with disks that take their time', () => {
  it('requests at every node are served, and none before it is durable', async () => {
    const disks: SlowDisk[] = []
    const storage = (): Storage => {
      const disk = new SlowDisk()
      disks.push(disk)
      return disk.storage
    }
    const cluster = new Cluster({ storage })
    const replies = cluster.names.map((name, value) => cluster.clients.ask(name, { type: 'write', key: name, value }))
    await cluster.run(500)
    expect(cluster.leader).toBeNull()
    for (let at = 0; at < 400; at++) {
      for (const disk of disks) disk.finishWrites()
      await cluster.run(2)
    }
    for (const reply of replies) expect(await reply).toMatchObject({ type: 'write_ok' })
  })
})

describe('an election timeout for slow disks', () => {
  it('is in ticks, rounded up, with room for three heartbeats', () => {
    expect(withElectionTimeout(1_000)).toEqual({ electionTimeoutTicks: 100, heartbeatTicks: 5 })
    expect(withElectionTimeout(55)).toEqual({ electionTimeoutTicks: 6, heartbeatTicks: 2 })
    expect(MAELSTROM_OPTIONS).toMatchObject(withElectionTimeout(150))
  })

  it('keeps a leader whose followers take 400 ms to write', async () => {
    const disks: SlowDisk[] = []
    const storage = (): Storage => {
      const disk = new SlowDisk()
      disks.push(disk)
      return disk.storage
    }
    const cluster = new Cluster({ storage, options: withElectionTimeout(1_500) })
    const write = cluster.clients.ask('n0', { type: 'write', key: 'x', value: 1 })
    const elections = (): number => [...cluster.logs.values()].flat().filter((line) => line.startsWith('leader')).length
    for (let at = 0; at < 20; at++) {
      await cluster.run(400)
      for (const disk of disks) disk.finishWrites()
    }
    expect(await write).toMatchObject({ type: expect.stringMatching(/write_ok|error/) as string })
    expect(elections()).toBe(1)
  })
})
