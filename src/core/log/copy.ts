/**
 * Ways to copy arrays that nobody may change. They mean nothing more than slices, spreads and concatenations; which
 * of these is cheap depends on the engine, and the reasons given are measurements on Node 20.
 */

/** Items in one call that spreads them: far below the hundred thousand arguments that exhaust V8's stack. */
const ARGUMENTS_MAX = 1024

/** A copy with one more item, of exactly that size: spreading and pushing would copy twice and leave spare room. */
export const withItem = <T>(items: readonly T[], item: T): readonly T[] => items.toSpliced(items.length, 0, item)

export const takeFront = <T>(items: readonly T[], count: number): readonly T[] =>
  count >= items.length ? items : items.slice(0, count)

export const dropFront = <T>(items: readonly T[], count: number): readonly T[] =>
  count <= 0 ? items : items.slice(count)

/** All items of all parts; the part itself where there is but one. */
export const joined = <T>(parts: readonly (readonly T[])[]): readonly T[] => {
  const [first] = parts
  if (first === undefined || parts.length === 1) return first ?? []
  if (parts.length <= ARGUMENTS_MAX) return first.concat(...parts.slice(1))
  const middle = Math.ceil(parts.length / 2)
  return joined(parts.slice(0, middle)).concat(joined(parts.slice(middle)))
}

export interface Filled<T> {
  readonly finished: readonly (readonly T[])[]
  readonly rest: readonly T[]
}

/**
 * Cuts items into runs of `size`. The first run completes `unfinished`, which has room for `room` more items; what
 * does not fill a run is the rest.
 */
export const fill = <T>(unfinished: readonly T[], added: readonly T[], room: number, size: number): Filled<T> => {
  if (added.length === 0) return { finished: [], rest: unfinished }
  // V8 slices a frozen array a hundred times slower than it spreads it.
  const items = Object.isFrozen(added) ? [...added] : added
  if (items.length < room) return { finished: [], rest: unfinished.concat(items) }
  const finished = [unfinished.concat(items.slice(0, room))]
  let at = room
  for (; at + size <= items.length; at += size) finished.push(items.slice(at, at + size))
  return { finished, rest: items.slice(at) }
}
