import { bitOf } from './kinds.ts'
import type { Timeline } from './timeline.ts'

/** The whole trace in so many columns. Plain data. */
export interface Overview {
  readonly columns: number
  readonly events: number
  /** By node and column, how full: 0 to 1. */
  readonly density: readonly (readonly number[])[]
  readonly leaders: readonly {
    readonly node: number
    readonly term: number
    readonly from: number
    readonly to: number
  }[]
  readonly faults: readonly number[]
  readonly violations: readonly number[]
  /** Where each new highest term begins. */
  readonly terms: readonly { readonly term: number; readonly at: number }[]
}

const FAULT = bitOf('fault')
const VIOLATION = bitOf('violation')

export const overviewOf = (timeline: Timeline, columns: number): Overview => {
  const { length, nodes, node, bits, term } = timeline
  const density = nodes.map(() => new Array<number>(columns).fill(0))
  const faults: number[] = []
  const violations: number[] = []
  const terms: { term: number; at: number }[] = []
  let highest = 0
  for (let at = 0; at < length; at++) {
    const row = density[node.at(at)]
    const column = Math.min(columns - 1, Math.floor((at / length) * columns))
    if (row !== undefined) row[column] = (row[column] ?? 0) + 1
    const what = bits.at(at)
    if ((what & FAULT) !== 0 && faults.length < 10_000) faults.push(at)
    if ((what & VIOLATION) !== 0) violations.push(at)
    if (term.at(at) > highest) {
      highest = term.at(at)
      terms.push({ term: highest, at })
    }
  }
  const most = Math.max(1, ...density.flat())
  return {
    columns,
    events: length,
    density: density.map((row) => row.map((count) => count / most)),
    leaders: timeline.leaderships.map(({ node: lane, term: of, from, to }) => ({ node: lane, term: of, from, to })),
    faults,
    violations,
    terms,
  }
}
