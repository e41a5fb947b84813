import type { ClaimName } from '../../properties/harness/claims.ts'

/** One small mistake in the core, as a textual patch: `find` occurs exactly once in the file. */
export interface Mutant {
  readonly name: string
  /** Row of the catalogue of known bugs, or the lesson or campaign that taught it. */
  readonly row: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The claims it breaks, the likeliest first. */
  readonly claims: readonly ClaimName[]
}

/** Writes a row of the table. */
export const mutant = (
  name: string,
  row: string,
  file: string,
  find: string,
  replace: string,
  ...claims: readonly ClaimName[]
): Mutant => ({ name, row, file: `src/core/${file}.ts`, find, replace, claims })
