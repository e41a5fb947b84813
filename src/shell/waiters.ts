import type { NodeCallback } from './storage/disk-queue.ts'

/** Callbacks whose time has come, and those for when nothing is left to do. Each is called once, in order. */
export class Waiters {
  private readonly failed: (error: unknown) => void
  private ready: NodeCallback[] = []
  private idle: NodeCallback[] = []
  private isCalling = false

  /** @param failed what one of them throws */
  constructor(failed: (error: unknown) => void) {
    this.failed = failed
  }

  addReady(callbacks: readonly NodeCallback[]): void {
    this.ready.push(...callbacks)
  }

  addIdle(callback: NodeCallback): void {
    this.idle.push(callback)
  }

  callReady(): void {
    if (this.isCalling) return
    this.isCalling = true
    for (let next = this.ready.shift(); next !== undefined; next = this.ready.shift()) this.call(next)
    this.isCalling = false
  }

  /** Those that are there by now: one that comes from within another waits for the next time. */
  callIdle(): void {
    for (let left = this.idle.length; left > 0; left--) {
      const next = this.idle.shift()
      if (next !== undefined) this.call(next)
    }
  }

  /** Forgets those whose time had come, and returns them. */
  takeReady(): readonly NodeCallback[] {
    return this.ready.splice(0)
  }

  takeIdle(): readonly NodeCallback[] {
    return this.idle.splice(0)
  }

  private call(callback: NodeCallback): void {
    try {
      callback(null)
    } catch (error) {
      this.failed(error)
    }
  }
}
