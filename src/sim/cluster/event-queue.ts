/** What is to happen, by virtual time; of one time, in the order of `push`. A binary heap. */
export class EventQueue<E> {
  private readonly heap: Slot<E>[] = []
  private sequence = 0

  get size(): number {
    return this.heap.length
  }

  /** When the next event is due; Infinity when there is none. */
  get nextTime(): number {
    return this.heap[0]?.time ?? Infinity
  }

  push(time: number, event: E): void {
    const slot: Slot<E> = { time, sequence: this.sequence++, event }
    const { heap } = this
    let at = heap.length
    heap.push(slot)
    while (at > 0) {
      const above = (at - 1) >>> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(slot, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = slot
  }

  /** Takes out the next event; undefined when there is none. */
  pop(): E | undefined {
    const { heap } = this
    const [first] = heap
    const last = heap.pop()
    if (first !== undefined && last !== undefined && heap.length > 0) this.sink(last)
    return first?.event
  }

  /** Puts a slot in place of the first, and moves it down to where it belongs. */
  private sink(slot: Slot<E>): void {
    const { heap } = this
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      const other = heap[below + 1]
      if (child !== undefined && other !== undefined && isBefore(other, child)) {
        child = other
        below++
      }
      if (child === undefined || !isBefore(child, slot)) break
      heap[at] = child
      at = below
    }
    heap[at] = slot
  }
}

interface Slot<E> {
  readonly time: number
  readonly sequence: number
  readonly event: E
}

const isBefore = <E>(a: Slot<E>, b: Slot<E>): boolean =>
  a.time < b.time || (a.time === b.time && a.sequence < b.sequence)
