import { InvariantViolation, UsageError } from '../core/assert.ts'
import type { JsonValue } from '../core/entry.ts'
import { ClaimViolation } from '../trace/checker/index.ts'
import { Dice } from './dice.ts'
import { converge, coreOf, heal, TIMEOUTS_TO_CONVERGE } from './liveness.ts'
import type { Service } from './service.ts'
import {
  NODES_DEFAULT,
  NODES_MAX,
  CLAIM_SETS,
  PROFILES,
  STEPS_DEFAULT,
  type Finding,
  type SimulationOptions,
  type SimulationReport,
} from './simulation.ts'
import { Stage, ignore } from './stage.ts'

/**
 * One run: a cluster under one seed, in virtual time, with faults until so many steps are taken; then without, when it
 * has to recover. Every claim is checked after every step; what clients were told is judged in the end. Deterministic:
 * equal options give equal reports, and equal traces byte for byte.
 * @param service makes the state machine under test with its clients: a new one for every run
 * @throws UsageError for options out of bounds; whatever the state machine itself throws
 */
export const simulate = <S, C extends JsonValue, R extends JsonValue>(
  service: () => Service<S, C, R>,
  options: SimulationOptions,
): SimulationReport => {
  const checked = completed(options)
  const stage = new Stage(service(), checked)
  let finding: Finding | null = null
  try {
    play(stage, checked)
  } catch (error) {
    finding = stage.found(violationIn(error))
  }
  return stage.report(finding)
}

const play = <S, C extends JsonValue, R extends JsonValue>(
  stage: Stage<S, C, R>,
  { seed, steps }: Required<SimulationOptions>,
): void => {
  const { cluster, clients, faults } = stage
  cluster.runUntil(() => stage.steps >= steps, Infinity)
  faults.end()
  stage.hasFaults = false
  const dice = new Dice('ending', seed)
  const core = coreOf(cluster, dice)
  if (heal(cluster, core, dice, stage.mix) === 'bridged') stage.count('bridge at heal')
  clients.finish(core)
  const problem = converge(cluster, core, clients)
  if (problem !== null)
    throw new ClaimViolation('LIVE', 'a healed majority is in order after a while', {
      problem,
      core,
      timeouts: TIMEOUTS_TO_CONVERGE,
    })
  stage.compareStates(core)
  stage.judge()
}

/** What a frozen value says to whoever tries to change it. */
const IMPURE = /read only property|not extensible|Cannot (?:add|delete|define) property/

const violationIn = (error: unknown): InvariantViolation => {
  if (error instanceof InvariantViolation) return error
  if (error instanceof TypeError && IMPURE.test(error.message))
    return new ClaimViolation('PURE', 'a step changes nothing that it was given', { error: error.message })
  throw error
}

const completed = (options: SimulationOptions): Required<SimulationOptions> => {
  const {
    nodes = NODES_DEFAULT,
    steps = STEPS_DEFAULT,
    profile = 'chaos',
    claims = 'all',
    failuresAreFindings = false,
    onLine = ignore,
    seed,
  } = options
  checkWhole('seed', seed, 0, 2 ** 32 - 1)
  checkWhole('nodes', nodes, 1, NODES_MAX)
  checkWhole('steps', steps, 1, 1_000_000_000)
  if (!PROFILES.includes(profile)) throw new UsageError(`a profile is one of ${PROFILES.join(', ')}`, { profile })
  if (!CLAIM_SETS.includes(claims)) throw new UsageError(`claims are one of ${CLAIM_SETS.join(', ')}`, { claims })
  return { seed, nodes, steps, profile, claims, failuresAreFindings, onLine }
}

const checkWhole = (name: string, value: number, least: number, most: number): void => {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new UsageError(`${name} is a whole number from ${least} to ${most}`, { [name]: value })
}
