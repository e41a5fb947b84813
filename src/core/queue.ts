import { withItem } from './log/copy.ts'

/**
 * What waits, first in, first out. Persistent and plain data: every operation returns a new queue and leaves the old
 * one valid, arrays are shared and never changed. Adding or dropping an item copies at most 127 others, and the list of
 * chunks when one is full or used up: one pointer for every 16,384 items that wait.
 */
export interface Queue<T> {
  /** The oldest items, at most a chunk of them; empty only where the queue is. */
  readonly front: readonly T[]
  /** Full chunks. */
  readonly middle: readonly (readonly T[])[]
  /** The newest items, fewer than a chunk. */
  readonly back: readonly T[]
}

const CHUNK = 128

export const EMPTY_QUEUE: Queue<never> = { front: [], middle: [], back: [] }

export const sizeOf = ({ front, middle, back }: Queue<unknown>): number =>
  front.length + middle.length * CHUNK + back.length

/** The item at a place, the oldest at 0; undefined behind the last. O(1). */
export const itemAt = <T>({ front, middle, back }: Queue<T>, at: number): T | undefined => {
  if (at < front.length) return front[at]
  const behind = at - front.length
  const chunk = Math.floor(behind / CHUNK)
  return (chunk < middle.length ? middle[chunk] : back)?.[behind - Math.min(chunk, middle.length) * CHUNK]
}

export const newestOf = <T>(queue: Queue<T>): T | undefined => itemAt(queue, sizeOf(queue) - 1)

/** All items, oldest first. O(n). */
export const itemsOf = <T>({ front, middle, back }: Queue<T>): readonly T[] => [...front, ...middle.flat(), ...back]

export const mapItems = <T, U>({ front, middle, back }: Queue<T>, change: (item: T) => U): Queue<U> => ({
  front: front.map(change),
  middle: middle.map((chunk) => chunk.map(change)),
  back: back.map(change),
})

/** With one more item, the newest. */
export const enqueue = <T>({ front, middle, back }: Queue<T>, item: T): Queue<T> => {
  if (front.length === 0) return { front: [item], middle, back }
  if (middle.length === 0 && back.length === 0 && front.length < CHUNK)
    return { front: withItem(front, item), middle, back }
  const last = withItem(back, item)
  return last.length < CHUNK ? { front, middle, back: last } : { front, middle: withItem(middle, last), back: [] }
}

/** Without the `count` oldest items. */
export const dropOldest = <T>(queue: Queue<T>, count: number): Queue<T> => {
  const { front, middle, back } = queue
  if (count === 0) return queue
  if (count < front.length) return { front: front.slice(count), middle, back }
  const behind = count - front.length
  const chunk = Math.floor(behind / CHUNK)
  const next = middle[chunk]
  if (next === undefined) return { front: back.slice(behind - middle.length * CHUNK), middle: [], back: [] }
  return { front: next.slice(behind - chunk * CHUNK), middle: middle.slice(chunk + 1), back }
}

/** With another item in place of the oldest. */
export const replaceOldest = <T>({ front, middle, back }: Queue<T>, item: T): Queue<T> => ({
  front: front.with(0, item),
  middle,
  back,
})
