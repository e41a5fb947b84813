import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  EMPTY_QUEUE,
  dropOldest,
  enqueue,
  itemAt,
  itemsOf,
  mapItems,
  newestOf,
  replaceOldest,
  sizeOf,
  type Queue,
} from '../../src/core/queue.ts'
import { copiesBetween } from '../support/copies.ts'

const queueOf = (count: number): Queue<number> => {
  let queue: Queue<number> = EMPTY_QUEUE
  for (let item = 0; item < count; item++) queue = enqueue(queue, item)
  return queue
}

const operations = fc.array(
  fc.oneof(
    fc.record({ add: fc.nat(400) }),
    fc.record({ drop: fc.nat(400) }),
    fc.record({ drop: fc.constantFrom(1, 127, 128, 129, 256) }),
  ),
)

describe('a queue', () => {
  it('is a list that grows at its end and shrinks at its beginning', () => {
    fc.assert(
      fc.property(operations, (all) => {
        let queue: Queue<number> = EMPTY_QUEUE
        let list: number[] = []
        let next = 0
        for (const operation of all) {
          if ('add' in operation)
            for (let left = operation.add; left > 0; left--) {
              queue = enqueue(queue, next)
              list.push(next++)
            }
          else {
            const count = Math.min(operation.drop, list.length)
            queue = dropOldest(queue, count)
            list = list.slice(count)
          }
          expect([itemsOf(queue), sizeOf(queue), newestOf(queue)]).toEqual([list, list.length, list.at(-1)])
          expect(Array.from(list, (_, at) => itemAt(queue, at))).toEqual(list)
          expect(queue.front.length > 0 || list.length === 0).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('has nothing behind its newest item', () => {
    expect([0, 1, 128, 129, 256, 384, 400].map((count) => itemAt(queueOf(count), count))).toEqual(Array(7))
  })

  it('leaves earlier versions as they were', () => {
    const before = queueOf(300)
    const copy = structuredClone(before)
    enqueue(before, 300)
    dropOldest(before, 200)
    replaceOldest(before, -1)
    expect(before).toEqual(copy)
  })

  it('changes its items one by one', () => {
    expect(itemsOf(mapItems(queueOf(300), (item) => 2 * item))).toEqual(itemsOf(queueOf(300)).map((item) => 2 * item))
  })

  it('replaces its oldest item', () => {
    expect(itemsOf(replaceOldest(queueOf(300), -1))).toEqual([-1, ...itemsOf(queueOf(300)).slice(1)])
  })

  it.each([300, 2_000, 32_000])('copies as little with %i items as with a few', (count) => {
    let queue = queueOf(count)
    let copied = 0
    for (let turn = 0; turn < 1_000; turn++) {
      const next = dropOldest(enqueue(queue, turn), 1)
      copied += copiesBetween(queue, next)
      queue = next
    }
    expect(copied / 1_000).toBeLessThan(150)
  })
})
