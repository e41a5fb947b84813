import { kvService } from './kv-service.ts'
import { simulate } from './simulate.ts'
import type { SimulationOptions, SimulationReport } from './simulation.ts'

/** One run with the key-value machine: what `raft sim` does with every seed. */
export const simulateKv = (options: SimulationOptions): SimulationReport => simulate(kvService, options)
