import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TransferPair, shellsFor, type Shells } from '../test/core/transfer-pair.ts'
import { snapshotAt } from '../test/core/server.ts'
import { runs } from './harness/campaign.ts'

/* Transfers of many objects over networks that reorder, repeat and lose packets. */

const objects = fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 60 })

const options = fc.record({
  snapshotWindowBytes: fc.constantFrom(1, 60, 300, 100_000),
  inflightMessagesMax: fc.constantFrom(1, 5, 64),
  snapshotObjectTimeoutTicks: fc.constantFrom(1, 4),
  snapshotRetriesMax: fc.constantFrom(0, 3),
})

type Choice = readonly [kind: number, at: number]

/** What happens next, and to which of the packets under way. */
const choices = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(1_000)), { minLength: 100, maxLength: 400 })

const textsOf = (sizes: readonly number[]): readonly string[] => sizes.map((size, at) => `${at}`.padEnd(size, '.'))

/** Delivers in any order, some packets twice, while the follower's machine takes its time; until nothing is left. */
const overtake = (pair: TransferPair, picks: readonly Choice[]): void => {
  pair.tick()
  for (let at = 0; pair.wire.length + pair.unanswered.length > 0 && at < 20_000; at++) {
    const [kind, which] = picks[at % picks.length] ?? [0, 0]
    const packet = pair.wire[which % pair.wire.length]
    if (kind < 3 || packet === undefined) pair.answer()
    else {
      if (kind === 3 && at < 400) pair.wire.push(packet)
      pair.deliver(which % pair.wire.length)
    }
  }
}

describe('a transfer without loss', () => {
  it('sends each object once, whatever overtakes what, and however often a packet comes', () => {
    fc.assert(
      fc.property(objects, options, choices, fc.boolean(), (sizes, chosen, picks, isSlow) => {
        const pair = new TransferPair(shellsFor(textsOf(sizes), { isSlow }), chosen)
        overtake(pair, picks)
        expect([pair.isInstalled, pair.started, pair.ended, pair.sent]).toEqual([true, 1, 1, sizes.length])
      }),
      runs(150),
    )
  })

  it('goes on from what another cut left, sending the first object and then each once', () => {
    fc.assert(
      fc.property(cuts, options, choices, ({ records, cut, held, counted }, chosen, picks) => {
        const received = { snapshot: snapshotAt(10, 1), nextObjectId: counted, digest: 4711 }
        const pair = new TransferPair(recordShells(records, cut, held), chosen, received)
        overtake(pair, picks)
        const rest = Math.max(1, Math.ceil((records - counted) / cut))
        expect([pair.isInstalled, pair.started, pair.ended]).toEqual([true, 1, 1])
        // What its machine holds beyond what was counted makes the window useless once.
        expect(pair.sent).toBeLessThanOrEqual(1 + rest + (held > counted ? chosen.inflightMessagesMax : 0))
      }),
      runs(150),
    )
  })
})

/**
 * So many records, cut into objects of `cut`. The follower's machine holds `held` of them from a sender that cut
 * otherwise, of which the follower has counted `counted`.
 */
const cuts = fc
  .tuple(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 20 }), fc.nat(1_000), fc.nat(1_000))
  .map(([records, cut, a, b]) => {
    const held = 1 + (a % (records - 1))
    return { records, cut, held, counted: 1 + (b % held) }
  })

/** Objects are named by their first record, as the machines of this project do it. */
const recordShells = (records: number, cut: number, before: number): Shells => {
  let held = before
  return shellsFor([], {
    read: (objectId) => {
      const from = Number(objectId)
      const to = Math.min(from + cut, records)
      return { data: '.'.repeat(to - from), next: to < records ? to : null }
    },
    save: (objectId, data) => {
      if (objectId === 0) held = 0
      if (Number(objectId) > held) return { reason: 'an object before this one is missing' }
      held = Math.max(held, Number(objectId) + data.length)
      return { next: held }
    },
  })
}

describe('a transfer with loss', () => {
  it('is complete some time after the network heals, however often it was given up', () => {
    fc.assert(
      fc.property(objects, options, choices, fc.boolean(), (sizes, chosen, picks, isSlow) => {
        const pair = new TransferPair(shellsFor(textsOf(sizes), { isSlow }), chosen)
        pair.tick()
        for (const [kind, which] of picks) {
          const position = which % Math.max(pair.wire.length, 1)
          if (kind < 1) pair.tick()
          else if (kind < 3) pair.answer()
          else if (kind < 5) pair.wire.splice(position, 1)
          else pair.deliver(position)
        }
        // The longest pause, and one retry; the machine answers as often as it is asked.
        for (let at = 0; at < 20 * chosen.snapshotObjectTimeoutTicks && !pair.isInstalled; at++) {
          pair.tick()
          while (pair.wire.length + pair.unanswered.length > 0) pair.deliver().answer()
        }
        expect(pair.isInstalled).toBe(true)
      }),
      runs(150),
    )
  })
})
