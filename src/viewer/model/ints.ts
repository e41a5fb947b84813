/** A list of 32-bit numbers that grows; a million of them are four megabytes. */
export class Ints {
  private values = new Int32Array(1024)
  private count = 0

  get length(): number {
    return this.count
  }

  push(value: number): number {
    if (this.count === this.values.length) {
      const larger = new Int32Array(this.count * 2)
      larger.set(this.values)
      this.values = larger
    }
    this.values[this.count] = value
    return this.count++
  }

  /** −1 where there is none. */
  at(place: number): number {
    return place >= 0 && place < this.count ? (this.values[place] ?? -1) : -1
  }

  set(place: number, value: number): void {
    if (place >= 0 && place < this.count) this.values[place] = value
  }
}
