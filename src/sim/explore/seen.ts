/** The parts that a set of fingerprints is kept in: one set of V8 holds 2^24 at most. */
const PARTS = 64

/** A set of whole numbers, of any size that memory holds. */
export class Seen {
  private readonly parts = Array.from({ length: PARTS }, () => new Set<number>())
  size = 0

  has(fingerprint: number): boolean {
    return this.partOf(fingerprint).has(fingerprint)
  }

  /** Adds one that is not there. */
  add(fingerprint: number): void {
    this.partOf(fingerprint).add(fingerprint)
    this.size++
  }

  private partOf(fingerprint: number): Set<number> {
    const part = this.parts[fingerprint % PARTS]
    if (part === undefined) throw new RangeError('a fingerprint is a whole number, 0 or more')
    return part
  }
}
