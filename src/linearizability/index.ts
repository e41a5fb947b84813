/*
 * The checker of client histories: whether the operations that clients saw can be put in one order that respects real
 * time and a key-value store (Herlihy and Wing, 1990). `check.ts` is the entry; `refute.ts` decides most histories
 * without a search; `search.ts` decides the rest. Histories are read from JSON lines, porcupine's JSON and Jepsen's EDN.
 *
 * Pure. It imports JSON types and assertions of the core, and numbers of the codec. It does not depend on Raft, on the
 * state machines or on the simulator: a history of any key-value store can be checked.
 */
export { checkLinearizability, STEPS_MAX_DEFAULT, type Verdict } from './check.ts'
export {
  describeOperation,
  operationsOf,
  type HistoryEvent,
  type Input,
  type Operation,
  type Output,
} from './history.ts'
export { looksLikeEdn, parseEdn } from './edn.ts'
export { parseHistory } from './parse.ts'
export { parseNumerals, restoreNumerals } from '../codec/numerals.ts'
