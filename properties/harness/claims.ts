import { expect } from 'vitest'
import { itemsOf } from '../../src/core/queue.ts'
import type { Campaign } from './campaign.ts'
import type { Cluster } from './cluster.ts'
import { committedTexts } from './memories.ts'
import { THE_LEADER } from './schedule.ts'

/** Election timeouts after the last fault until the cluster works again, at most. */
const TIMEOUTS_TO_RECOVER = 20
const ELECTION_TIMEOUT_TICKS = 5

const leaderOf = (cluster: Cluster) => {
  const { leader } = cluster
  if (leader === null) throw new Error('a healthy cluster has a leader')
  return leader
}

/** Ends all faults and looks whether the cluster gets over them. */
const recovers = (cluster: Cluster): void => {
  cluster.heal()
  cluster.calm(TIMEOUTS_TO_RECOVER * ELECTION_TIMEOUT_TICKS)
  const leader = leaderOf(cluster)
  const { currentTerm } = leader.state.server
  cluster.play({ type: 'propose', node: THE_LEADER, count: 2 })
  cluster.calm(2 * ELECTION_TIMEOUT_TICKS)
  expect(leaderOf(cluster), 'a healthy leader stays').toBe(leader)
  const { lastIndex } = leader.state.log
  for (const { id, state, memory } of cluster.members) {
    const { server } = state
    expect([id, server.currentTerm, server.leaderId]).toEqual([id, currentTerm, leader.id])
    const reached = [state.log.lastIndex, server.commitIndex, server.lastApplied, memory.length]
    expect([id, ...reached]).toEqual([id, ...reached.map(() => lastIndex)])
    expect([id, memory]).toEqual([id, leader.memory])
  }
  const { role } = leader.state.server
  if (role.type !== 'leader') throw new Error('a leader leads')
  expect(role.progress.filter(({ mode }) => mode !== 'replicate')).toEqual([])
  expect(itemsOf(role.reads)).toEqual([])
}

/** Crashes everybody at once, with nothing on the disks but what was answered for. */
const survives = (cluster: Cluster): void => {
  const committed = committedTexts(cluster.ghost)
  for (const member of cluster.members) if (member.isUp) cluster.crash(member, 0)
  cluster.heal()
  cluster.calm(60)
  cluster.play({ type: 'propose', node: THE_LEADER, count: 1 })
  cluster.calm(2)
  for (const member of cluster.members) expect(member.memory.slice(0, committed.length)).toEqual(committed)
}

/**
 * The claims that hold over all schedules, by name: what to check, how often to try, and what must really have happened
 * for that to mean anything. The tests beside this folder make each of them; the mutants are held against all.
 */
export const CLAIMS = {
  'election-safety': {
    numRuns: 400,
    checks: ['ES', 'VO', 'MON'],
    atLeast: { 'leader elected': 400, restarts: 300 },
  },
  'leader-append-only': {
    numRuns: 250,
    checks: ['LAO'],
    atLeast: { 'leader elected': 250, 'suffix overwritten': 150, commits: 500 },
  },
  'log-matching': {
    numRuns: 400,
    checks: ['LM', 'MT', 'COST'],
    atLeast: { 'leader elected': 400, 'suffix overwritten': 300, 'snapshot installed': 150, 'log compacted': 500 },
  },
  'leader-completeness': {
    numRuns: 400,
    checks: ['LC', 'CNT', 'QD'],
    atLeast: { 'leader elected': 400, commits: 900, 'suffix overwritten': 300, restarts: 300 },
  },
  'state-machine-safety': {
    numRuns: 400,
    checks: ['SMS', 'AIO', 'SF', 'MON'],
    atLeast: {
      commits: 900,
      'snapshot installed': 200,
      'snapshot taken': 200,
      restarts: 300,
      'transfer resumed': 3,
      'log compacted': 500,
    },
  },
  durability: {
    numRuns: 250,
    checks: ['PBS', 'VO', 'MON', 'QD'],
    atLeast: { commits: 500, restarts: 400 },
    afterwards: survives,
  },
  reads: {
    numRuns: 400,
    checks: ['READ'],
    lockstep: true,
    atLeast: { 'read served': 100, 'leader elected': 300, commits: 800 },
  },
  liveness: {
    numRuns: 250,
    checks: [],
    atLeast: { 'leader elected': 250, restarts: 250, 'snapshot installed': 80 },
    afterwards: recovers,
  },
} as const satisfies Readonly<Record<string, Campaign>>

export type ClaimName = keyof typeof CLAIMS
