import { successor, type NodeId } from '../../../src/core/ids.ts'
import { slice, type Log } from '../../../src/core/log/log.ts'
import type { ServerInWorld, World } from '../../../src/sim/explore/world.ts'

/*
 * All that may make a difference in a world, as text, under the names that give the least one: what fingerprints are
 * held against. It leaves out by name what makes none, so that a field that is added to a state is in it.
 */

/** Texts of the worlds of one walk: equal for worlds that differ by the servers' names alone. */
export class Canons {
  private readonly names: readonly Names[]
  private readonly isTimed: boolean
  private readonly known = new WeakMap<object, readonly string[]>()

  constructor({ servers }: World, isTimed: boolean) {
    const orders = permutations(servers.map(({ raft }) => raft.server.id))
    this.names = orders.map((order) => new Map(order.map((id, place) => [id, `s${place}`])))
    this.isTimed = isTimed
  }

  of({ servers, packets, ticks, spent, ghost }: World): string {
    const texts = this.names.map((names, at) => {
      const served = servers.map(
        (server, place) => `${this.part(server, at, () => this.strip(server))}@${ticks[place]}`,
      )
      const sent = packets.map((packet) => this.part(packet, at, () => packet))
      return [...served.sort(), ...sent.sort(), textOf({ spent, ghost }, names)].join('\n')
    })
    return texts.reduce((least, text) => (text < least ? text : least))
  }

  /** Most servers and packets live on: their texts are kept. */
  private part(value: object, at: number, plainOf: () => object): string {
    const texts = this.known.get(value) ?? this.names.map((names) => textOf(plainOf(), names))
    this.known.set(value, texts)
    return texts[at] ?? ''
  }

  private strip(server: ServerInWorld): object {
    return stripped(server, this.isTimed)
  }
}

type Names = ReadonlyMap<NodeId, string>

/** Sequences count from a server's start: only how far they are from the last one answered makes a difference. */
const stripped = ({ raft, disk, unsaved, ...rest }: ServerInWorld, isTimed: boolean): object => {
  const { saveSequence, savedSequence, hardStateSequence, truncation, role, ...server } = raft.server
  const open = (sequence: number): number => Math.max(0, sequence - savedSequence)
  const timers = { seed: 0, electionDeadlineTicks: 0, electionElapsedTicks: 0 }
  return {
    ...rest,
    log: plain(raft.log),
    disk: { ...disk, log: plain(disk.log) },
    unsaved: unsaved.map(({ save, installed }) => ({ save: { ...save, sequence: open(save.sequence) }, installed })),
    server: {
      ...server,
      ...(isTimed ? {} : timers),
      // Neither an option nor a configuration changes.
      configurations: null,
      open: [open(saveSequence), open(hardStateSequence)],
      truncation: truncation === null ? null : { ...truncation, sequence: open(truncation.sequence) },
      role: role.type === 'candidate' ? { ...role, voteSequence: open(role.voteSequence) } : role,
    },
  }
}

/** How a log is cut into segments makes none. */
const plain = (log: Log): object => [log.baseIndex, log.baseTerm, slice(log, successor(log.baseIndex), log.lastIndex)]

/** Lists whose order is that of names or of arrival. */
const SETS: ReadonlySet<string> = new Set([
  'granted',
  'rejected',
  'progress',
  'shortSilence',
  'failedTransfers',
  'voters',
])

/** Bytes in flight make none: no exploration fills a window of megabytes. */
const textOf = (value: unknown, names: Names, key = ''): string => {
  if (typeof value === 'string') return JSON.stringify(names.get(value as NodeId) ?? value)
  if (typeof value !== 'object' || value === null) return value === undefined ? 'undefined' : JSON.stringify(value)
  if (Array.isArray(value)) {
    const items = value.map((item) => textOf(item, names, key === 'inflight' ? key : ''))
    return `[${(SETS.has(key) ? items.sort() : items).join()}]`
  }
  const fields = Object.entries(value)
    .filter(([name]) => key !== 'inflight' || name !== 'bytes')
    .map(([name, inner]) => `${name}:${textOf(inner, names, name)}`)
  return `{${fields.sort().join()}}`
}

const permutations = (ids: readonly NodeId[]): readonly (readonly NodeId[])[] =>
  ids.length <= 1
    ? [ids]
    : ids.flatMap((first) => permutations(ids.filter((id) => id !== first)).map((rest) => [first, ...rest]))
