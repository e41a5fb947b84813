import type { RaftState } from '../../core/state.ts'
import { brief } from './text.ts'

/** One field of a server that differs between two states. */
export interface Change {
  readonly path: string
  readonly before: string
  readonly after: string
}

/** Everything about a server that people ask after, as plain values: the log as its ends and size. */
const shownOf = ({ server, log }: RaftState): Readonly<Record<string, unknown>> => ({
  ...server,
  log: {
    baseIndex: log.baseIndex,
    baseTerm: log.baseTerm,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    bytes: log.bytes,
  },
})

export const changesBetween = (before: RaftState, after: RaftState): readonly Change[] => {
  const changes: Change[] = []
  collect(shownOf(before), shownOf(after), '', changes)
  return changes
}

const collect = (one: unknown, other: unknown, path: string, changes: Change[]): void => {
  if (Object.is(one, other)) return
  if (isCompound(one) && isCompound(other) && Array.isArray(one) === Array.isArray(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)]))
      collect(one[key], other[key], path === '' ? key : `${path}.${key}`, changes)
    return
  }
  changes.push({ path, before: brief(one), after: brief(other) })
}

const isCompound = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** The text of one field; it is compared to find where the field last changed. */
export const fieldOf = (state: RaftState, path: string): string => {
  let value: unknown = shownOf(state)
  for (const key of path.split('.')) value = isCompound(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return (JSON.stringify(value) as string | undefined) ?? 'nothing'
}
