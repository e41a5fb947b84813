import { simulateKv } from '../../src/sim/simulate-kv.ts'
import { PROFILES, type SimulationOptions } from '../../src/sim/simulation.ts'
import { decodeTrace } from '../../src/trace/decode.ts'
import { replay } from '../../src/trace/replay.ts'
import { figureOf, row, type Figure } from './measure.ts'

const RUNS = 5
const SEEDS = 10
const STEPS = 20_000

/** Whole runs of five servers, clients, faults, recovery and judgement included, in one thread. */
export const benchSimulation = (): readonly string[] => {
  const lines = [`Simulation, five servers, ${SEEDS} seeds of ${STEPS} steps each, one thread, ${RUNS} runs`]
  for (const claims of ['cheap', 'all'] as const)
    for (const profile of PROFILES) {
      const figure = stepsPerSecond({ claims, profile })
      lines.push(row(`${profile}, ${claims} claims`, figure, 'steps/s'))
    }
  return lines
}

const stepsPerSecond = (options: Omit<SimulationOptions, 'seed'>): Figure => {
  const once = (): number => {
    const start = process.hrtime.bigint()
    let steps = 0
    for (let seed = 1; seed <= SEEDS; seed++) steps += simulateKv({ ...options, seed, steps: STEPS }).steps
    return steps / (Number(process.hrtime.bigint() - start) / 1e9)
  }
  once()
  return figureOf(Array.from({ length: RUNS }, once))
}

/** A recorded run taken again: bare, with its hashes compared, and with every claim of the ghost made. */
export const benchReplay = (): readonly string[] => {
  const lines: string[] = []
  const { steps } = simulateKv({ seed: 1, profile: 'chaos', steps: 50_000, onLine: (line) => void lines.push(line) })
  const decoded = decodeTrace(lines)
  if ('error' in decoded) throw new Error(decoded.error.reason)
  const { trace } = decoded
  const figure = (options: Parameters<typeof replay>[1]): Figure => {
    const once = (): number => {
      const start = process.hrtime.bigint()
      const { ending } = replay(trace, options)
      if (ending.type !== 'complete') throw new Error(ending.type)
      return steps / (Number(process.hrtime.bigint() - start) / 1e9)
    }
    once()
    return figureOf(Array.from({ length: RUNS }, once))
  }
  return [
    `Replay of ${steps} steps of a chaotic run of five servers, ${RUNS} runs`,
    row('without hashing', figure({ hashes: false }), 'steps/s'),
    row('with the hashes of every 64th step', figure({ hashes: true }), 'steps/s'),
    row('with every claim', figure({ hashes: false, claims: true }), 'steps/s'),
  ]
}
