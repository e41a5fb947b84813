import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Mutant } from './mutant.ts'

/** How a mutant was killed. */
export interface Outcome {
  /** The kind of check: a simulated cluster, a property over schedules, or a test made for it. */
  readonly kind: 'simulation' | 'property' | 'test'
  /** What was run: a profile and its number of servers, a property, a test file. */
  readonly claim: string
  /** The check that broke: an id of the catalogue, STEP for a check of one step, `test`, or `exception`. */
  readonly by: string
  /** Seeds or schedules tried until the claim broke. */
  readonly runs: number
  /** Events in the shrunk trace or schedule; 0 where no single step breaks the claim. */
  readonly events: number
  /** Those among them that are no mere answer of a disk or a machine: the depth of the literature. */
  readonly moves: number
  readonly what: string
}

/** `undecided`: a run did not end in time. That proves nothing: it may be slow, or hang for another reason. */
export type Verdict = Outcome | 'survives' | 'undecided'

/** Long after every mutant that is found has been found, also on a busy machine. */
const PATIENCE_MS = 400_000

const root = fileURLToPath(new URL('../..', import.meta.url))
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

/** What simulations and properties run; mistakes elsewhere change none of their histories. */
const IN_HISTORIES = /^src\/(?:core|machine)\//

/** Holds one mutant against simulations and properties, then against its own tests, each in a process of its own. */
export const hunt = async (mutant: Mutant, locally: boolean): Promise<Verdict> => {
  const verdict = IN_HISTORIES.test(mutant.file) ? await byHistories(mutant, locally) : 'survives'
  if (typeof verdict === 'object' || mutant.tests.length === 0) return verdict
  const ofTests = await byTests(mutant)
  // Neither run told: what did not end is not called a survivor.
  return ofTests === 'survives' ? verdict : ofTests
}

const byHistories = async (mutant: Mutant, locally: boolean): Promise<Verdict> =>
  withReport(async (report) => {
    const env = { RAFT_MUTANT_REPORT: report, RAFT_LOCAL_INVARIANTS: locally ? 'on' : 'off' }
    const ending = await runVitest(mutant, 'test/mutants/vitest.config.ts', [], env)
    if (ending === 'late') return 'undecided'
    if (ending instanceof Error) throw ending
    return (JSON.parse(readFileSync(report, 'utf8')) as Outcome | null) ?? 'survives'
  })

/** The part of vitest's report in JSON that is read. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const byTests = async (mutant: Mutant): Promise<Verdict> =>
  withReport(async (report) => {
    const args = [...mutant.tests, '--reporter=json', `--outputFile=${report}`]
    const ending = await runVitest(mutant, 'test/mutants/tests.config.ts', args, {})
    if (ending === 'late') return 'undecided'
    if (ending === 'green') return 'survives'
    for (const { name, message, assertionResults } of (JSON.parse(readFileSync(report, 'utf8')) as Report)
      .testResults) {
      const failed = assertionResults.find(({ status }) => status === 'failed')
      const claim = name.replace(root, '')
      const killed = { kind: 'test', claim, by: 'test', runs: 1, events: 0, moves: 0 } as const
      if (failed !== undefined) return { ...killed, what: failed.fullName }
      // A file that does not load proves nothing of its tests: the patch is wrong.
      if (message !== '') throw new Error(`${mutant.name}: ${claim} does not load: ${message}`)
    }
    throw ending
  })

const withReport = async (run: (report: string) => Promise<Verdict>): Promise<Verdict> => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-mutant-'))
  try {
    return await run(join(folder, 'outcome.json'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs vitest over the mutated source: all green, failed, or still running when the time was over. */
const runVitest = async (
  { name }: Mutant,
  config: string,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<'green' | 'late' | Error> => {
  const env = { ...process.env, RAFT_MUTANT: name, ...more }
  try {
    await promisify(execFile)(process.execPath, [vitest, 'run', '--config', join(root, config), ...args], {
      cwd: root,
      env,
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 26,
    })
    return 'green'
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return 'killed' in error && error.killed === true ? 'late' : error
  }
}

/** Hunts mutants, two at a time; reports each as soon as it is known. */
export const huntAll = async (
  mutants: readonly Mutant[],
  locally: boolean,
  report: (mutant: Mutant, verdict: Verdict) => void,
): Promise<void> => {
  const waiting = [...mutants]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) report(next, await hunt(next, locally))
  }
  await Promise.all([work(), work()])
}
