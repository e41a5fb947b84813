import type { ClaimName } from '../../properties/harness/claims.ts'

/** One small mistake in the source, as a textual patch: `find` occurs exactly once in the file. */
export interface Mutant {
  readonly name: string
  /** Row of the catalogue of known bugs, or the lesson, campaign or review that taught it. */
  readonly row: string
  /** From the repository's root. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The properties it breaks, the likeliest first; the others are tried after them. */
  readonly claims: readonly ClaimName[]
  /** Test files that fail on it, for what neither a simulation nor a property shows. Below `test/` or `properties/`. */
  readonly tests: readonly string[]
}

/** Writes a row of the table about the core. */
export const mutant = (
  name: string,
  row: string,
  file: string,
  find: string,
  replace: string,
  ...claims: readonly ClaimName[]
): Mutant => ({ name, row, file: `src/core/${file}.ts`, find, replace, claims, tests: [] })

/** Writes a row about any file of `src`, killed by the test files named if nothing else kills it. */
export const fault = (
  name: string,
  row: string,
  file: string,
  find: string,
  replace: string,
  ...tests: readonly string[]
): Mutant => ({ name, row, file: `src/${file}.ts`, find, replace, claims: [], tests })

/** No mistake at all. What breaks without one is no proof against any mutant: the control of a hunt. */
export const CONTROL: Mutant = {
  name: 'none',
  row: 'control',
  file: 'src/core/step.ts',
  find: '',
  replace: '',
  claims: [],
  tests: [],
}
