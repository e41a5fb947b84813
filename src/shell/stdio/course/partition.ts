import { UsageError } from '../../../core/assert.ts'
import { runPartitionTest } from '../../../sim/partition-run.ts'
import { ERROR, RequestError } from '../envelope.ts'
import type { Handlers } from './handlers.ts'

/** Task 7-2-5: a cluster of its own, in virtual time, really partitioned; its history is really checked. */
export const partition: Pick<Handlers, 'partition_test'> = {
  partition_test: (host, fields) => {
    try {
      const run = runPartitionTest({
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
}
