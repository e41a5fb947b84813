import { Worker } from 'node:worker_threads'
import { UsageProblem } from '../exit.ts'
import type { Job, Outcome, Reply } from './job.ts'
import { rerunOf } from './plan.ts'
import type { Runner } from './pool.ts'

/** A run ended with neither a report nor a finding: a bug here. */
export class RunCrash extends Error {
  override readonly name = 'RunCrash'
  constructor({ options }: Job, stack: string) {
    super(`${rerunOf(options)} fails: this is a bug, not a finding`)
    // Where it happened matters, and not where it was told of.
    this.stack = `${this.message}\n${stack}`
  }
}

/** A worker thread that makes one run at a time. */
export const hireWorker = (): Runner<Job, Outcome> => {
  const worker = new Worker(new URL('./worker.js', import.meta.url))
  return { run: (job) => runIn(worker, job), stop: () => worker.terminate() }
}

const runIn = (worker: Worker, job: Job): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      then()
    }
    const onMessage = (reply: Reply): void =>
      settle(() => {
        if (reply.type === 'done') resolve(reply.outcome)
        else reject(reply.type === 'refused' ? new UsageProblem(reply.reason) : new RunCrash(job, reply.stack))
      })
    const onError = (error: Error): void => settle(() => reject(new RunCrash(job, error.stack ?? error.message)))
    const onExit = (code: number): void => settle(() => reject(new RunCrash(job, `its thread ended with ${code}`)))
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    worker.postMessage(job)
  })
