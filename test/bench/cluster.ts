import { execSync } from 'node:child_process'
import { Loop } from './loop.ts'
import { figureOf, row, short, type Figure } from './measure.ts'

const COMMAND = 'x'.repeat(64)
const RUNS = 5
const DEPTHS = [
  { depth: 1, entries: 200_000 },
  { depth: 64, entries: 2_000_000 },
  { depth: 1024, entries: 4_000_000 },
] as const

/**
 * Committed entries a second: three servers in one thread, messages handed over directly, every save durable at once,
 * compaction on with 10,000 trailing entries. Each batch of `depth` commands is proposed at once and waited for until
 * all three servers have applied it. `peer` is a command line that prints "N entries/s" for a {depth}; it is run in
 * turn with ours, and the ratio of the medians is printed.
 */
export const benchCluster = (peer: string | null): readonly string[] => {
  const lines = [`Committed entries/s, three servers in one thread, 64-byte commands, ${RUNS} runs`]
  for (const { depth, entries } of DEPTHS) {
    const ours: number[] = []
    const theirs: number[] = []
    commit(depth, entries / 4)
    for (let run = 0; run < RUNS; run++) {
      ours.push(commit(depth, entries))
      if (peer !== null) theirs.push(askPeer(peer, depth))
    }
    const figure = figureOf(ours)
    lines.push(row(`${depth} in flight`, figure, 'entries/s', ratio(figure, theirs)))
  }
  return lines
}

const commit = (depth: number, entries: number): number => {
  const loop = new Loop(3, { snapshotEntries: 10_000, trailingEntries: 10_000 })
  const [first] = loop.members
  if (first === undefined) throw new Error('three members')
  loop.run(first, { type: 'campaign' })
  const { leader } = loop
  const commands = Array<string>(depth).fill(COMMAND)
  const before = leader.applied
  const start = process.hrtime.bigint()
  for (let sent = 0; sent < entries; sent += depth) loop.run(leader, { type: 'propose', id: sent, commands })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const expected = before + Math.ceil(entries / depth) * depth
  for (const { id, applied } of loop.members)
    if (applied !== expected) throw new Error(`${id} applied ${applied} entries of ${expected}`)
  if (leader.state.log.baseIndex === 0) throw new Error('nothing was compacted')
  return entries / seconds
}

const askPeer = (peer: string, depth: number): number => {
  const printed = execSync(peer.replace('{depth}', String(depth)), { encoding: 'utf8' })
  const found = /(\d+) entries\/s/.exec(printed)?.[1]
  if (found === undefined) throw new Error(`the peer printed no entries/s: ${printed}`)
  return Number(found)
}

const ratio = (ours: Figure, theirs: readonly number[]): string => {
  if (theirs.length === 0) return ''
  const peer = figureOf(theirs)
  return `peer ${short(peer.median)} [${short(peer.lowest)}, ${short(peer.highest)}], ratio ${(ours.median / peer.median).toFixed(2)}`
}
