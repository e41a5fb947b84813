import { totalmem } from 'node:os'
import { parentPort, Worker, workerData, type WorkerOptions } from 'node:worker_threads'
import { ResourceProblem, UsageProblem } from './exit.ts'
import { InputProblem } from './files.ts'
import { whileInterruptible } from './interruption.ts'
import { ProgressLine } from './progress-line.ts'

/*
 * Work that may take long has a thread of its own: the first thread stays free to hear an interruption and the clock,
 * and the work can be asked to end with what it has, instead of being killed without.
 */

/** How work stays in touch with whoever waits for it. */
export interface Watch {
  /** To be asked many times a second: whether to end now. */
  readonly shouldStop: () => boolean
  /** Says how far it is, in a line that the next one may take the place of; as often as the work likes. */
  readonly progress: (text: string) => void
  /** Says something that stays. */
  readonly note: (text: string) => void
}

export interface Ended<Result> {
  readonly result: Result
  /** Somebody did not want to wait: the result is what there was until then. */
  readonly isInterrupted: boolean
}

interface Contract {
  readonly order: unknown
  /** A number that both threads see: 0 while the work may go on. */
  readonly flag: SharedArrayBuffer
}

type Reply<Result> =
  | { readonly type: 'progress' | 'note'; readonly text: string }
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'refused'; readonly problem: 'usage' | 'input'; readonly message: string }
  | { readonly type: 'crashed'; readonly stack: string }

/** Above this a timer would ring at once; it is 24 days. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** Has the worker at `file` do what is ordered, until it is done, interrupted, or out of time. */
export const inThread = async <Result>(
  file: URL,
  order: object,
  { name, limitMs }: { readonly name: string; readonly limitMs: number | null },
): Promise<Ended<Result>> => {
  const flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const stop = (): void => void Atomics.store(new Int32Array(flag), 0, 1)
  let isInterrupted = false
  const interrupt = (): void => {
    isInterrupted = true
    stop()
  }
  const contract: Contract = { order, flag }
  const worker = new Worker(file, { workerData: contract, ...heap() })
  const timer = limitMs === null ? null : setTimeout(stop, Math.min(limitMs, TIMER_MAX_MS))
  const line = new ProgressLine(process.stderr)
  try {
    const result = await whileInterruptible(interrupt, () => resultOf<Result>(worker, name, line))
    return { result, isInterrupted }
  } finally {
    line.end()
    if (timer !== null) clearTimeout(timer)
  }
}

/** The part of the memory that work may take; Node's own limit takes no account of how much there is. */
const MEMORY_SHARE = 0.75

/** A container may have less than the machine. */
const memory = (): number => {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

const isLimited = (): boolean =>
  [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].some((text) => text.includes('--max-old-space-size'))

const heap = (): WorkerOptions =>
  isLimited() ? {} : { resourceLimits: { maxOldGenerationSizeMb: Math.floor((memory() * MEMORY_SHARE) / 2 ** 20) } }

const outOfMemory = (): Error =>
  new ResourceProblem('this takes more memory than there is; --time ends earlier, with what there is by then')

const resultOf = <Result>(worker: Worker, name: string, line: ProgressLine): Promise<Result> =>
  new Promise((resolve, reject) => {
    worker.on('message', (reply: Reply<Result>) => {
      switch (reply.type) {
        case 'progress':
          return line.show(`${name}: ${reply.text}`)
        case 'note':
          return line.print(reply.text)
        case 'done':
          return resolve(reply.result)
        case 'refused':
          return reject(new (reply.problem === 'usage' ? UsageProblem : InputProblem)(reply.message))
        case 'crashed':
          return reject(crash(reply.stack))
      }
    })
    worker.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory() : crash(error.stack ?? error.message)),
    )
    worker.on('exit', (code) => reject(crash(`its thread ended with ${code}`)))
  })

/** Where it happened matters, and not where it was told of. */
const crash = (stack: string): Error => Object.assign(new Error('this is a bug'), { stack })

/** Between two of them nobody sees a difference. */
const PROGRESS_INTERVAL_MS = 100

/** The worker's side: does the one thing that this thread was made for, with the order that it was made for. */
export const serve = (work: (order: never, watch: Watch) => object): void => {
  const { order, flag } = workerData as Contract
  const shared = new Int32Array(flag)
  const tell = (reply: Reply<object>): void => parentPort?.postMessage(reply)
  let told = -Infinity
  tell(
    outcomeOf(() =>
      work(order as never, {
        shouldStop: () => Atomics.load(shared, 0) !== 0,
        progress: (text) => {
          if (performance.now() - told < PROGRESS_INTERVAL_MS) return
          told = performance.now()
          tell({ type: 'progress', text })
        },
        note: (text) => tell({ type: 'note', text }),
      }),
    ),
  )
}

const outcomeOf = (run: () => object): Reply<object> => {
  try {
    return { type: 'done', result: run() }
  } catch (error) {
    if (error instanceof UsageProblem) return { type: 'refused', problem: 'usage', message: error.message }
    if (error instanceof InputProblem) return { type: 'refused', problem: 'input', message: error.message }
    return { type: 'crashed', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
