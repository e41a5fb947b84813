import fc from 'fast-check'
import { FORMER_LEADER, THE_LEADER, type ClusterPlan, type Schedule, type ScheduleEvent } from './schedule.ts'

export interface Bias {
  readonly size?: fc.Arbitrary<number>
  readonly lockstep?: boolean
  readonly length?: number
}

const node = fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 2, arbitrary: fc.constant(THE_LEADER) })
const at = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(30) })

type Weighted = fc.WeightedArbitrary<ScheduleEvent>

const event = <T extends ScheduleEvent>(
  weight: number,
  type: T['type'],
  fields: { [K in keyof Omit<T, 'type'>]: fc.Arbitrary<T[K & keyof T]> },
): Weighted => ({
  weight,
  arbitrary: fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<ScheduleEvent>,
})

type Named<T extends ScheduleEvent['type']> = Extract<ScheduleEvent, { type: T }>

const rarely = fc.nat(9).map((draw) => draw === 9)
const count = fc.integer({ min: 1, max: 4 })

const anyEvent = (lockstep: boolean): fc.Arbitrary<ScheduleEvent> =>
  fc.oneof(
    event<Named<'deliver'>>(22, 'deliver', { at }),
    event<Named<'drop'>>(4, 'drop', { at }),
    event<Named<'replay'>>(4, 'replay', { at: fc.nat(39) }),
    event<Named<'duplicate'>>(5, 'duplicate', { at }),
    ...(lockstep ? [] : [event<Named<'tick'>>(9, 'tick', { node, times: fc.integer({ min: 1, max: 8 }) })]),
    event<Named<'save'>>(12, 'save', { node, count, silent: rarely }),
    event<Named<'work'>>(7, 'work', { node, count, fails: rarely }),
    event<Named<'read object'>>(3, 'read object', { node, at, fails: rarely }),
    event<Named<'propose'>>(9, 'propose', { node, count }),
    event<Named<'read'>>(4, 'read', { node: fc.constantFrom(THE_LEADER, FORMER_LEADER, 0, 1), lease: fc.boolean() }),
    event<Named<'snapshot'>>(3, 'snapshot', { node }),
    event<Named<'campaign'>>(4, 'campaign', { node }),
    event<Named<'crash'>>(5, 'crash', {
      node,
      outputs: fc.option(fc.nat(4), { freq: 2 }),
      keep: fc.nat(3),
    }),
    event<Named<'restart'>>(5, 'restart', { node }),
    event<Named<'partition'>>(4, 'partition', { mask: fc.nat(31) }),
    event<Named<'isolate'>>(3, 'isolate', { node }),
    event<Named<'calm'>>(9, 'calm', { ticks: fc.integer({ min: 1, max: 12 }) }),
  )

const ticks = fc.integer({ min: 6, max: 14 })
const fewTicks = fc.integer({ min: 1, max: 3 })
const follower = fc.nat(4)

/** Several events in a row: stories that chance alone tells too rarely. */
const story = (lockstep: boolean): fc.Arbitrary<Schedule> =>
  fc.oneof(
    // A leader is cut off with entries that nobody else has, and another leader goes on without it.
    fc.tuple(count, ticks, count, fewTicks).map(([alone, wait, others, after]): Schedule => [
      { type: 'calm', ticks: wait },
      { type: 'isolate', node: THE_LEADER },
      { type: 'propose', node: THE_LEADER, count: alone },
      { type: 'save', node: THE_LEADER, count: 4, silent: false },
      { type: 'calm', ticks: wait },
      { type: 'propose', node: THE_LEADER, count: others },
      { type: 'calm', ticks: 1 },
      { type: 'partition', mask: 0 },
      { type: 'calm', ticks: after },
    ]),
    // A follower misses so much that only a snapshot helps.
    fc
      .tuple(follower, count, fewTicks, fc.nat(6), fc.array(fc.nat(39), { maxLength: 4 }))
      .map(([node, entries, wait, steps, replayed]): Schedule => [
        { type: 'calm', ticks: 8 },
        { type: 'isolate', node },
        { type: 'calm', ticks: wait },
        { type: 'propose', node: THE_LEADER, count: 4 },
        { type: 'calm', ticks: 1 },
        { type: 'propose', node: THE_LEADER, count: entries },
        { type: 'calm', ticks: 1 },
        { type: 'snapshot', node: THE_LEADER },
        { type: 'partition', mask: 0 },
        { type: 'tick', node: THE_LEADER, times: 1 },
        ...Array.from({ length: steps }, () => TRANSFER).flat(),
        { type: 'calm', ticks: wait },
        ...replayed.map((place): ScheduleEvent => ({ type: 'replay', at: place })),
      ]),
    // Reads by whoever leads and by whoever still thinks so.
    fc.tuple(count, fc.boolean(), fc.nat(9), fc.nat(9)).map(([entries, lease, early, late]): Schedule => [
      { type: 'calm', ticks: 8 },
      { type: 'propose', node: THE_LEADER, count: 1 },
      { type: 'calm', ticks: 1 },
      { type: 'read', node: THE_LEADER, lease },
      { type: 'calm', ticks: 1 },
      { type: 'isolate', node: THE_LEADER },
      { type: 'calm', ticks: early },
      { type: 'propose', node: THE_LEADER, count: entries },
      { type: 'calm', ticks: late },
      { type: 'read', node: FORMER_LEADER, lease },
      { type: 'read', node: THE_LEADER, lease },
      { type: 'partition', mask: 0 },
    ]),
    // One server hears no leader; another, who does, forgets it or is told to campaign; the leader reads by its lease.
    fc
      .tuple(fc.nat(4), fc.nat(4), fc.boolean(), fewTicks, fc.constantFrom('campaign', 'restart', 'both'))
      .map(([deaf, other, lease, wait, trick]): Schedule => [
        { type: 'partition', mask: 0 },
        { type: 'calm', ticks: 8 },
        { type: 'propose', node: THE_LEADER, count: 1 },
        { type: 'calm', ticks: 1 },
        { type: 'isolate', node: deaf },
        { type: 'calm', ticks: 6 + wait },
        ...(trick === 'campaign' ? [] : forget(other)),
        { type: 'isolate', node: THE_LEADER },
        { type: 'campaign', node: trick === 'campaign' ? other : deaf },
        { type: 'calm', ticks: 0 },
        { type: 'propose', node: THE_LEADER, count: 1 },
        { type: 'calm', ticks: 0 },
        { type: 'read', node: FORMER_LEADER, lease },
        { type: 'calm', ticks: 1 },
        { type: 'read', node: FORMER_LEADER, lease },
        { type: 'partition', mask: 0 },
      ]),
    // Answers of one follower overtake each other.
    fc
      .array(fc.nat(5), { minLength: 4, maxLength: 6 })
      .map((order): Schedule => [
        { type: 'calm', ticks: 8 },
        { type: 'propose', node: THE_LEADER, count: 1 },
        { type: 'propose', node: THE_LEADER, count: 1 },
        ...Array.from({ length: 4 }, (): ScheduleEvent => ({ type: 'deliver', at: 0 })),
        ...SAVE_ONE_EACH,
        ...SAVE_ONE_EACH,
        ...order.map((place): ScheduleEvent => ({ type: 'deliver', at: place })),
      ]),
    // A former leader's unsaved entries are overwritten before its disk answers for them.
    fc
      .tuple(count, count)
      .map(([alone, others]): Schedule => [
        { type: 'calm', ticks: 8 },
        { type: 'isolate', node: THE_LEADER },
        { type: 'calm', ticks: 12 },
        { type: 'propose', node: THE_LEADER, count: others },
        { type: 'propose', node: FORMER_LEADER, count: alone },
        { type: 'partition', mask: 0 },
        { type: 'tick', node: THE_LEADER, times: 1 },
        ...Array.from({ length: 6 }, (): ScheduleEvent => ({ type: 'deliver', at: 0 })),
        ...SAVE_ONE_EACH,
        ...SAVE_ONE_EACH,
      ]),
    // As many entries as may wait to be committed.
    fc.constant<Schedule>(
      Array.from({ length: 9 }, (): Schedule => [
        { type: 'propose', node: THE_LEADER, count: 4 },
        { type: 'calm', ticks: 1 },
      ]).flat(),
    ),
    // A server dies and comes back.
    fc.tuple(node, fc.option(fc.nat(4)), fc.nat(3), fewTicks).map(([victim, outputs, keep, wait]): Schedule => [
      { type: 'propose', node: THE_LEADER, count: 2 },
      { type: 'crash', node: victim, outputs, keep },
      { type: 'calm', ticks: wait },
      { type: 'restart', node: 0 },
      { type: 'restart', node: 1 },
      { type: 'restart', node: 2 },
    ]),
    fc.array(anyEvent(lockstep), { minLength: 1, maxLength: 12, size: 'max' }),
  )

const SAVE_ONE_EACH: Schedule = [0, 1, 2].map((node) => ({ type: 'save', node, count: 1, silent: false }))

const forget = (node: number): Schedule => [
  { type: 'crash', node, outputs: null, keep: 0 },
  { type: 'restart', node },
]

/** One object of a transfer, about, on its way. */
const TRANSFER: Schedule = [
  { type: 'deliver', at: 0 },
  { type: 'deliver', at: 0 },
  { type: 'read object', node: THE_LEADER, at: 0, fails: false },
  { type: 'work', node: 0, count: 1, fails: false },
  { type: 'work', node: 1, count: 1, fails: false },
  { type: 'work', node: 2, count: 1, fails: false },
]

/** Schedules in which elections complete, logs part, servers die and snapshots travel. */
export const schedules = ({ lockstep = false, length = 20 }: Bias = {}): fc.Arbitrary<Schedule> =>
  fc.noBias(fc.array(story(lockstep), { maxLength: length, size: 'max' })).map((parts) => {
    const events = parts.flat()
    return lockstep ? events.filter(({ type }) => type !== 'tick') : events
  })

/** Clusters of every small size, with each option on or off. */
export const plans = ({ size }: Bias = {}): fc.Arbitrary<ClusterPlan> =>
  fc.record({
    size:
      size ??
      fc.oneof(
        { weight: 5, arbitrary: fc.constant(3) },
        { weight: 2, arbitrary: fc.constantFrom(5, 4) },
        { weight: 1, arbitrary: fc.constantFrom(2, 1) },
      ),
    preVote: fc.boolean(),
    checkQuorum: fc.boolean(),
    noopOnElection: fc.nat(3).map((draw) => draw > 0),
    snapshots: fc.nat(3).map((draw) => draw > 0),
    seed: fc.nat(1000),
  })
