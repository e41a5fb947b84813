import type { Schedule } from './schedule.ts'

/**
 * Leaves out of a failing schedule whatever it fails without: ever smaller runs of events, until no single event can
 * go. What fast-check shrinks in stories, this shrinks in events.
 */
export const minimise = (schedule: Schedule, fails: (candidate: Schedule) => boolean): Schedule => {
  let current = schedule
  for (let run = Math.ceil(current.length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2)) {
    for (let at = 0; at < current.length;) {
      const candidate = current.filter((_, place) => place < at || place >= at + run)
      if (fails(candidate)) current = candidate
      else at += run
    }
    if (run === 1) break
  }
  return current
}
