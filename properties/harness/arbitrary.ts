import fc from 'fast-check'
import { FORMER_LEADER, THE_LEADER, type ClusterPlan, type Schedule, type ScheduleEvent } from './schedule.ts'
import { STORIES } from './stories.ts'

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

/** Several events in a row: stories that chance alone tells too rarely. */
const part = (lockstep: boolean): fc.Arbitrary<Schedule> =>
  fc.oneof(...STORIES.map((arbitrary) => ({ weight: 2, arbitrary })), {
    weight: 3,
    arbitrary: fc.array(anyEvent(lockstep), { minLength: 1, maxLength: 12, size: 'max' }),
  })

/** Schedules in which elections complete, logs part, servers die and snapshots travel. */
export const schedules = ({ lockstep = false, length = 20 }: Bias = {}): fc.Arbitrary<Schedule> =>
  fc.noBias(fc.array(part(lockstep), { maxLength: length, size: 'max' })).map((parts) => {
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
