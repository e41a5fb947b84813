import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchCapture } from './capture.ts'
import { benchCluster, benchIdle } from './cluster.ts'
import { benchDisk } from './disk.ts'
import { benchExplore } from './explore.ts'
import { benchLog } from './log.ts'
import { benchReplay, benchSimulation } from './simulate.ts'
import { benchSteps } from './steps.ts'

/*
 * npm run bench [-- --only steps,cluster,idle,disk,log,capture,explore,simulation,replay] [--peer 'command with {depth}']…
 * Every figure is the median of several runs after a warm-up, with the lowest and the highest beside it.
 * `node --max-semi-space-size=64 .bench/test/bench/main.js` shows what a larger young generation is worth.
 */
const { values } = parseArgs({
  options: { only: { type: 'string' }, peer: { type: 'string', multiple: true, default: [] } },
})
const sections = new Map<string, () => readonly string[] | Promise<readonly string[]>>([
  ['steps', benchSteps],
  ['cluster', () => benchCluster(values.peer)],
  ['idle', benchIdle],
  ['disk', benchDisk],
  ['log', benchLog],
  ['capture', benchCapture],
  ['explore', benchExplore],
  ['simulation', benchSimulation],
  ['replay', benchReplay],
])
const chosen = values.only?.split(',') ?? [...sections.keys()]

console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`)
for (const name of chosen) {
  const section = sections.get(name)
  if (section === undefined) throw new Error(`there is no section ${name}: ${[...sections.keys()].join(', ')}`)
  console.log(`\n${(await section()).join('\n')}`)
}
