import type { JsonValue } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import type { SimCluster } from './cluster.ts'
import type { Dice } from './dice.ts'
import { ELECTION_TIMEOUT_MS, TICK_MS } from './profile.ts'

/** Election timeouts from the last fault until everything is in order, at most; most runs need three. */
export const TIMEOUTS_TO_CONVERGE = 40

/** A majority of the servers, drawn anew: those that will be able to talk to each other. */
export const coreOf = (ids: readonly NodeId[], dice: Dice): readonly NodeId[] => {
  const least = Math.floor(ids.length / 2) + 1
  return dice.shuffle(ids).slice(0, dice.integer(least, ids.length + 1))
}

/** Ends all faults but one: whoever is not of the core is down, or cut off. */
export const heal = <S, C extends JsonValue, R extends JsonValue>(
  cluster: SimCluster<S, C, R>,
  core: readonly NodeId[],
  dice: Dice,
): void => {
  cluster.changeNetwork({ lossRate: 0, duplicateRate: 0, slowRate: 0, delay: { least: 1, most: 10 } })
  const others = cluster.ids.filter((id) => !core.includes(id))
  if (dice.chance(0.5)) for (const id of others) cluster.crash(id)
  else if (others.length > 0) cluster.partition([core, others])
  for (const id of core) cluster.changeClock(id, TICK_MS + dice.integer(0, 4))
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
  if (raft.log.lastIndex < raft.server.role.termStartIndex)
    cluster.submit(leader, { type: 'propose', id: 'nudge', commands: [{ type: 'close', client: 'nobody' }] })
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
