import { describe, expect, it } from 'vitest'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import { INDEX_ZERO, index, nodeId, term, type ObjectId } from '../../../src/core/ids.ts'
import type { SnapshotMeta } from '../../../src/core/rpc.ts'
import { initial } from '../../../src/core/start.ts'
import { Transfers } from '../../../src/trace/checker/transfers.ts'
import { ClaimViolation, Judge } from '../../../src/trace/checker/violation.ts'
import { Witness } from '../../../src/trace/checker/witness.ts'

const n1 = nodeId('n1')
const configuration = configurationOf([n1])

const snapshotAt = (last: number): SnapshotMeta => ({
  lastIncludedIndex: index(last),
  lastIncludedTerm: term(1),
  configuration,
  configurationIndex: INDEX_ZERO,
})

/** A receiver of objects, all of which were sent but those of `forged`. */
const receiver = () => {
  const transfers = new Transfers(new Judge())
  const witness = new Witness(initial({ id: n1, configuration }))
  const of = { transferId: 1, digest: 0, isLast: false } as const
  const keep = (snapshot: SnapshotMeta, objectId: ObjectId, data: string): void =>
    transfers.receiving(witness, { type: 'saveObject', ...of, snapshot, objectId, data })
  const take = (snapshot: SnapshotMeta, objectId: ObjectId): void => {
    const data = `${objectId} of ${snapshot.lastIncludedIndex}`
    const rpc = { ...of, startsOver: false, position: 0, checksum: 0, term: term(1), leaderId: n1 } as const
    transfers.sending({ type: 'InstallSnapshot', ...rpc, snapshot, objectId, data })
    keep(snapshot, objectId, data)
  }
  return { keep, take, install: (snapshot: SnapshotMeta) => transfers.installing(witness, snapshot) }
}

describe('SF, a reception that a crash brings back', () => {
  it('is judged by its own objects, not by the first one of the later snapshot that was lost', () => {
    const { take, install } = receiver()
    const [earlier, later] = [snapshotAt(5), snapshotAt(6)]
    take(earlier, 0)
    take(earlier, 1)
    // Kept in memory only: the crash loses it, and the disk gives back the earlier reception.
    take(later, 0)
    take(earlier, 2)
    expect(() => install(earlier)).not.toThrow()
  })

  it('still has to be of objects that were sent', () => {
    const { keep, take, install } = receiver()
    const snapshot = snapshotAt(5)
    take(snapshot, 0)
    keep(snapshot, 1, 'of another snapshot')
    expect(() => install(snapshot)).toThrow(ClaimViolation)
  })
})
