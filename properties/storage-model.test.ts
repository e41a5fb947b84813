import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Entry } from '../src/core/entry.ts'
import { FIRST_OBJECT, index, nodeId, term, type Index, type Term } from '../src/core/ids.ts'
import type { Save } from '../src/core/output.ts'
import type { SnapshotMeta } from '../src/core/rpc.ts'
import type { CapturedObject } from '../src/machine/capture.ts'
import { openStorage } from '../src/shell/storage/index.ts'
import type { StorageWrite, Stored, StoredRemains } from '../src/shell/storage/storage.ts'
import {
  BIRTH,
  TemporaryDirectories,
  entriesBetween,
  objectsNamed,
  positionAt,
  receiving,
  resetTo,
  saving,
  snapshotAt,
} from '../test/shell/support-storage.ts'

const directories = new TemporaryDirectories()
afterAll(() => directories.remove())

/** What a storage means: plain values, and for each write the shortest code that can be right. */
interface Plain {
  readonly remains: StoredRemains
  readonly objects: readonly CapturedObject[]
  readonly transfer: Transfer | null
}

interface Transfer {
  readonly snapshot: SnapshotMeta
  readonly objects: readonly CapturedObject[]
  readonly isComplete: boolean
}

const lastIndexOf = ({ base, entries }: StoredRemains): Index => entries.at(-1)?.index ?? base.index
const lastTermOf = ({ base, entries }: StoredRemains): Term => entries.at(-1)?.term ?? base.term

const plainSave = (plain: Plain, save: Save): Plain => {
  const { truncateFrom, compactTo, snapshot } = save
  let { remains, objects, transfer } = plain
  let entries: readonly Entry[] = remains.entries
  if (save.hardState !== null) remains = { ...remains, hardState: save.hardState }
  if (truncateFrom !== null) entries = entries.filter((entry) => entry.index < truncateFrom)
  entries = [...entries, ...save.entries]
  if (snapshot !== null) {
    remains = { ...remains, snapshot }
    objects = transfer?.objects ?? []
    transfer = null
  }
  if (compactTo !== null && compactTo.index > remains.base.index) {
    remains = { ...remains, base: compactTo }
    entries = entries.filter((entry) => entry.index > compactTo.index)
  }
  return { remains: { ...remains, entries }, objects, transfer }
}

const plainWrite = (plain: Plain, write: StorageWrite): Plain => {
  switch (write.type) {
    case 'save':
      return plainSave(plain, write)
    case 'reset':
      return { remains: write.remains, objects: [...write.objects], transfer: null }
    case 'storeObject': {
      const before = write.objectId === FIRST_OBJECT ? [] : (plain.transfer?.objects ?? [])
      const objects = [...before, { id: write.objectId, data: write.data }]
      const isComplete = write.nextObjectId === FIRST_OBJECT
      return { ...plain, transfer: { snapshot: write.snapshot, objects, isComplete } }
    }
    case 'snapshot': {
      const { lastIncludedIndex } = write.snapshot
      if (lastIncludedIndex < plain.remains.snapshot.lastIncludedIndex) return plain
      const isCovered = (plain.transfer?.snapshot.lastIncludedIndex ?? Infinity) <= lastIncludedIndex
      return {
        remains: { ...plain.remains, snapshot: write.snapshot },
        objects: [...write.objects],
        transfer: isCovered ? null : plain.transfer,
      }
    }
  }
}

const storedOf = ({ remains, objects, transfer }: Plain): Stored => {
  const last = transfer?.objects.at(-1)
  if (transfer === null || transfer.isComplete || last === undefined) return { remains, objects, received: [] }
  const received = { snapshot: transfer.snapshot, nextObjectId: nextOf(transfer), digest: 7 }
  return { remains: { ...remains, received }, objects, received: transfer.objects }
}

const nextOf = ({ objects }: Pick<Transfer, 'objects'>): string => `object ${objects.length}`

/** One step of a history; numbers are taken modulo what there is, so that shrinking never makes it invalid. */
interface Step {
  readonly type: 'save' | 'store' | 'snapshot' | 'reset' | 'reopen'
  readonly isWithNext: boolean
  readonly at: number
  readonly other: number
  readonly count: number
  readonly flags: readonly [boolean, boolean, boolean, boolean]
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.oneof(
    { weight: 8, arbitrary: fc.constant('save' as const) },
    { weight: 4, arbitrary: fc.constant('store' as const) },
    { weight: 3, arbitrary: fc.constant('snapshot' as const) },
    { weight: 1, arbitrary: fc.constant('reset' as const) },
    { weight: 2, arbitrary: fc.constant('reopen' as const) },
  ),
  isWithNext: fc.boolean(),
  at: fc.nat(1000),
  other: fc.nat(1000),
  count: fc.nat(12),
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
})

/** A whole number in [from, to], both included. */
const between = (from: number, to: number, choice: number): number => from + (choice % (to - from + 1))

/** A save as a server in this state might make it: any of its parts, in any combination. */
const saveFrom = (plain: Plain, { at, other, count, flags }: Step): Save => {
  const { remains, transfer } = plain
  const [hasHardState, isTruncating, isCompacting, isAdopting] = flags
  const base = remains.base.index
  const last = lastIndexOf(remains)
  const from = isTruncating ? between(base + 1, last + 2, at) : last + 1
  const kept = Math.min(from - 1, last)
  const entries = entriesBetween(kept + 1, kept + count, lastTermOf(remains) + 1)
  const end = kept + count
  const snapshot = isAdopting && transfer?.isComplete === true ? transfer.snapshot : null
  const covered = snapshot?.lastIncludedIndex ?? remains.snapshot.lastIncludedIndex
  // Installing a snapshot that the log does not reach leaves an empty log; a policy compacts within the log.
  const compactTo = snapshot !== null ? covered : between(base, Math.max(base, Math.min(covered, end)), other)
  const isCompacted = snapshot !== null || isCompacting
  return saving(Math.max(end, isCompacted ? compactTo : 0), {
    hardState: hasHardState ? { currentTerm: term(at + 1000), votedFor: other % 2 === 0 ? nodeId('b') : null } : null,
    truncateFrom: isTruncating ? index(from) : null,
    entries,
    snapshot,
    compactTo: isCompacted ? positionAt(compactTo, 1) : null,
  })
}

const storeFrom = ({ remains, transfer }: Plain, { at, count, flags }: Step): StorageWrite => {
  const [isLarge, isRestarted, isLast, isFar] = flags
  const data = `${count} `.padEnd(isLarge ? 5000 : 5, '🂡')
  if (transfer === null || transfer.isComplete || isRestarted) {
    const snapshot = snapshotAt(remains.snapshot.lastIncludedIndex + between(1, isFar ? 40 : 3, at), 2)
    return receiving(snapshot, FIRST_OBJECT, isLast ? FIRST_OBJECT : nextOf({ objects: [{ id: 0, data }] }), data)
  }
  const objects = [...transfer.objects, { id: '', data }]
  return receiving(transfer.snapshot, nextOf(transfer), isLast ? FIRST_OBJECT : nextOf({ objects }), data)
}

/** Bases far apart, so that the order of keys matters; MAX_SAFE_INTEGER itself is never passed. */
const BASES = [0, 7, 95, 999_990, Number.MAX_SAFE_INTEGER - 5000]

const writeFrom = (plain: Plain, chosen: Step): StorageWrite | null => {
  const { at, other, count, flags } = chosen
  const { snapshot } = plain.remains
  switch (chosen.type) {
    case 'save':
      return saveFrom(plain, chosen)
    case 'store':
      return storeFrom(plain, chosen)
    case 'snapshot': {
      const covered = Math.max(0, between(snapshot.lastIncludedIndex - 1, lastIndexOf(plain.remains) + 1, at))
      const objects = objectsNamed(`own ${other}`, count, flags[0] && flags[1] ? 400_000 : 10)
      return { type: 'snapshot', snapshot: snapshotAt(covered, 2), objects }
    }
    case 'reset': {
      const base = BASES[at % BASES.length] ?? 0
      const remains = {
        snapshot: snapshotAt(base + (count >> 1), 1),
        base: positionAt(base, 1),
        entries: entriesBetween(base + 1, base + count, 2),
      }
      return resetTo(remains, objectsNamed(`reset ${other}`, count >> 1))
    }
    case 'reopen':
      return null
  }
}

describe('a log on disk means what plain values mean', () => {
  it('whenever it is opened again, whatever was written in whatever calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const directory = await directories.make()
        let storage = await openStorage(directory, { segmentBytes: 4096 })
        await storage.write([resetTo()])
        let plain: Plain = { remains: BIRTH, objects: [], transfer: null }
        let gathered: StorageWrite[] = []
        for (const chosen of [...steps, null]) {
          const write = chosen === null ? null : writeFrom(plain, chosen)
          if (write !== null) {
            gathered.push(write)
            plain = plainWrite(plain, write)
            if (chosen?.isWithNext === true) continue
          }
          await storage.write(gathered)
          gathered = []
          if (write !== null) continue
          await storage.close()
          storage = await openStorage(directory, { segmentBytes: 4096 })
          expect(await storage.load()).toEqual(storedOf(plain))
        }
        await storage.close()
      }),
      { numRuns: 80 },
    )
  })
})
