import { refusalOf, type RequestError } from '../envelope.ts'

/** How a request ended. */
export type Ending<T> = { readonly value: T } | { readonly error: RequestError }

/**
 * An answer that waits for a commit, which only later lines may bring: they are handled meanwhile. Callbacks run at the
 * moment it is known, in the order of their registration, so that they see the state that belongs to it. It is no promise:
 * an async handler that returns one must not wait for it.
 */
export class Later<T> {
  private ending: Ending<T> | null = null
  private callbacks: ((ending: Ending<T>) => void)[] = []

  static of<T>(value: T): Later<T> {
    const later = new Later<T>()
    later.settle({ value })
    return later
  }

  get isOpen(): boolean {
    return this.ending === null
  }

  /** The first ending stands. */
  settle(ending: Ending<T>): void {
    if (this.ending !== null) return
    this.ending = ending
    const { callbacks } = this
    this.callbacks = []
    for (const callback of callbacks) callback(ending)
  }

  whenSettled(callback: (ending: Ending<T>) => void): void {
    if (this.ending === null) this.callbacks.push(callback)
    else callback(this.ending)
  }

  /** What `make` says of the value. A refusal that it throws is the ending. */
  map<U>(make: (value: T) => U): Later<U> {
    return this.andThen((value) => Later.of(make(value)))
  }

  /** What `begin` starts when the value is known. */
  andThen<U>(begin: (value: T) => Later<U>): Later<U> {
    const later = new Later<U>()
    this.whenSettled((ending) => {
      if ('error' in ending) later.settle(ending)
      else begun(() => begin(ending.value)).whenSettled((end) => later.settle(end))
    })
    return later
  }
}

/** Settled when the other is, however it ends. */
export const ended = <T>(other: Later<T>): Later<null> => {
  const later = new Later<null>()
  other.whenSettled(() => later.settle({ value: null }))
  return later
}

const begun = <U>(begin: () => Later<U>): Later<U> => {
  try {
    return begin()
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    const later = new Later<U>()
    later.settle({ error: refusal })
    return later
  }
}
