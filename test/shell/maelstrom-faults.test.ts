import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/entry.ts'
import type { Input } from '../../src/linearizability/history.ts'
import { checkLinearizability } from '../../src/linearizability/check.ts'
import { Cluster } from './maelstrom-cluster.ts'
import { CALM, ROUGH, type Router } from './router.ts'

/** A request of a random kind; a cas that expects what was read or written last has a chance. */
const inputFrom = (router: Router, value: number, latest: ReadonlyMap<string, JsonValue>): Input => {
  const key = `k${router.draw(0, 3)}`
  switch (router.draw(0, 3)) {
    case 0:
      return { kind: 'get', key }
    case 1:
      return { kind: 'put', key, value }
    default:
      return { kind: 'cas', key, from: latest.get(key) ?? 0, to: value, createIfMissing: value % 2 === 0 }
  }
}

/** A random cut of the cluster into two, or none. */
const cut = ({ router, names }: Cluster): void => {
  if (router.draw(0, 3) === 0) return router.heal()
  const side = names.filter(() => router.draw(0, 2) === 0)
  router.partition(side)
}

interface Run {
  readonly cluster: Cluster
  /** How many requests were answered in which way. */
  readonly counts: ReadonlyMap<string, number>
}

/** Clients at all nodes for some seconds of virtual time, in a network that loses, repeats, reorders and cuts. */
const run = async (seed: number, size: number): Promise<Run> => {
  const cluster = new Cluster({ seed, size, options: { snapshotEntries: 20, trailingEntries: 5 } })
  const { router, clients, names } = cluster
  const counts = new Map<string, number>()
  const latest = new Map<string, JsonValue>()
  router.faults = ROUGH
  let asked = 0
  let busy = 0
  const request = async (node: string, input: Input): Promise<void> => {
    busy++
    const reply = await clients.record(node, input)
    busy--
    const kind = reply.type === 'error' ? `error ${JSON.stringify(reply['code'])}` : reply.type
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    if (kind === 'read_ok') latest.set(input.key, reply['value'] ?? null)
    if (input.kind === 'cas' && kind === 'cas_ok') latest.set(input.key, input.to)
    if (input.kind === 'put' && kind === 'write_ok') latest.set(input.key, input.value)
  }
  let nextCut = 0
  for (let at = 0; at < 12_000; at++) {
    if (at === nextCut) {
      cut(cluster)
      nextCut += router.draw(100, router.draw(0, 3) === 0 ? 6_000 : 1_500)
    }
    if (busy < 20 && router.draw(0, 20) === 0)
      void request(names[router.draw(0, size)] ?? '', inputFrom(router, ++asked, latest))
    await cluster.run(1)
  }
  router.heal()
  router.faults = CALM
  await cluster.run(5_000)
  expect(busy).toBe(0)
  return { cluster, counts }
}

describe('under faults', () => {
  const seen = new Map<string, number>()

  it.each(Array.from({ length: 12 }, (_, at) => at + 1))('the history is linearizable: seed %i', async (seed) => {
    const { cluster, counts } = await run(seed, seed % 4 === 0 ? 5 : 3)
    expect(checkLinearizability(cluster.clients.operations)).toMatchObject({ result: 'linearizable' })
    for (const [kind, count] of counts) seen.set(kind, (seen.get(kind) ?? 0) + count)
    // Once the faults are over, every node serves again.
    for (const node of cluster.names)
      expect(await cluster.ask(node, { type: 'write', key: 'end', value: node })).toMatchObject({ type: 'write_ok' })
  })

  it('all of it has happened', () => {
    for (const kind of ['read_ok', 'write_ok', 'cas_ok', 'error 20', 'error 22', 'error 11', 'error 0'])
      expect([kind, seen.get(kind)]).toEqual([kind, expect.any(Number)])
  })
})
