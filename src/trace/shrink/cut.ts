import type { Played, Item, Schedule } from './schedule.ts'
import { stateStart } from '../start.ts'

/**
 * The end of a run, from its item `at` on, as a schedule of its own: servers begin in the states that they had reached
 * by then, and what was under way arrives as it did. `before` is the run up to there. Null where a server that comes
 * back later is down at that moment: its disk would be unknown.
 *
 * A run whose violation rests on a coincidence loses it with the first event that is left out early on; its end does
 * not depend on how the servers came to be where they are.
 */
export const endOf = ({ trace, items }: Played, before: Played, at: number): Schedule | null => {
  const { header, events } = trace
  const rest = items.slice(at)
  const isUnknown = rest.some(
    ({ event }) => event.t === 'fault' && event.kind === 'restart' && !before.states.has(event.n),
  )
  if (isUnknown) return null
  const kept = new Set(rest.map(({ event }) => (event.t === 'in' ? event.i : -1)))
  const init = Object.fromEntries([...before.states].map(([node, state]) => [node, stateStart(state)]))
  return {
    header: { ...header, init },
    items: rest.map((item, offset): Item => {
      const taken = events[at + offset]
      if (item.event.t !== 'in' || taken?.t !== 'in' || item.origin === null || kept.has(item.origin.step)) return item
      return { event: { ...item.event, m: taken.m }, origin: null }
    }),
  }
}
