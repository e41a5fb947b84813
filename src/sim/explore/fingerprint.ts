import type { NodeId } from '../../core/ids.ts'
import { entryAt } from '../../core/log/log.ts'
import type { Index } from '../../core/ids.ts'
import type { Progress } from '../../core/progress.ts'
import { itemsOf } from '../../core/queue.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { RaftState, Role } from '../../core/state.ts'
import type { Packet, ServerInWorld, World } from './world.ts'

/*
 * Worlds are told apart by a 53-bit hash of all that can make a difference. Seeds and deadlines can only where time is
 * explored. Servers have no names: of all ways to number them one stands for all, so that symmetric worlds are visited
 * once. It is the one of the lowest rank, which is another part of the hash's state than the fingerprint: the lowest of
 * several fingerprints would be a small number, and small numbers meet more often (with 5 servers 60 times as often).
 * With a million worlds the odds that two share a fingerprint, and one is missed, are about 1 in 18,000; they grow with
 * the square of the number.
 */

/** Two 32-bit lanes, mixed as murmur3 does it. */
class Hash {
  private a = 0x9e3779b9
  private b = 0x85ebca6b

  add(value: number): this {
    this.a = Math.imul(this.a ^ value, 0xcc9e2d51)
    this.a = (this.a << 15) | (this.a >>> 17)
    this.b = Math.imul(this.b + value, 0x1b873593)
    this.b = (this.b << 13) | (this.b >>> 19)
    this.b = (this.b ^ this.a) | 0
    return this
  }

  text(value: string): this {
    this.add(value.length)
    for (let at = 0; at < value.length; at++) this.add(value.charCodeAt(at))
    return this
  }

  /** Decides which of several hashes stands for all; a 32-bit number. */
  get rank(): number {
    return this.a
  }

  /** A whole number in [0, 2^53). */
  done(): number {
    return (this.high >>> 0) * 0x200000 + (this.low & 0x1fffff)
  }

  /** Two 32-bit halves, for sums. */
  get high(): number {
    return Math.imul(this.a ^ (this.a >>> 16), 0x85ebca6b) ^ (this.mixed >>> 15)
  }

  get low(): number {
    return this.mixed ^ (Math.imul(this.a ^ (this.a >>> 16), 0x85ebca6b) >>> 11)
  }

  private get mixed(): number {
    return Math.imul(this.b ^ (this.b >>> 13), 0xc2b2ae35)
  }
}

/**
 * Of hashes whose order means nothing. The halves wrap around at 2^32 each: a sum of doubles would be rounded above 2^53,
 * and would depend on the order after all.
 */
class Sum {
  private high = 0
  private low = 0

  add(high: number, low: number): void {
    this.high = (this.high + high) | 0
    this.low = (this.low + low) | 0
  }

  addTo(hash: Hash): Hash {
    return hash.add(this.high).add(this.low)
  }
}

/** Of something under every numbering: the high and the low half of each hash. */
type Hashes = readonly number[]

/** A numbering of the servers: place of each, by its position in the world. */
type Numbering = ReadonlyMap<NodeId, number>

/** Fingerprints of the worlds of one exploration; hashes of servers and messages are kept, as most live on. */
export class Fingerprints {
  private readonly numberings: readonly Numbering[]
  private readonly servers = new WeakMap<ServerInWorld, Hashes>()
  private readonly packets = new WeakMap<Packet, Hashes>()

  private readonly isTimed: boolean

  /** @param isTimed whether seeds and deadlines make a difference */
  constructor(world: World, isTimed = false) {
    this.isTimed = isTimed
    const ids = world.servers.map(({ raft }) => raft.server.id)
    this.numberings = permutations(ids).map((order) => new Map(order.map((id, place) => [id, place])))
  }

  of(world: World): number {
    let rank = Number.POSITIVE_INFINITY
    let chosen = 0
    for (const [at, numbering] of this.numberings.entries()) {
      const hash = this.under(world, numbering, at)
      if (hash.rank > rank) continue
      // Equal ranks are rare, and equal for symmetric worlds in both of them: the lower fingerprint stands for both.
      chosen = hash.rank === rank ? Math.min(chosen, hash.done()) : hash.done()
      rank = hash.rank
    }
    return chosen
  }

  private under({ servers, packets, ticks, spent, ghost }: World, numbering: Numbering, at: number): Hash {
    // Neither the order of servers makes a difference, whose hashes hold their numbers, nor that of messages.
    const sum = new Sum()
    for (const [place, server] of servers.entries()) {
      addHalves(sum, this.ofServer(server), at)
      addTicks(sum, numberOf(numbering, server.raft.server.id), ticks[place] ?? 0)
    }
    for (const packet of packets) addHalves(sum, this.ofPacket(packet), at)
    const hash = sum.addTo(new Hash())
    hash.add(spent.drops).add(spent.duplicates).add(spent.crashes).add(spent.heartbeats).add(spent.snapshots)
    hash.add(spent.reads).add(spent.campaigns)
    for (const floor of ghost.floors) hash.add(floor)
    for (const id of ghost.leaders) hash.add(numberOf(numbering, id))
    for (const { identity, inTerm } of ghost.committed) hash.text(identity).add(inTerm)
    return hash
  }

  private ofServer(server: ServerInWorld): Hashes {
    const known = this.servers.get(server)
    if (known !== undefined) return known
    const hashes = this.numberings.flatMap((numbering) =>
      halvesOf(hashServer(this.isTimed ? hashTimers(new Hash(), server.raft) : new Hash(), numbering, server)),
    )
    this.servers.set(server, hashes)
    return hashes
  }

  private ofPacket(packet: Packet): Hashes {
    const known = this.packets.get(packet)
    if (known !== undefined) return known
    const hashes = this.numberings.flatMap((numbering) => {
      const hash = new Hash().add(numberOf(numbering, packet.from)).add(numberOf(numbering, packet.to))
      return halvesOf(hashRpc(hash, packet.rpc))
    })
    this.packets.set(packet, hashes)
    return hashes
  }
}

const numberOf = (numbering: Numbering, id: NodeId | null): number => (id === null ? -1 : (numbering.get(id) ?? -2))

const halvesOf = ({ high, low }: Hash): Hashes => [high, low]

const addHalves = (sum: Sum, hashes: Hashes, at: number): void => sum.add(hashes[2 * at] ?? 0, hashes[2 * at + 1] ?? 0)

const addTicks = (sum: Sum, place: number, ticks: number): void => {
  if (ticks === 0) return
  const { high, low } = new Hash().add(place).add(ticks)
  sum.add(high, low)
}

const permutations = (ids: readonly NodeId[]): readonly (readonly NodeId[])[] => {
  if (ids.length <= 1) return [ids]
  return ids.flatMap((first) => permutations(ids.filter((id) => id !== first)).map((rest) => [first, ...rest]))
}

const hashServer = (
  hash: Hash,
  numbering: Numbering,
  { raft, disk, unsaved, machine, incoming }: ServerInWorld,
): Hash => {
  const { server } = raft
  hash.add(numberOf(numbering, server.id)).add(server.currentTerm).add(numberOf(numbering, server.votedFor))
  hash.add(numberOf(numbering, server.leaderId)).add(server.commitIndex).add(server.lastApplied)
  hash
    .add(server.stickyTicks)
    .add(server.durableIndex)
    .add(server.snapshot.lastIncludedIndex)
    .add(server.snapshot.lastIncludedTerm)
  hash.add(disk.hardState.currentTerm).add(numberOf(numbering, disk.hardState.votedFor))
  hash.text(machine).text(incoming).text(disk.state)
  hashLog(hash, raft)
  hashLog(hash, disk)
  hashRole(hash, numbering, server.role)
  const { receiving } = server
  if (receiving !== null) {
    hash.add(receiving.transferId).text(String(receiving.nextObjectId)).text(receiving.phase)
    hash.add(receiving.position).add(receiving.queued.length)
  }
  for (const { save } of unsaved) {
    hash
      .add(save.hardState?.currentTerm ?? -1)
      .add(save.truncateFrom ?? -1)
      .add(save.lastIndex)
      .add(save.entries.length)
    hash.add(save.compactTo?.index ?? -1).add(numberOf(numbering, save.hardState?.votedFor ?? null))
    for (const entry of save.entries) hash.add(entry.index).add(entry.term)
    for (const { to, rpc } of save.then) hashRpc(hash.add(numberOf(numbering, to)), rpc)
  }
  return hash
}

/** What elections depend on where time is explored. */
const hashTimers = (hash: Hash, { server }: RaftState): Hash =>
  hash.add(server.seed).add(server.electionElapsedTicks).add(server.electionDeadlineTicks)

const hashLog = (hash: Hash, { log }: Pick<RaftState, 'log'>): void => {
  hash.add(log.baseIndex).add(log.baseTerm)
  for (let index = log.baseIndex + 1; index <= log.lastIndex; index++)
    hash.add(entryAt(log, index as Index)?.term ?? -1)
}

const hashRole = (hash: Hash, numbering: Numbering, role: Role): void => {
  hash.text(role.type)
  if (role.type === 'candidate' || role.type === 'preCandidate') {
    let votes = 0
    for (const id of role.granted) votes += 1 << (2 * numberOf(numbering, id))
    for (const id of role.rejected) votes += 2 << (2 * numberOf(numbering, id))
    hash.add(votes)
  }
  if (role.type !== 'leader') return
  hash.add(role.termStartIndex).add(role.heartbeatElapsedTicks).add(role.clockTicks).add(role.leaseTicks)
  hash.add(role.round).add(role.ackedRound)
  for (const { round, atTicks } of role.roundsStarted) hash.add(round).add(atTicks)
  for (const { id, round, index } of itemsOf(role.reads))
    hash
      .text(String(id))
      .add(round)
      .add(index ?? -1)
  const sum = new Sum()
  for (const progress of role.progress) {
    const { high, low } = hashProgress(new Hash(), numbering, progress)
    sum.add(high, low)
  }
  sum.addTo(hash)
  for (const { id, startsOver } of role.failedTransfers) hash.add(numberOf(numbering, id)).add(startsOver ? 1 : 0)
}

const hashProgress = (hash: Hash, numbering: Numbering, progress: Progress): Hash => {
  hash.add(numberOf(numbering, progress.id)).add(progress.matchIndex).add(progress.sentCommit).text(progress.mode)
  hash
    .add(progress.active ? 1 : 0)
    .add(progress.ackedRound)
    .add(progress.window)
  if (progress.mode === 'probe') hash.add(progress.nextIndex).add(progress.paused ? 1 : 0)
  else if (progress.mode === 'replicate') {
    hash.add(progress.nextIndex)
    for (const { lastIndex } of progress.inflight) hash.add(lastIndex)
  } else
    hash
      .add(progress.transferId)
      .text(progress.phase)
      .add(progress.inflight.length)
      .add(progress.objectsSent)
      .text(String(progress.reading))
  return hash
}

const hashRpc = (hash: Hash, rpc: Rpc): Hash => {
  hash.text(rpc.type).add(rpc.term)
  switch (rpc.type) {
    case 'RequestPreVote':
      return hash
        .add(rpc.lastLogIndex)
        .add(rpc.lastLogTerm)
        .add(rpc.question ?? -1)
    case 'RequestVote':
      return hash.add(rpc.lastLogIndex).add(rpc.lastLogTerm)
    case 'RequestPreVoteResponse':
      return hash.add(rpc.voteGranted ? 1 : 0).add(rpc.question ?? -1)
    case 'RequestVoteResponse':
      return hash.add(rpc.voteGranted ? 1 : 0)
    case 'AppendEntries':
      hash.add(rpc.prevLogIndex).add(rpc.prevLogTerm).add(rpc.leaderCommit).add(rpc.round)
      for (const { index, term } of rpc.entries) hash.add(index).add(term)
      return hash
    case 'AppendEntriesResponse':
      hash.add(rpc.round).add(rpc.silenceTicks ?? -1)
      return rpc.success
        ? hash.add(1).add(rpc.matchIndex)
        : hash.add(0).add(rpc.rejectedIndex).add(rpc.conflictIndex).add(rpc.conflictTerm)
    case 'InstallSnapshot':
      hash.add(rpc.transferId).add(rpc.snapshot.lastIncludedIndex).add(rpc.snapshot.lastIncludedTerm)
      return hash
        .add(rpc.position)
        .add(rpc.startsOver ? 1 : 0)
        .text(String(rpc.objectId))
        .text(rpc.data)
    case 'InstallSnapshotResponse':
      return hash.add(rpc.transferId).text(rpc.status).text(String(rpc.nextObjectId)).add(rpc.installedIndex)
  }
}
