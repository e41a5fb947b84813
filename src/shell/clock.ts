/** Time as a shell knows it. What it drives counts in ticks; nothing compares the readings of two clocks. */
export interface Clock {
  /** Calls back every `milliseconds`, first after that long, until the function it returns is called. */
  every(milliseconds: number, callback: () => void): () => void
  /** Milliseconds since some moment; never falls. */
  now(): number
}

/** The time of this computer. A late callback is not made up for: after a pause a node hears one tick, not hundreds. */
export const realClock: Clock = {
  every(milliseconds, callback) {
    const timer = setInterval(callback, milliseconds)
    return () => {
      clearInterval(timer)
    }
  },
  now: () => performance.now(),
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
        timer.due += timer.every
        timer.callback()
      }
    }
  }
}
