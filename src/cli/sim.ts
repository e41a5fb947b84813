import { expectedMarks } from '../sim/profile.ts'
import { overFiles } from './files.ts'
import { whileInterruptible } from './interruption.ts'
import { parseSim, type Arguments } from './sim/args.ts'
import { runCampaign } from './sim/campaign.ts'
import { hireWorker } from './sim/crew.ts'
import { SIM_HELP } from './sim/help.ts'
import { mergeShards, parseMerge } from './sim/merge.ts'
import { commandOf } from './sim/plan.ts'

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
  const campaign = (): Promise<number> =>
    runCampaign(chosen, {
      hire: hireWorker,
      expected: expectedMarks,
      signal: interruption.signal,
      now: () => performance.now(),
      write: (text) => void process.stdout.write(text),
      screen: process.stderr,
    })
  return whileInterruptible(() => interruption.abort(), campaign)
}

const againOf = ({ plan, timeMs }: Arguments): string =>
  `${commandOf(plan)}${timeMs === null ? '' : ` --time ${timeMs / 1_000}s`}`
