import { parentPort } from 'node:worker_threads'
import { UsageError } from '../../core/assert.ts'
import { investigate } from '../../sim/investigate.ts'
import { simulate } from '../../sim/simulate.ts'
import type { SimulationReport } from '../../sim/simulation.ts'
import { NoService, loadService } from '../service-file.ts'
import type { Job, Outcome, Reply } from './job.ts'

/* The file that worker threads run: one job after another, until the thread is ended from outside. */

const perform = async ({ options, record, shrink }: Job): Promise<Outcome> => {
  const service = await loadService(options.service)
  const lines: string[] = []
  const recording = { ...options, onLine: (line: string): void => void lines.push(line) }
  const start = performance.now()
  const report = simulate(service, record ? recording : options)
  const seconds = (performance.now() - start) / 1_000
  if (report.finding === null) return { report, seconds, trace: record ? lines : null, shrunk: null }
  if (shrink) {
    const found = investigate(options, service)
    checkSame(options, report, found.report)
    return { report, seconds, trace: found.lines, shrunk: found.shrunk }
  }
  if (!record) checkSame(options, report, simulate(service, recording))
  return { report, seconds, trace: lines, shrunk: null }
}

/** A finding is worth as much as it can be repeated. */
const checkSame = ({ service }: Job['options'], first: SimulationReport, again: SimulationReport): void => {
  if (first.digest === again.digest && first.finding?.claim === again.finding?.claim) return
  if (service !== null)
    throw new NoService(
      `${service}: the same run ends differently when it is made again: a service takes all randomness from its dice, and keeps nothing beside its state`,
    )
  throw new Error(`the same run ends differently when it is recorded: ${JSON.stringify({ first, again })}`)
}

const replyTo = async (job: Job): Promise<Reply> => {
  try {
    return { type: 'done', outcome: await perform(job) }
  } catch (error) {
    if (error instanceof UsageError || error instanceof NoService) return { type: 'refused', reason: error.message }
    return { type: 'crashed', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

parentPort?.on('message', (job: Job) => void replyTo(job).then((reply) => parentPort?.postMessage(reply)))
