import { UsageError } from '../core/assert.ts'
import type { Seed } from '../core/random.ts'

/** What to run: see `runPartitionTest`. */
export interface PartitionTest {
  /** 1 to 99 nodes. */
  readonly clusterSize: number
  /** How many operations the clients issue: 0 to 100,000. */
  readonly operations: number
  /** The network splits once this many operations were issued, */
  readonly partitionAfterOp: number
  /** and heals once this many were. There is no split if that is not later. */
  readonly healAfterOp: number
  /** A whole number. Default 0. */
  readonly seed?: Seed
  /** Check the invariants of every step of every node. Slower; default false. */
  readonly checked?: boolean
  /**
   * How clients read. `local` takes the word of any node that believes to lead, without asking a quorum: wrong on
   * purpose, to show that the checker notices. Default `quorum`.
   */
  readonly reads?: 'quorum' | 'local'
}

export const CLUSTER_SIZE_MAX = 99
export const OPERATIONS_MAX = 100_000

/** The operations, counted from 0, that are issued while the network is split: [from, to). Empty when to ≤ from. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** @throws UsageError naming the field that is out of bounds. */
export const checkPartitionTest = (test: PartitionTest): Required<PartitionTest> => {
  checkWhole('clusterSize', test.clusterSize, 1, CLUSTER_SIZE_MAX)
  checkWhole('operations', test.operations, 0, OPERATIONS_MAX)
  checkWhole('partitionAfterOp', test.partitionAfterOp, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('healAfterOp', test.healAfterOp, 0, Number.MAX_SAFE_INTEGER)
  const { seed = 0, checked = false, reads = 'quorum' } = test
  checkWhole('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  return { ...test, seed, checked, reads }
}

const checkWhole = (name: string, value: number, least: number, most: number): void => {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new UsageError(`${name} is a whole number from ${least} to ${most}`, { [name]: value })
}

/** The window of a test, cut to the operations there are. */
export const windowOf = ({ operations, partitionAfterOp, healAfterOp }: PartitionTest): Window => {
  const from = Math.min(partitionAfterOp, operations)
  return { from, to: Math.max(from, Math.min(healAfterOp, operations)) }
}
