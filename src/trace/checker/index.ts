export { Ghost } from './ghost.ts'
export { MARKS, MARK_NAMES, Tally, type Mark, type Marks } from './marks.ts'
export { CLAIMS, ClaimViolation, Judge, checkOf, type CheckName } from './violation.ts'
