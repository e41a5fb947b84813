import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { runPartitionTest, type PartitionReport, type PartitionTest } from '../../src/sim/partition-run.ts'

const COURSE: PartitionTest = { clusterSize: 5, operations: 100, partitionAfterOp: 30, healAfterOp: 70 }

const run = (changes: Partial<PartitionTest> = {}): PartitionReport => runPartitionTest({ ...COURSE, ...changes })

const expectSound = (report: PartitionReport, operations: number): void => {
  expect(report.totalOps).toBe(operations)
  expect(report.opsSucceeded + report.opsRejected).toBe(operations)
  expect(report.verdict.result).toBe('linearizable')
  expect(report.linearizable).toBe(true)
  const answered = report.operations.filter((operation) => operation.return !== null)
  expect(answered).toHaveLength(report.opsSucceeded)
  expect(report.operations).toHaveLength(report.opsSucceeded + report.opsUnknown)
  expect(report.opsUnknown).toBeLessThanOrEqual(report.opsRejected)
}

describe('runPartitionTest', () => {
  it('serves the majority, rejects the minority, and stays linearizable', () => {
    for (let seed = 0; seed < 20; seed++) {
      const report = run({ seed, checked: true })
      expectSound(report, 100)
      expect(report.opsDuringPartition).toBe(40)
      expect(report.opsRejected).toBeGreaterThan(0)
      expect(report.opsSucceeded).toBeGreaterThanOrEqual(60)
    }
  })

  it('cuts off the leader with a minority, and the majority elects another', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { leaders, split } = run({ seed })
      const [first, second] = leaders
      expect(split?.minority).toHaveLength(2)
      expect(split?.majority).toHaveLength(3)
      expect(split?.minority).toContain(first?.leader)
      expect(split?.majority).toContain(second?.leader)
      expect(second?.term).toBeGreaterThan(first?.term ?? Infinity)
      expect(second?.time).toBeGreaterThan(split?.splitTime ?? Infinity)
      expect(second?.time).toBeLessThan(split?.healTime ?? 0)
    }
  })

  it('serves operations on both sides of the window, and on the majority within it', () => {
    const { operations, split } = run({ operations: 1000, partitionAfterOp: 300, healAfterOp: 700 })
    const { splitTime, healTime } = split ?? { splitTime: 0, healTime: null }
    const done = operations.flatMap(({ return: end }) => end ?? [])
    const kinds = new Set(operations.map(({ input, output }) => `${input.kind} ${output?.type ?? '?'}`))
    expect(done.filter((end) => end < splitTime).length).toBeGreaterThan(250)
    expect(done.filter((end) => end > splitTime && end < (healTime ?? 0)).length).toBeGreaterThan(200)
    expect(done.filter((end) => end > (healTime ?? Infinity)).length).toBeGreaterThan(250)
    expect([...kinds]).toEqual(expect.arrayContaining(['get value', 'put ok', 'cas ok', 'cas mismatch']))
  })

  it('rejects something in every window, however short and wherever it lies', () => {
    for (const clusterSize of [1, 2, 3, 4, 5, 6, 7])
      for (const [from, to] of [
        [0, 1],
        [0, 20],
        [5, 6],
        [5, 15],
        [19, 20],
        [19, 1000],
      ] as const)
        for (let seed = 0; seed < 5; seed++) {
          const report = run({ clusterSize, operations: 20, partitionAfterOp: from, healAfterOp: to, seed })
          expectSound(report, 20)
          expect(report.opsDuringPartition).toBe(Math.min(to, 20) - from)
          expect(report.opsRejected).toBeGreaterThan(0)
        }
  })

  it('rejects nothing without a split: empty windows, healing before parting, or parting after the end', () => {
    for (const [partitionAfterOp, healAfterOp] of [
      [0, 0],
      [30, 30],
      [70, 30],
      [100, 100],
      [500, 700],
    ] as const) {
      const report = run({ partitionAfterOp, healAfterOp })
      expectSound(report, 100)
      expect(report).toMatchObject({ opsDuringPartition: 0, opsRejected: 0, opsSucceeded: 100, split: null })
    }
  })

  it('leaves neither half of two nodes a quorum, nor clients without any node an answer', () => {
    const two = run({ clusterSize: 2 })
    expectSound(two, 100)
    expect(two.opsRejected).toBeGreaterThanOrEqual(40)
    const one = run({ clusterSize: 1 })
    expectSound(one, 100)
    expect(one.split).toMatchObject({ minority: [], majority: ['n1'] })
    expect(one.opsRejected).toBeLessThan(40)
  })

  it('runs larger clusters', () => {
    for (const clusterSize of [8, 15, 30]) expectSound(run({ clusterSize, seed: clusterSize }), 100)
  })

  it('does nothing when there is nothing to do', () => {
    expect(run({ operations: 0 })).toMatchObject({
      totalOps: 0,
      opsDuringPartition: 0,
      opsSucceeded: 0,
      opsRejected: 0,
      linearizable: true,
      operations: [],
    })
  })

  it('is deterministic by its seed', () => {
    expect(run({ seed: 5 })).toEqual(run({ seed: 5 }))
    expect(run({ seed: 5 }).operations).not.toEqual(run({ seed: 6 }).operations)
    expect(run()).toEqual(run({ seed: 0 }))
    expect(run({ seed: 3, checked: true })).toEqual(run({ seed: 3 }))
  })

  it('notices reads that bypass ReadIndex', () => {
    const verdicts = Array.from({ length: 40 }, (_, seed) => run({ seed, reads: 'local' }))
    const wrong = verdicts.filter(({ linearizable }) => !linearizable)
    expect(wrong.length).toBeGreaterThan(0)
    for (const { verdict } of wrong) expect(verdict.result).toBe('violation')
  })

  it('takes ten thousand operations', () => {
    const report = run({ operations: 10_000, partitionAfterOp: 3000, healAfterOp: 7000 })
    expectSound(report, 10_000)
    expect(report.opsSucceeded).toBeGreaterThan(8000)
  })

  it('names the field that is out of bounds', () => {
    const wrong: readonly Partial<PartitionTest>[] = [
      { clusterSize: 0 },
      { clusterSize: 100 },
      { clusterSize: 2.5 },
      { operations: -1 },
      { operations: 100_001 },
      { operations: NaN },
      { partitionAfterOp: -1 },
      { healAfterOp: 0.5 },
      { seed: Infinity },
    ]
    for (const changes of wrong) {
      expect(() => run(changes)).toThrow(UsageError)
      expect(() => run(changes)).toThrow(`${Object.keys(changes)[0] ?? '?'} is a whole number from`)
    }
  })
})
