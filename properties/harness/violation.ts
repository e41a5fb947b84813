/** The claims that are watched over a whole history, named as in the catalogue of bugs. */
export type CheckName =
  'ES' | 'VO' | 'LAO' | 'LM' | 'LC' | 'CNT' | 'SMS' | 'QD' | 'PBS' | 'MON' | 'MT' | 'AIO' | 'SF' | 'READ' | 'COST'

/** A claim about the whole cluster does not hold. */
export class PropertyViolation extends Error {
  override readonly name = 'PropertyViolation'
  readonly check: CheckName
  constructor(check: CheckName, claim: string, context: Readonly<Record<string, unknown>>) {
    super(`[${check}] ${claim} ${JSON.stringify(context)}`)
    this.check = check
  }
}
