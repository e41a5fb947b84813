import { EventQueue } from '../../src/sim/cluster/event-queue.ts'

/** What a script waits for: so many milliseconds, or the end of another script. */
export type Wait = number | Task

/** A thread of a test, in virtual time: it yields what it waits for, and calls its helpers by `yield*`. */
export type Script<T = void> = Generator<Wait, T, void>

/** A script under way. */
export class Task {
  isDone = false
  readonly waiting: (() => void)[] = []
}

/** A test of the lab has failed: the message says what was observed. */
export class LabFailure extends Error {
  override readonly name = 'LabFailure'
}

/** Events of one instant after which time is taken to stand still. */
const INSTANT_EVENTS_MAX = 1_000_000

/** Milliseconds that pass only because nothing is left to do in the instant. Single-threaded and deterministic. */
export class VirtualTime {
  private readonly events = new EventQueue<() => void>()
  private milliseconds = 0
  private eventsOfInstant = 0

  get now(): number {
    return this.milliseconds
  }

  /** Acts after a delay; after no delay, at the end of this instant as it looks now. */
  after(milliseconds: number, action: () => void): void {
    this.events.push(this.milliseconds + milliseconds, action)
  }

  /** Starts a script beside those that run; what it throws ends the whole run. */
  spawn(script: Script): Task {
    const task = new Task()
    const resume = (): void => {
      const { done, value } = script.next()
      if (done === true) {
        task.isDone = true
        for (const wake of task.waiting.splice(0)) this.after(0, wake)
      } else if (typeof value === 'number') this.after(value, resume)
      else if (value.isDone) this.after(0, resume)
      else value.waiting.push(resume)
    }
    this.after(0, resume)
    return task
  }

  /** Lets time pass until the script has ended. @throws LabFailure when it has not by `limit`, and what it throws. */
  run(script: Script, limit: number): void {
    const task = this.spawn(script)
    while (!task.isDone) {
      const { nextTime } = this.events
      if (nextTime > limit) throw new LabFailure(`the test is not over after ${limit} ms`)
      this.eventsOfInstant = nextTime > this.milliseconds ? 0 : this.eventsOfInstant + 1
      if (this.eventsOfInstant > INSTANT_EVENTS_MAX) throw new LabFailure('time stands still')
      this.milliseconds = nextTime
      this.events.pop()?.()
    }
  }
}
