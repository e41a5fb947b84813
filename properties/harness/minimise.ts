import type { Schedule } from './schedule.ts'

type Fails = (candidate: Schedule) => boolean

/** Pairs of events are tried only in schedules this short: their number grows with the square. */
const PAIRS_BELOW = 24

/**
 * Makes a failing schedule small: leaves out ever smaller runs of events, then pairs, then lowers numbers, and starts
 * again until nothing more can go. What fast-check shrinks in stories, this shrinks in events.
 */
export const minimise = (schedule: Schedule, fails: Fails): Schedule => {
  let current = schedule
  for (;;) {
    const before = JSON.stringify(current)
    current = withoutRuns(current, fails)
    if (current.length < PAIRS_BELOW) current = withoutPairs(current, fails)
    current = lowered(current, fails)
    if (JSON.stringify(current) === before) return current
  }
}

const withoutRuns = (schedule: Schedule, fails: Fails): Schedule => {
  let current = schedule
  for (let run = Math.ceil(current.length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2))
    for (let at = 0; at < current.length;) {
      const candidate = current.filter((_, place) => place < at || place >= at + run)
      if (fails(candidate)) current = candidate
      else at += run
    }
  return current
}

const withoutPairs = (schedule: Schedule, fails: Fails): Schedule => {
  for (let first = 0; first < schedule.length; first++)
    for (let second = first + 1; second < schedule.length; second++) {
      const candidate = schedule.filter((_, place) => place !== first && place !== second)
      if (fails(candidate)) return withoutPairs(candidate, fails)
    }
  return schedule
}

const LOWERED = ['ticks', 'times', 'count', 'at', 'keep'] as const

/** Numbers that only say how much become as small as they can be. */
const lowered = (schedule: Schedule, fails: Fails): Schedule => {
  let current = schedule
  for (let at = 0; at < current.length; at++)
    for (const field of LOWERED) {
      const event = current[at]
      const value = new Map<string, unknown>(Object.entries(event ?? {})).get(field)
      if (event === undefined || typeof value !== 'number') continue
      for (const less of [0, 1, Math.floor(value / 2), value - 1]) {
        if (less < (field === 'count' ? 1 : 0) || less >= value) continue
        const candidate = current.with(at, { ...event, [field]: less })
        if (!fails(candidate)) continue
        current = candidate
        break
      }
    }
  return current
}
