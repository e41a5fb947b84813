import { FIRST_OBJECT, type ObjectId } from '../../core/ids.ts'
import type { Output } from '../../core/output.ts'
import type { InstallSnapshot, SnapshotMeta } from '../../core/rpc.ts'
import type { Judge } from './violation.ts'
import type { Witness } from './witness.ts'

type SaveObject = Extract<Output, { type: 'saveObject' }>

/** What of snapshots can be told without a state machine: their objects are those of one and the same snapshot (SF). */
export class Transfers {
  private readonly judge: Judge
  /** By snapshot: the contents that were ever sent of each object. */
  private readonly sent = new Map<string, Map<ObjectId, Set<string>>>()

  constructor(judge: Judge) {
    this.judge = judge
  }

  sending({ snapshot, objectId, data }: InstallSnapshot): void {
    const key = keyOf(snapshot)
    const objects = this.sent.get(key) ?? new Map<ObjectId, Set<string>>()
    this.sent.set(key, objects)
    const contents = objects.get(objectId) ?? new Set<string>()
    objects.set(objectId, contents)
    contents.add(data)
  }

  /** The first object of a snapshot discards what was kept of it before. */
  receiving({ receptions }: Witness, { snapshot, objectId, data }: SaveObject): void {
    const key = keyOf(snapshot)
    const objects = (objectId === FIRST_OBJECT ? undefined : receptions.get(key)) ?? new Map<ObjectId, string>()
    receptions.set(key, objects)
    objects.set(objectId, data)
  }

  /** A sender that nobody watched has sent what nobody knows: then there is nothing to compare. */
  installing({ id, receptions }: Witness, snapshot: SnapshotMeta): void {
    const key = keyOf(snapshot)
    const sent = this.sent.get(key)
    if (sent === undefined) return
    for (const [objectId, data] of receptions.get(key) ?? [])
      if (sent.get(objectId)?.has(data) !== true)
        this.judge.refute('SF', 'the objects of a snapshot are all of that snapshot', { id, snapshot, objectId })
  }
}

const keyOf = ({ lastIncludedIndex, lastIncludedTerm }: SnapshotMeta): string =>
  `${lastIncludedIndex}/${lastIncludedTerm}`
