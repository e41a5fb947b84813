import { describe, expect, it } from 'vitest'
import { nodeId } from '../../src/core/ids.ts'
import { mixOf } from '../../src/sim/profile.ts'
import { simulateKv } from '../../src/sim/simulate-kv.ts'
import { variedCompactions } from '../../src/sim/variants.ts'
import { decodeTrace } from '../../src/trace/decode.ts'
import { replay } from '../../src/trace/replay.ts'

describe('servers that compact at different lengths', () => {
  const [n1, n2] = [nodeId('n1'), nodeId('n2')]

  it('keep their own length over all lives', () => {
    const of = variedCompactions({ snapshotEntries: 100 }, 1)
    expect(of(n1)).toBe(of(n1))
    expect(of(n1)).not.toEqual(of(n2))
  })

  it('are in the trace of a run, which replays', () => {
    const seed = Array.from({ length: 20 }, (_, at) => at).find((at) => mixOf('chaos', at).compactionsDiffer) ?? 0
    const lines: string[] = []
    const { finding } = simulateKv({ seed, steps: 1_500, profile: 'chaos', onLine: (line) => void lines.push(line) })
    expect(finding).toBeNull()
    const decoded = decodeTrace(lines)
    if ('error' in decoded) throw new Error(decoded.error.reason)
    const starts = Object.values(decoded.trace.header.init).map(({ options }) => options?.snapshotEntries)
    expect(new Set(starts).size).toBeGreaterThan(1)
    expect(replay(decoded.trace, { claims: true }).ending.type).toBe('complete')
  })
})
