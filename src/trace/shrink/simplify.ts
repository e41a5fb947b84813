import { INDEX_ZERO, TERM_ZERO, type NodeId } from '../../core/ids.ts'
import { configurationOf } from '../../core/membership/configuration.ts'
import { birthSnapshot } from '../../core/start.ts'
import type { FaultEvent, Header } from '../format.ts'
import type { Item, Schedule } from './schedule.ts'

/* Ways to say the same with less: proposals to a shrinker, each of which it tries. */

/** So many ticks in a row are a wait for a time-out. */
const WAIT = 4

/** The same without what keeps elections from disturbing each other: simpler runs suffice then. */
export const plainerHeaders = (header: Header): readonly Header[] => {
  const { options } = header
  const versions: readonly Header['options'][] = [
    { ...options, preVote: false, checkQuorum: false },
    { ...options, checkQuorum: false },
    { ...options, preVote: false },
  ]
  return versions
    .filter((version) => JSON.stringify(version) !== JSON.stringify(options))
    .map((version) => ({ ...header, options: version }))
}

/** Waits for a time-out are left out; with `forgets`, the server crashes and comes back instead. */
export const withoutWaits = ({ header, items }: Schedule, forgets: boolean): Schedule => {
  const kept: Item[] = []
  const waits = new Map<NodeId, Item[]>()
  const settle = (node: NodeId): void => {
    const ticks = waits.get(node) ?? []
    waits.delete(node)
    if (ticks.length < WAIT) kept.push(...ticks)
    else if (forgets) kept.push(...forgetting(node, ticks[0]?.event.at ?? 0))
  }
  for (const item of items) {
    const { event } = item
    if (event.t === 'in' && event.m.type === 'tick') {
      const ticks = waits.get(event.n)
      if (ticks === undefined) waits.set(event.n, [item])
      else ticks.push(item)
      continue
    }
    if ('n' in event) settle(event.n)
    kept.push(item)
  }
  for (const node of [...waits.keys()]) settle(node)
  return { header, items: kept }
}

/** The restart is from the disk of whatever run this becomes; what it says itself stands for nothing. */
const forgetting = (n: NodeId, at: number): readonly Item[] => {
  const restart: FaultEvent = {
    t: 'fault',
    kind: 'restart',
    at,
    n,
    start: {
      how: 'restart',
      hardState: { currentTerm: TERM_ZERO, votedFor: null },
      snapshot: birthSnapshot(configurationOf([n])),
      base: { index: INDEX_ZERO, term: TERM_ZERO },
      entries: [],
    },
  }
  return [
    { event: { t: 'fault', kind: 'crash', at, n }, origin: null },
    { event: restart, origin: null },
  ]
}
