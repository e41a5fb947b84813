import { execSync } from 'node:child_process'
import { Loop } from './loop.ts'
import { figureOf, row, short, speedOf, type Figure, type Speed } from './measure.ts'

const COMMAND = 'x'.repeat(64)
const RUNS = 5
const DEPTHS = [
  { depth: 1, entries: 200_000 },
  { depth: 64, entries: 2_000_000 },
  { depth: 1024, entries: 4_000_000 },
] as const

/**
 * Committed entries a second: three servers in one thread, messages handed over directly, every save durable at once,
 * compaction on with 10,000 trailing entries. Each batch of `depth` commands is proposed in one message and waited for
 * until all three servers have applied it. Each of `peers` is a command line with {depth} that does the same work, and
 * prints "N entries/s" and, where it can, "N cpu-entries/s"; it is run in turn with ours.
 *
 * Both rates are printed. By processor time V8's helper threads count too: they compile, and collect garbage.
 */
export const benchCluster = (peers: readonly string[]): readonly string[] => {
  const lines = [`Committed entries/s, three servers in one thread, 64-byte commands, ${RUNS} runs`]
  for (const { depth, entries } of DEPTHS) {
    const ours: Speed[] = []
    const theirs = peers.map((): Speed[] => [])
    commit(depth, entries / 4)
    for (let run = 0; run < RUNS; run++) {
      ours.push(commit(depth, entries))
      peers.forEach((peer, at) => theirs[at]?.push(askPeer(peer, depth)))
    }
    lines.push(...rows(`${depth} in flight`, ours))
    peers.forEach((peer, at) => lines.push(...rows(`  ${peer}`, theirs[at] ?? [], ours)))
  }
  return lines
}

/** A row by the clock and one by processor time; with the ratio of the medians where there is something to set it against. */
const rows = (name: string, speeds: readonly Speed[], against?: readonly Speed[]): readonly string[] => {
  const line = (of: keyof Speed, label: string, unit: string): string => {
    const figure = figureOf(speeds.map((speed) => speed[of]))
    return row(label, figure, unit, against && ratio(figureOf(against.map((speed) => speed[of])), figure))
  }
  return [line('clock', name, 'entries/s'), line('processor', '', 'cpu-entries/s')]
}

const commit = (depth: number, entries: number): Speed => {
  const loop = new Loop(3, { snapshotEntries: 10_000, trailingEntries: 10_000 })
  const [first] = loop.members
  if (first === undefined) throw new Error('three members')
  loop.run(first, { type: 'campaign' })
  const { leader } = loop
  const commands = Array<string>(depth).fill(COMMAND)
  const before = leader.applied
  const speed = speedOf(entries, () => {
    for (let sent = 0; sent < entries; sent += depth) loop.run(leader, { type: 'propose', id: sent, commands })
  })
  const expected = before + Math.ceil(entries / depth) * depth
  for (const { id, applied } of loop.members)
    if (applied !== expected) throw new Error(`${id} applied ${applied} entries of ${expected}`)
  if (leader.state.log.baseIndex === 0) throw new Error('nothing was compacted')
  return speed
}

const askPeer = (peer: string, depth: number): Speed => {
  const printed = execSync(peer.replace('{depth}', String(depth)), { encoding: 'utf8' })
  const clock = /(\d+) entries\/s/.exec(printed)?.[1]
  if (clock === undefined) throw new Error(`the peer printed no entries/s: ${printed}`)
  return { clock: Number(clock), processor: Number(/(\d+) cpu-entries\/s/.exec(printed)?.[1] ?? Number.NaN) }
}

const ratio = (ours: Figure, theirs: Figure): string => `ours is ${(ours.median / theirs.median).toPrecision(2)} times`

/** 10,000 groups of three servers with nothing to do: the processor time that ticks and heartbeats take. */
export const benchIdle = (): readonly string[] => {
  const groups = Array.from({ length: 10_000 }, () => new Loop(3))
  for (const loop of groups) {
    const [first] = loop.members
    if (first !== undefined) loop.run(first, { type: 'campaign' })
  }
  const tick = (): void => {
    for (const loop of groups) for (const member of loop.members) loop.run(member, { type: 'tick' })
  }
  for (let warmUp = 0; warmUp < 10; warmUp++) tick()
  // Ticks a second of processor time; at a tick of 100 ms, ten of them are due each second of the clock.
  const ticks = figureOf(Array.from({ length: RUNS }, () => speedOf(10, () => repeat(10, tick)).processor))
  return [
    `10,000 idle groups of three servers in one thread, a heartbeat each tick, ${RUNS} runs`,
    row('one tick of all of them', ticks, 'a second', `${short(10 / ticks.median)} cores at a tick of 100 ms`),
  ]
}

const repeat = (times: number, action: () => void): void => {
  for (let at = 0; at < times; at++) action()
}
