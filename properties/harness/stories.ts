import fc from 'fast-check'
import { FORMER_LEADER, THE_LEADER, type Schedule, type ScheduleEvent } from './schedule.ts'

const node = fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 2, arbitrary: fc.constant(THE_LEADER) })
const count = fc.integer({ min: 1, max: 4 })
const ticks = fc.integer({ min: 6, max: 14 })
const fewTicks = fc.integer({ min: 1, max: 3 })
const follower = fc.nat(4)

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

/** An election at once, with everything it brings about. */
const elect = (node: number): Schedule => [
  { type: 'campaign', node },
  { type: 'calm', ticks: 0 },
]

const SNAPSHOT_EACH: Schedule = [0, 1, 2].map((node) => ({ type: 'snapshot', node }))

/** What happens to clusters, as a network, disks and impatient people have it. */
const BASIC: readonly fc.Arbitrary<Schedule>[] = [
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
]

/** Old votes arrive in an election of the next term, while somebody else has won it. */
const oldVotes = fc
  .tuple(follower, fc.array(fc.nat(39), { minLength: 4, maxLength: 8 }))
  .map(([first, replayed]): Schedule => [
    { type: 'partition', mask: 0 },
    ...elect(first),
    { type: 'isolate', node: first },
    ...elect(first + 1),
    ...forget(first),
    { type: 'partition', mask: 0 },
    { type: 'campaign', node: first },
    { type: 'save', node: first, count: 4, silent: false },
    ...replayed.map((at): ScheduleEvent => ({ type: 'replay', at })),
    { type: 'calm', ticks: 1 },
  ])

/** Figure 8 of the paper: an old entry is on a majority, and may be overwritten all the same. */
const figure8 = follower.map((a): Schedule => {
  const b = a + 1
  const c = a + 2
  return [
    { type: 'partition', mask: 0 },
    ...elect(a),
    { type: 'isolate', node: a },
    { type: 'propose', node: a, count: 4 },
    { type: 'save', node: a, count: 4, silent: false },
    ...forget(c),
    ...elect(b),
    { type: 'isolate', node: b },
    { type: 'propose', node: b, count: 1 },
    { type: 'save', node: b, count: 1, silent: false },
    ...forget(a),
    ...forget(c),
    ...elect(a),
    ...elect(a),
    { type: 'isolate', node: a },
    ...forget(b),
    ...forget(c),
    ...elect(b),
    ...elect(b),
    { type: 'partition', mask: 0 },
  ]
})

/** A follower falls behind its leader so far that only a snapshot helps. */
const fallBehind = (node: number): Schedule => [
  { type: 'calm', ticks: 8 },
  { type: 'isolate', node },
  { type: 'calm', ticks: 1 },
  { type: 'propose', node: THE_LEADER, count: 4 },
  { type: 'calm', ticks: 1 },
  { type: 'propose', node: THE_LEADER, count: 4 },
  { type: 'calm', ticks: 1 },
  { type: 'snapshot', node: THE_LEADER },
]

/** A leader loses office and regains it while its shell is still reading an object of a snapshot. */
const slowReader = fc
  .tuple(follower, count)
  .map(([node, entries]): Schedule => [
    ...fallBehind(node),
    { type: 'stall', stalled: true },
    { type: 'partition', mask: 0 },
    { type: 'calm', ticks: 3 },
    { type: 'isolate', node: THE_LEADER },
    { type: 'calm', ticks: 16 },
    { type: 'partition', mask: 0 },
    { type: 'calm', ticks: 3 },
    { type: 'propose', node: THE_LEADER, count: entries },
    { type: 'calm', ticks: 2 },
    ...SNAPSHOT_EACH,
    { type: 'isolate', node: THE_LEADER },
    { type: 'calm', ticks: 16 },
    { type: 'stall', stalled: false },
    { type: 'calm', ticks: 3 },
    { type: 'partition', mask: 0 },
  ])

/** A transfer breaks off half-way, and the next one is of a newer snapshot. */
const newerSnapshot = fc
  .tuple(follower, count, fc.nat(6), fc.boolean())
  .map(([node, entries, steps, crashes]): Schedule => [
    ...fallBehind(node),
    { type: 'stall', stalled: true },
    { type: 'partition', mask: 0 },
    { type: 'calm', ticks: 2 },
    ...Array.from({ length: steps }, (): Schedule => [
      { type: 'read object', node: THE_LEADER, at: 0, fails: false },
      { type: 'calm', ticks: 0 },
    ]).flat(),
    ...(crashes ? forget(node) : []),
    { type: 'propose', node: THE_LEADER, count: entries },
    { type: 'calm', ticks: 1 },
    ...SNAPSHOT_EACH,
    { type: 'read object', node: THE_LEADER, at: 0, fails: true },
    { type: 'calm', ticks: 2 },
    { type: 'stall', stalled: false },
    { type: 'calm', ticks: 3 },
  ])

/** All objects of a transfer arrive once more, in order, long after the snapshot was put in force. */
const lateObjects = fc.tuple(follower, fc.integer({ min: 15, max: 39 })).map(([node, at]): Schedule => [
  ...fallBehind(node),
  { type: 'partition', mask: 0 },
  { type: 'calm', ticks: 2 },
  // Each arrival moves the past by one place: the same place holds the next message then.
  ...Array.from({ length: 25 }, (): Schedule => [
    { type: 'replay', at },
    { type: 'work', node, count: 1, fails: false },
  ]).flat(),
])

/** Parts of schedules that chance alone tells too rarely. */
export const STORIES: readonly fc.Arbitrary<Schedule>[] = [
  ...BASIC,
  oldVotes,
  figure8,
  slowReader,
  newerSnapshot,
  lateObjects,
]
