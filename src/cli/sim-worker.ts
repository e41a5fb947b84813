import { parentPort } from 'node:worker_threads'
import { UsageError } from '../core/assert.ts'
import { investigate } from '../sim/investigate.ts'
import { simulateKv } from '../sim/simulate-kv.ts'
import type { SimulationReport } from '../sim/simulation.ts'
import type { Job, Outcome, Reply } from './sim-job.ts'

/* The file that worker threads run: one job after another, until the thread is ended from outside. */

const perform = ({ options, record, shrink }: Job): Outcome => {
  const lines: string[] = []
  const recording = { ...options, onLine: (line: string): void => void lines.push(line) }
  const start = performance.now()
  const report = simulateKv(record ? recording : options)
  const seconds = (performance.now() - start) / 1_000
  if (report.finding === null) return { report, seconds, trace: record ? lines : null, shrunk: null }
  if (shrink) {
    const found = investigate(options)
    checkSame(report, found.report)
    return { report, seconds, trace: found.lines, shrunk: found.shrunk }
  }
  if (!record) checkSame(report, simulateKv(recording))
  return { report, seconds, trace: lines, shrunk: null }
}

/** A finding is worth as much as it can be repeated. */
const checkSame = (first: SimulationReport, again: SimulationReport): void => {
  if (first.digest === again.digest && first.finding?.claim === again.finding?.claim) return
  throw new Error(`the same run ends differently when it is recorded: ${JSON.stringify({ first, again })}`)
}

const replyTo = (job: Job): Reply => {
  try {
    return { type: 'done', outcome: perform(job) }
  } catch (error) {
    if (error instanceof UsageError) return { type: 'refused', reason: error.message }
    return { type: 'crashed', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(replyTo(job)))
