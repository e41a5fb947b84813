/** Time as a shell knows it. What it drives counts in ticks; nothing compares the readings of two clocks. */
export interface Clock {
  /** Calls back every `milliseconds`, first after that long, until the function it returns is called. */
  every(milliseconds: number, callback: () => void): () => void
  /** Milliseconds since some moment; never falls. */
  now(): number
}

/**
 * The time of this computer. Its timer does not make up for a late callback: {@link Ticks} counts what that leaves out.
 * While a computer sleeps, `now` may stand still (CLOCK_MONOTONIC of Linux does): let none of them sleep where reads
 * are served by leases.
 */
export const realClock: Clock = {
  every(milliseconds, callback) {
    const timer = setInterval(callback, milliseconds)
    return () => {
      clearInterval(timer)
    }
  },
  now: () => performance.now(),
}

/** Tells a node how much time has passed. */
export interface TickSource {
  /** Ticks that have come due since the last call. */
  due(): number
}

export const NO_TICKS: TickSource = { due: () => 0 }

/**
 * The ticks of a clock, from now on. None is lost to a timer that fires late, to a process that was stopped, or to a
 * step that took long: a leader whose lease has run out by the clock must not serve reads because it has counted less.
 */
export class Ticks implements TickSource {
  private readonly clock: Clock
  private readonly milliseconds: number
  private readonly owedMax: number
  /** When the last tick that was counted came due. */
  private counted: number

  /**
   * @param owedMax Ticks that one call gives at most; further ones are dropped. From twice the election timeout on
   * that is safe: every lease, and every election timeout, has run out by then, and a process that was stopped for an
   * hour need not run through all the elections of that hour.
   */
  constructor(clock: Clock, milliseconds: number, owedMax: number) {
    this.clock = clock
    this.milliseconds = milliseconds
    this.owedMax = owedMax
    this.counted = clock.now()
  }

  due(): number {
    const ticks = Math.floor((this.clock.now() - this.counted) / this.milliseconds)
    if (ticks <= 0) return 0
    this.counted += ticks * this.milliseconds
    return Math.min(ticks, this.owedMax)
  }
}

/** Time that passes when told to: for tests and simulations. */
export class ManualClock implements Clock {
  private time = 0
  private readonly timers = new Set<{ readonly every: number; due: number; readonly callback: () => void }>()

  every(milliseconds: number, callback: () => void): () => void {
    const timer = { every: milliseconds, due: this.time + milliseconds, callback }
    this.timers.add(timer)
    return () => {
      this.timers.delete(timer)
    }
  }

  now(): number {
    return this.time
  }

  /** Lets time pass, one millisecond after the other; timers that are due together call back in the order of creation. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds
    while (this.time < end) {
      this.time = Math.min(this.time + 1, end)
      for (const timer of [...this.timers]) {
        if (!this.timers.has(timer) || timer.due > this.time) continue
        // Like setInterval, which counts from a late callback.
        timer.due = this.time + timer.every
        timer.callback()
      }
    }
  }

  /** Lets time pass in which nothing runs, as when the process is stopped: timers call back late, and once. */
  pause(milliseconds: number): void {
    this.time += milliseconds
  }
}
