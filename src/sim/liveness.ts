import type { Configuration } from '../core/membership/configuration.ts'
import type { JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import { voteResult } from '../core/membership/quorum.ts'
import type { SimCluster } from './cluster/cluster.ts'
import type { Dice } from './dice.ts'
import { ELECTION_TIMEOUT_MS, TICK_MS, type Mix } from './profile.ts'

/** Election timeouts from the last fault until everything is in order, at most; most runs need three. */
export const TIMEOUTS_TO_CONVERGE = 40

/** A quorum of the servers, and perhaps more, drawn anew: those that will be able to talk to each other. */
export const coreOf = (
  { ids, configuration }: { readonly ids: readonly NodeId[]; readonly configuration: Configuration },
  dice: Dice,
): readonly NodeId[] => {
  const order = dice.shuffle(ids)
  let least = 1
  while (voteResult(configuration, order.slice(0, least), []) !== 'won') least++
  return order.slice(0, dice.integer(least, ids.length + 1))
}

/**
 * Ends all faults but one: the servers outside of the core are down, or cut off, or all but one of them are cut off, which
 * stays linked to one server of the core. A bridge is tried where the core has to stand it: with checkQuorum a leader
 * outside steps down, and with preVote a server outside does not raise the core's term.
 */
export const heal = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  core: readonly NodeId[],
  dice: Dice,
  { options, leaseRate, tick }: Pick<Mix, 'options' | 'leaseRate' | 'tick'>,
): 'isolated' | 'bridged' => {
  cluster.changeNetwork({ lossRate: 0, duplicateRate: 0, slowRate: 0, delay: { least: 1, most: 10 } })
  // Leases hold only among clocks that have never drifted further.
  const clock = leaseRate > 0 ? tick : { least: TICK_MS, most: TICK_MS + 4 }
  for (const id of core) {
    cluster.changeClock(id, dice.within(clock))
    cluster.changeMachine(id, { least: 0, most: 2 })
  }
  const others = cluster.ids.filter((id) => !core.includes(id))
  const isBridged = options.checkQuorum === true && options.preVote === true && dice.chance(0.5)
  const ends = isBridged ? bridgeOf(cluster, core, others, dice) : null
  if (ends !== null) {
    bridge(cluster, others, ends, dice)
    return 'bridged'
  }
  if (dice.chance(0.5)) for (const id of others) cluster.crash(id)
  else if (others.length > 0) cluster.partition([core, others])
  return 'isolated'
}

interface Bridge {
  readonly outside: NodeId
  readonly inside: NodeId
}

/**
 * The leader of before, if it is outside, or any other, and one server of the core. Null where there is none outside, or
 * where the two are a quorum: as of three servers they would rightly keep their leader, whom the others do not reach.
 */
const bridgeOf = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  core: readonly NodeId[],
  others: readonly NodeId[],
  dice: Dice,
): Bridge | null => {
  const leader = cluster.leader()
  const outside = leader !== null && others.includes(leader) ? leader : dice.pick(others)
  const inside = dice.pick(core)
  if (outside === undefined || inside === undefined) return null
  return voteResult(cluster.configuration, [outside, inside], []) === 'won' ? null : { outside, inside }
}

/** The one outside reaches the one inside, is reached by it, or both. All others outside are cut off. */
const bridge = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  others: readonly NodeId[],
  { outside, inside }: Bridge,
  dice: Dice,
): void => {
  const direction = dice.integer(0, 3)
  for (const other of others)
    for (const id of cluster.ids) {
      if (id === other) continue
      const isLinked = other === outside && id === inside
      if (!isLinked || direction === 1) cluster.cut(other, id)
      if (!isLinked || direction === 2) cluster.cut(id, other)
    }
}

/** Lets a healed cluster run until it is in order. Returns what is not, after all that time; null when all is. */
export const converge = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  core: readonly NodeId[],
  clients: { readonly openCount: number },
): string | null => {
  let problem: string | null = null
  for (let waited = 0; waited < TIMEOUTS_TO_CONVERGE * 4; waited++) {
    nudge(cluster)
    cluster.advance(ELECTION_TIMEOUT_MS / 4)
    problem = disorder(cluster, core) ?? (clients.openCount > 0 ? 'a request is not answered' : null)
    if (problem === null) return null
  }
  return problem
}

/**
 * A leader that starts its term without a blank entry commits what it found, and answers reads, only after a first
 * command: this one, which changes nothing.
 */
const nudge = <S, C extends JsonValue, R extends JsonValue>(cluster: SimCluster<S, C, R>): void => {
  const leader = cluster.leader()
  const raft = leader === null ? null : cluster.replica(leader)?.raft
  if (leader === null || raft?.server.role.type !== 'leader' || raft.options.noopOnElection) return
  // A server that leads again may still have the one of its earlier term to answer.
  const id = `nudge of term ${raft.server.currentTerm}`
  if (raft.log.lastIndex < raft.server.role.termStartIndex)
    cluster.submit(leader, { type: 'propose', id, commands: [{ type: 'close', client: 'nobody' }] })
}

/** What keeps a cluster from being in order. */
const disorder = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  core: readonly NodeId[],
): string | null => {
  const servers = core.map((id) => cluster.replica(id)?.raft ?? null)
  const leader = servers.find((raft) => raft?.server.role.type === 'leader')
  if (leader === undefined || leader === null) return 'nobody leads'
  const { currentTerm } = leader.server
  for (const raft of servers) {
    if (raft === null) return 'a server is down'
    const { id, leaderId, commitIndex, lastApplied } = raft.server
    if (raft.server.currentTerm !== currentTerm || leaderId !== leader.server.id) return `${id} does not follow`
    if (raft.log.lastIndex !== leader.log.lastIndex) return `${id} does not have the whole log`
    if (commitIndex !== leader.log.lastIndex) return `${id} does not know what is committed`
    if (lastApplied !== commitIndex) return `${id} has not applied what is committed`
  }
  return null
}
