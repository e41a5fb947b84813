/** Does one task at a time. */
export interface Runner<Task, Result> {
  readonly run: (task: Task) => Promise<Result>
  readonly stop: () => Promise<unknown>
}

export interface PoolOptions<Task, Result> {
  /** How many runners work at once. */
  readonly jobs: number
  readonly hire: () => Runner<Task, Result>
  /** Ends the work at once; what is not handed out by then is lost. */
  readonly signal: AbortSignal
}

/** How far the fastest runner may be ahead of the slowest, in tasks of each: results wait in memory meanwhile. */
const AHEAD = 8

/**
 * Has tasks done by several runners, and hands out the results in the order of the tasks. A task is taken from `tasks`
 * only when a runner begins it. A failure is thrown when its turn has come, so that it too is the same whatever the
 * number of jobs. Whoever stops listening stops the runners.
 */
export async function* inOrder<Task, Result>(
  tasks: Iterable<Task>,
  options: PoolOptions<Task, Result>,
): AsyncGenerator<Result> {
  const pool = new Pool(tasks, options)
  try {
    for (;;) {
      const settled = await pool.next()
      if (settled === null) return
      if ('error' in settled) throw settled.error
      yield settled.result
    }
  } finally {
    await pool.stop()
  }
}

type Settled<Result> = { readonly result: Result } | { readonly error: unknown }

class Pool<Task, Result> {
  private readonly tasks: Iterator<Task>
  private readonly options: PoolOptions<Task, Result>
  private readonly hired: Runner<Task, Result>[] = []
  private readonly idle: Runner<Task, Result>[] = []
  /** Results whose turn has not come, by the number of the task. */
  private readonly settled = new Map<number, Settled<Result>>()
  private begun = 0
  private handedOut = 0
  private isExhausted = false
  private wake = (): void => undefined

  constructor(tasks: Iterable<Task>, options: PoolOptions<Task, Result>) {
    this.tasks = tasks[Symbol.iterator]()
    this.options = options
    options.signal.addEventListener('abort', () => this.wake())
  }

  /** Null after the last one, or when aborted. */
  async next(): Promise<Settled<Result> | null> {
    for (;;) {
      if (this.options.signal.aborted) return null
      this.begin()
      const settled = this.settled.get(this.handedOut)
      if (settled !== undefined) {
        this.settled.delete(this.handedOut++)
        return settled
      }
      if (this.handedOut === this.begun) return null
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  async stop(): Promise<void> {
    this.isExhausted = true
    await Promise.all(this.hired.map((runner) => runner.stop()))
  }

  private begin(): void {
    const { jobs } = this.options
    while (!this.isExhausted && this.begun - this.handedOut < jobs * AHEAD) {
      if (this.idle.length === 0 && this.hired.length === jobs) return
      const taken = this.tasks.next()
      if (taken.done === true) {
        this.isExhausted = true
        return
      }
      void this.have(this.idle.pop() ?? this.hire(), taken.value, this.begun++)
    }
  }

  private async have(runner: Runner<Task, Result>, task: Task, number: number): Promise<void> {
    try {
      this.settled.set(number, { result: await runner.run(task) })
      this.idle.push(runner)
    } catch (error) {
      // Later ones would be thrown away; this runner may be dead besides.
      this.isExhausted = true
      this.settled.set(number, { error })
    }
    this.begin()
    this.wake()
  }

  private hire(): Runner<Task, Result> {
    const runner = this.options.hire()
    this.hired.push(runner)
    return runner
  }
}
