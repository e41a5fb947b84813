import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Mutant } from './mutant.ts'

/** How a mutant was killed. */
export interface Outcome {
  /** What was run: a simulation of a profile, or a property. */
  readonly claim: string
  /** The check that broke: an id of the catalogue, STEP for a check of one step, or `exception`. */
  readonly by: string
  /** Seeds or schedules tried until the claim broke. */
  readonly runs: number
  /** Events in the shrunk trace or schedule; 0 where no single step breaks the claim. */
  readonly events: number
  /** Those among them that are no mere answer of a disk or a machine: the depth of the literature. */
  readonly moves: number
  readonly what: string
}

/** Long after every mutant that is found has been found, also on a busy machine. */
const PATIENCE_MS = 400_000

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Holds one mutant against the claims, in a process of its own; null when it survives them all. */
export const hunt = async (mutant: Mutant, locally: boolean): Promise<Outcome | null> => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-mutant-'))
  const report = join(folder, 'outcome.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const env = {
    ...process.env,
    RAFT_MUTANT: mutant.name,
    RAFT_MUTANT_REPORT: report,
    RAFT_LOCAL_INVARIANTS: locally ? 'on' : 'off',
  }
  try {
    const args = [vitest, 'run', '--config', join(root, 'test/mutants/vitest.config.ts')]
    await promisify(execFile)(process.execPath, args, { cwd: root, env, timeout: PATIENCE_MS, killSignal: 'SIGKILL' })
    return JSON.parse(readFileSync(report, 'utf8')) as Outcome | null
  } catch (error) {
    // A cluster that never comes to rest is found as well: no run of the properties would end.
    if (error instanceof Error && 'killed' in error && error.killed === true)
      return { claim: 'any', by: 'hang', runs: 0, events: 0, moves: 0, what: 'the run does not end' }
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Hunts mutants, two at a time; tells of each as soon as it is known. */
export const huntAll = async (
  mutants: readonly Mutant[],
  locally: boolean,
  tell: (mutant: Mutant, outcome: Outcome | null) => void,
): Promise<void> => {
  const waiting = [...mutants]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) tell(next, await hunt(next, locally))
  }
  await Promise.all([work(), work()])
}
