import { UsageError } from '../../../core/assert.ts'
import type { Seed } from '../../../core/random.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'

/**
 * Runs a partitioned cluster in virtual time and checks its history. A port: the simulator implements it, and the shell
 * does not import the simulator. @throws UsageError naming the field that is out of bounds.
 */
export type PartitionTester = (test: {
  readonly clusterSize: number
  readonly operations: number
  readonly partitionAfterOp: number
  readonly healAfterOp: number
  readonly seed: Seed
}) => {
  readonly totalOps: number
  readonly opsDuringPartition: number
  readonly opsSucceeded: number
  readonly opsRejected: number
  readonly linearizable: boolean
}

/** Task 7-2-5: a simulated cluster is partitioned, and the history of its clients is checked. */
export const partitionWith = (partitionTest: PartitionTester): Pick<Handlers, 'partition_test'> => ({
  partition_test: (host, fields) => {
    try {
      const run = partitionTest({
        clusterSize: fields.cluster_size,
        operations: fields.operations,
        partitionAfterOp: fields.partition_after_op,
        healAfterOp: fields.heal_after_op,
        seed: host.context.seed,
      })
      return {
        type: 'partition_test_ok',
        total_ops: run.totalOps,
        ops_during_partition: run.opsDuringPartition,
        ops_succeeded: run.opsSucceeded,
        ops_rejected: run.opsRejected,
        linearizable: run.linearizable,
      }
    } catch (error) {
      if (error instanceof UsageError) throw new RequestError(ERROR.malformedRequest, error.message)
      throw error
    }
  },
})
