import { unreachable } from '../core/assert.ts'
import type { RaftState } from '../core/state.ts'
import { describeMessage, describeOutputs } from './describe-message.ts'
import type { FaultEvent, Start, TraceEvent } from './format.ts'
import type { Replayed } from './replay.ts'

export { describeMessage, describeOutputs, describeRpc } from './describe-message.ts'

/**
 * One line for one step: who took it, what went in, what that changed, what came out.
 * `n2 ← n1 AppendEntries t3 prev 7/2 commit 7 ⇒ commitIndex 6→7; replies success match 7; apply entry 7/2`
 */
export const describeStep = ({ event, before, after, outputs }: Omit<Replayed, 'line'>): string => {
  const results = [...describeChange(before, after), ...describeOutputs(outputs, event.m)]
  const input = `${event.n} ${describeMessage(event.m)}`
  return results.length === 0 ? input : `${input} ⇒ ${results.join('; ')}`
}

/** What is different between two states of one server, as far as people want to see it: "commitIndex 6→8". */
export const describeChange = (before: RaftState, after: RaftState): readonly string[] => {
  const pairs: readonly (readonly [string, Shown, Shown])[] = [
    ['role', before.server.role.type, after.server.role.type],
    ['term', before.server.currentTerm, after.server.currentTerm],
    ['vote', before.server.votedFor, after.server.votedFor],
    // Whoever becomes leader knows itself as such.
    ['leader', before.server.leaderId, isLeader(after) ? before.server.leaderId : after.server.leaderId],
    ['lastIndex', before.log.lastIndex, after.log.lastIndex],
    ['durableIndex', before.server.durableIndex, after.server.durableIndex],
    ['commitIndex', before.server.commitIndex, after.server.commitIndex],
    ['lastApplied', before.server.lastApplied, after.server.lastApplied],
    ['snapshot', before.server.snapshot.lastIncludedIndex, after.server.snapshot.lastIncludedIndex],
    ['base', before.log.baseIndex, after.log.baseIndex],
  ]
  return pairs.filter(([, old, now]) => old !== now).map(([what, old, now]) => `${what} ${shown(old)}→${shown(now)}`)
}

const isLeader = ({ server }: RaftState): boolean => server.role.type === 'leader'

type Shown = string | number | null

const shown = (value: Shown): string => (value === null ? '–' : String(value))

/** A step before it was taken, or any other line. */
export const describeEvent = (event: TraceEvent): string => {
  switch (event.t) {
    case 'in':
      return `${event.n} ${describeMessage(event.m)}`
    case 'net':
      return `network: ${event.kind} ${event.from} → ${event.to} ${event.rpc ?? 'message'}`
    case 'fault':
      return describeFault(event)
    case 'op':
      return `client ${event.client}: ${event.kind} ${JSON.stringify(event.value)}`
    case 'viol':
      return `✗ ${event.claim}${event.n === undefined ? '' : ` (${event.n})`}`
    default:
      return unreachable(event)
  }
}

const describeFault = (event: FaultEvent): string => {
  switch (event.kind) {
    case 'crash':
      return `${event.n} crashes`
    case 'restart':
      return `${event.n} ${describeStart(event.start)}`
    case 'partition':
      return `partition ${event.groups.map((group) => group.join(',')).join(' | ')}`
    case 'heal':
      return 'the network heals'
    case 'disk':
      return `${event.n} disk: ${event.what}`
    default:
      return unreachable(event)
  }
}

const describeStart = (start: Start): string => {
  if (start.how === 'birth') return `is born among ${start.configuration.voters.join(',')}`
  if (start.how === 'state') return `is put in the state of a ${start.server.role.type} in t${start.server.currentTerm}`
  const { hardState, snapshot, entries } = start
  const last = entries.at(-1)?.index ?? snapshot.lastIncludedIndex
  return `restarts with t${hardState.currentTerm} vote ${hardState.votedFor ?? '–'} last ${last} snapshot ${snapshot.lastIncludedIndex}`
}

/** Every field that differs between two states, as paths; an operator's view of a divergence. */
export const differences = (one: unknown, other: unknown, path = ''): readonly string[] => {
  if (Object.is(one, other)) return []
  if (isCompound(one) && isCompound(other) && Array.isArray(one) === Array.isArray(other)) {
    const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])]
    return keys.flatMap((key) => differences(one[key], other[key], path === '' ? key : `${path}.${key}`))
  }
  return [`${path} ${brief(one)}→${brief(other)}`]
}

const isCompound = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const BRIEF_CHARS_MAX = 60

const brief = (value: unknown): string => {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) return 'nothing'
  return text.length > BRIEF_CHARS_MAX ? `${text.slice(0, BRIEF_CHARS_MAX)}…` : text
}
