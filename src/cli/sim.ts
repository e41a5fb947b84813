import { expectedMarks } from '../sim/profile.ts'
import { overFiles } from './files.ts'
import { parseSim, type Arguments } from './sim-args.ts'
import { runCampaign } from './sim-campaign.ts'
import { hireWorker } from './sim-crew.ts'
import { SIM_HELP } from './sim-help.ts'
import { mergeShards, parseMerge } from './sim-merge.ts'
import { commandOf } from './sim-plan.ts'

export const simCommand = {
  summary: 'random schedules with faults, every claim checked',
  help: SIM_HELP,
  run: (args: readonly string[]): Promise<number> => {
    if (args[0] === 'merge') {
      const merge = parseMerge(args.slice(1))
      return overFiles('sim merge', () => mergeShards(merge, expectedMarks))
    }
    const chosen = parseSim(args)
    return overFiles('sim', () => run(chosen))
  },
}

const run = async (chosen: Arguments): Promise<number> => {
  if (chosen.isDrawn) process.stderr.write(`raft sim: the same again: ${againOf(chosen)}\n`)
  const interruption = new AbortController()
  const interrupt = (): void => interruption.abort()
  // Once: whoever asks a second time does not want to wait for the summary. An orchestrator asks with SIGTERM.
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await runCampaign(chosen, {
      hire: hireWorker,
      expected: expectedMarks,
      signal: interruption.signal,
      now: () => performance.now(),
      write: (text) => void process.stdout.write(text),
      screen: process.stderr,
    })
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

const againOf = ({ plan, timeMs }: Arguments): string =>
  `${commandOf(plan)}${timeMs === null ? '' : ` --time ${timeMs / 1_000}s`}`
