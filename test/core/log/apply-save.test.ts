import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/core/assert.ts'
import type { Entry } from '../../../src/core/entry.ts'
import { INDEX_ZERO, TERM_ZERO, index, nodeId, term } from '../../../src/core/ids.ts'
import { applySave, type StoredImage } from '../../../src/core/log/apply-save.ts'
import { emptyLog, logOf } from '../../../src/core/log/log.ts'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import type { Save } from '../../../src/core/output.ts'
import { birthSnapshot } from '../../../src/core/start.ts'

const entry = (at: number, of: number): Entry => ({ type: 'noop', index: index(at), term: term(of), bytes: 0 })
const birth = birthSnapshot(configurationOf([nodeId('n1')]))
const snapshotAt = (at: number, of: number) => ({ ...birth, lastIncludedIndex: index(at), lastIncludedTerm: term(of) })

/** Entries 1, 2, 3 of terms 1, 1, 2. */
const image: StoredImage = {
  hardState: { currentTerm: term(2), votedFor: null },
  snapshot: birth,
  log: logOf(INDEX_ZERO, TERM_ZERO, [entry(1, 1), entry(2, 1), entry(3, 2)]),
}
const save = (fields: Partial<Save>): Save => ({
  type: 'save',
  sequence: 1,
  hardState: null,
  truncateFrom: null,
  entries: [],
  snapshot: null,
  compactTo: null,
  lastIndex: index(3),
  then: [],
  ...fields,
})

describe('a save on a stored image', () => {
  it('truncates before it appends', () => {
    const after = applySave(image, save({ truncateFrom: index(2), entries: [entry(2, 3)] }))
    expect(after.log).toEqual(logOf(INDEX_ZERO, TERM_ZERO, [entry(1, 1), entry(2, 3)]))
  })

  it('keeps what it does not name', () => {
    expect(applySave(image, save({}))).toEqual(image)
  })

  it('compacts to an entry that is held, and keeps what follows', () => {
    const snapshot = snapshotAt(2, 1)
    const after = applySave(image, save({ snapshot, compactTo: { index: index(2), term: term(1) } }))
    expect(after).toEqual({ ...image, snapshot, log: logOf(index(2), term(1), [entry(3, 2)]) })
  })

  it('begins a log that was truncated to nothing after the snapshot', () => {
    const to = { index: index(9), term: term(4) }
    const after = applySave(image, save({ truncateFrom: index(1), snapshot: snapshotAt(9, 4), compactTo: to }))
    expect(after.log).toEqual(emptyLog(to.index, to.term))
  })

  it.each<[string, Partial<Save>]>([
    ['entries leave a hole', { entries: [entry(5, 2)] }],
    ['a truncation is at the base', { truncateFrom: INDEX_ZERO }],
    ['a compaction is to an entry of another term', { compactTo: { index: index(2), term: term(2) } }],
    ['a compaction is beyond a log that holds entries', { compactTo: { index: index(9), term: term(2) } }],
  ])('is refused where %s', (_, fields) => {
    expect(() => applySave(image, save(fields))).toThrow(InvariantViolation)
  })
})
