/** Figures of several runs: the middle one is quoted, the outer ones tell how far to trust it. */
export interface Figure {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export const figureOf = (values: readonly number[]): Figure => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (position: number): number => sorted[position] ?? Number.NaN
  return { median: at(sorted.length >> 1), lowest: at(0), highest: at(sorted.length - 1) }
}

/** Nanoseconds that one call of the action takes, in each of several runs of `times` calls, after a warm-up. */
export const nanoseconds = (times: number, action: (at: number) => unknown, runs = 7): Figure => {
  const once = (): number => {
    const before = process.hrtime.bigint()
    for (let at = 0; at < times; at++) keep(action(at))
    return Number(process.hrtime.bigint() - before) / times
  }
  once()
  once()
  return figureOf(Array.from({ length: runs }, once))
}

/** How much of some work is done a second: of the clock, and of the processor time of all threads of this process. */
export interface Speed {
  readonly clock: number
  readonly processor: number
}

export const speedOf = (amount: number, action: () => void): Speed => {
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  action()
  const clock = Number(process.hrtime.bigint() - before) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  return { clock: amount / clock, processor: amount / ((user + system) / 1e6) }
}

let kept: unknown = null

/** Uses a result, so that the optimiser cannot drop the work that made it. */
export const keep = (value: unknown): void => {
  kept = value
  if (kept === keep) throw new Error('unreachable')
}

export const short = (value: number): string => {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)}k`
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

export const row = (name: string, { median, lowest, highest }: Figure, unit: string, note = ''): string =>
  `  ${name.slice(-43).padEnd(44)}${short(median).padStart(8)} ${unit.padEnd(13)} [${short(lowest)}, ${short(highest)}]  ${note}`.trimEnd()
