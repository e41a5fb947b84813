import { describe, expect, it } from 'vitest'
import { TransferPair, shellsFor, type Shells } from './transfer-pair.ts'
import { snapshotAt } from './server.ts'

/* How much a transfer costs: when messages overtake each other, and when it cannot succeed. */

const texts = (count: number, length: (at: number) => number): readonly string[] =>
  Array.from({ length: count }, (_, at) => '.'.repeat(length(at)))

describe('a transfer of many objects', () => {
  it('sends each of 160 objects of 30 characters once, where each message overtakes another', () => {
    const pair = new TransferPair(shellsFor(texts(160, () => 30))).tick()
    for (let at = 0; pair.wire.length > 0 && pair.sent < 10_000; at++)
      pair.deliver(Math.min(at % 2 === 0 ? 1 : 0, pair.wire.length - 1))
    expect([pair.isInstalled, pair.sent]).toEqual([true, 160])
  })

  it('waits for no time-out where small objects and such as are larger than the window follow each other', () => {
    const objects = texts(20, (at) => (at % 2 === 0 ? 10 : 1_200))
    for (const snapshotWindowBytes of [1_000, 1_200, 1_210]) {
      const pair = new TransferPair(shellsFor(objects, { isSlow: true }), { snapshotWindowBytes }).tick()
      while (pair.wire.length + pair.unanswered.length > 0) pair.settle().answer()
      expect([pair.isInstalled, pair.sent]).toEqual([true, 20])
    }
  })

  it('sends what was lost again, and nothing else', () => {
    const pair = new TransferPair(shellsFor(texts(12, () => 30))).tick()
    while (pair.sent < 12) pair.deliver()
    const lost = pair.wire.filter(({ rpc }) => rpc.type === 'InstallSnapshot' && [4, 5, 9].includes(rpc.position))
    for (const packet of lost) pair.wire.splice(pair.wire.indexOf(packet), 1)
    pair.settle().tick(20).settle()
    expect([lost.length, pair.isInstalled, pair.sent]).toEqual([3, true, 15])
  })

  it('waits for no time-out where what was sent before the receiver chose another object still arrives', () => {
    const records = 50
    let held = 5
    // The receiver's machine holds more than was counted: after object 1 it wants object 5, whatever was sent meanwhile.
    const shells = shellsFor([], {
      read: (objectId) => ({ data: '.', next: Number(objectId) + 1 < records ? Number(objectId) + 1 : null }),
      save: (objectId) => ({ next: (held = Math.max(held, Number(objectId) + 1)) }),
    })
    const received = { snapshot: snapshotAt(10, 1), nextObjectId: 1, digest: 4711 }
    const pair = new TransferPair(shells, { snapshotWindowBytes: 60 }, received).tick()
    while (pair.sent < 3) pair.deliver()
    pair.deliver(pair.wire.findIndex(({ rpc }) => rpc.type === 'InstallSnapshot' && rpc.objectId === 1))
    const before = pair.wire.length - 1
    pair.deliver(before)
    for (let old = 0; old < before; old++) pair.deliver()
    const later = pair.wire.filter(({ rpc }) => rpc.type === 'InstallSnapshot')
    // What is new comes in reverse order, and has to be kept until its turn.
    for (const packet of later.toReversed()) pair.deliver(pair.wire.indexOf(packet))
    pair.settle()
    expect([pair.isInstalled, pair.started]).toEqual([true, 1])
  })
})

describe('a transfer that cannot succeed', () => {
  const OBJECTS = texts(3, () => 30)
  const failing = (changes: Partial<Shells>): TransferPair =>
    new TransferPair(shellsFor(OBJECTS, changes), { snapshotInstallTimeoutTicks: 200 })

  /** A receiver is followed to six other places, each time with all three objects. */
  const SENDS_AT_ONCE_MAX = 21

  /** After pauses of 20, 40, 80 … ticks the longest one, 320, leaves room for three or four transfers. */
  const SENDS_LATER_MAX = 4 * SENDS_AT_ONCE_MAX

  it.each<readonly [string, Partial<Shells>]>([
    [
      'its last object is rejected',
      { save: (at, _, isLast) => (isLast ? { reason: 'no' } : { next: Number(at) + 1 }) },
    ],
    ['its first object is rejected', { save: () => ({ reason: 'no' }) }],
    ['an object is never kept', { save: () => null }],
    ['an object is never read', { read: () => null }],
    ['an object cannot be read', { read: () => 'gone' }],
    ['it is never put in force', { installs: false }],
    ['its receiver always wants the first object', { save: () => ({ next: 0 }) }],
    ['its receiver wants objects that do not exist', { save: (at) => ({ next: Number(at) + 5 }) }],
  ])('is given up, sends little, and pins the log only for a time: %s', (_, changes) => {
    const pair = failing(changes)
    pair.tick().settle(100)
    expect(pair.sent).toBeLessThanOrEqual(SENDS_AT_ONCE_MAX)
    pair.live(1_000)
    expect([pair.isInstalled, pair.ended > 0]).toEqual([false, true])
    const { sent } = pair
    pair.live(1_000)
    expect(pair.sent - sent).toBeLessThanOrEqual(SENDS_LATER_MAX)
  })

  it('is given up where one object at a time is sent, and each calls for another', () => {
    const shells = shellsFor(OBJECTS, { save: () => ({ next: 0 }) })
    const pair = new TransferPair(shells, { inflightMessagesMax: 1 }).tick().settle(100).live(1)
    expect([pair.ended, pair.sent]).toEqual([1, 7])
  })

  it('starts over where the leader cannot read the object that its receiver wants', () => {
    const received = { snapshot: snapshotAt(10, 1), nextObjectId: 7, digest: 12_345 }
    const pair = new TransferPair(shellsFor(OBJECTS), {}, received).live(60)
    expect([pair.isInstalled, pair.started, pair.sent]).toEqual([true, 2, 4])
  })

  it('succeeds once what was in its way is gone', () => {
    let isBroken = true
    const save: Shells['save'] = (at) => (isBroken ? { reason: 'disk full' } : { next: Number(at) + 1 })
    const pair = failing({ save }).live(2_000)
    isBroken = false
    expect(pair.live(450).isInstalled).toBe(true)
  })
})
