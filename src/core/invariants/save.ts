import { maxIndex, minIndex, predecessor } from '../ids.ts'
import { claimOf, currentRpc, type Claim, type Transition } from './claim.ts'
import { append, compactTo, emptyLog, entryAt, termAt, truncateFrom, type Log } from '../log/log.ts'
import type { Save } from '../output.ts'

/*
 * What a step may do to the log and to the disk: the save says exactly what changed, nothing committed is taken
 * back, and an answer of the disk vouches for what it is about.
 */

const claim: Claim = claimOf

export const checkSave = (step: Transition): void => {
  const { before, after, save } = step
  const hasNewHardState =
    before.server.currentTerm !== after.server.currentTerm || before.server.votedFor !== after.server.votedFor
  claim(step, hasNewHardState === ((save?.hardState ?? null) !== null), 'term and vote are saved when they change')
  claim(
    step,
    after.server.hardStateSequence === (hasNewHardState ? after.server.saveSequence : before.server.hardStateSequence),
    'the save of the term and vote in force is remembered',
  )
  if (save === null) return claim(step, after.log === before.log, 'a change of the log is saved')
  claim(step, save.sequence === after.server.saveSequence, 'a save carries its number')
  claim(step, save.lastIndex === after.log.lastIndex, 'a save tells where the log ends')
  if (save.hardState === null) return
  claim(
    step,
    save.hardState.currentTerm === after.server.currentTerm && save.hardState.votedFor === after.server.votedFor,
    'the term and vote saved are those in force',
  )
}

export const checkLogChange = (step: Transition): void => {
  const { before, after, save } = step
  const { log } = after
  if (save === null || log === before.log) return
  const { truncateFrom: from, snapshot } = save
  const saved = performed(before.log, save)
  claim(
    step,
    saved.baseIndex === log.baseIndex &&
      saved.baseTerm === log.baseTerm &&
      saved.lastIndex === log.lastIndex &&
      saved.lastTerm === log.lastTerm &&
      saved.bytes === log.bytes,
    'the disk is told exactly how the log changed',
  )
  for (const entry of save.entries) {
    claim(
      step,
      entry.index <= log.baseIndex || entryAt(log, entry.index) === entry,
      'what is saved is what is appended',
    )
    claim(
      step,
      entry.type !== 'configuration' || after.server.configurations.some((record) => record.index === entry.index),
      'a configuration is in force as soon as it is appended (section 6)',
    )
  }
  const { commitIndex } = before.server
  if (from !== null && snapshot === null) claim(step, from > commitIndex, 'what is committed is never truncated')
  if (from !== null && snapshot !== null)
    claim(step, snapshot.lastIncludedIndex > commitIndex, 'a log is dropped only for a snapshot of more')
  if (from !== null && snapshot === null)
    claim(
      step,
      from <= before.log.lastIndex && entryAt(before.log, from)?.term !== save.entries[0]?.term,
      'an entry is truncated only where one of another term takes its place',
    )
  const led = before.server.role.type === 'leader' && before.server.currentTerm === after.server.currentTerm
  claim(step, !led || from === null, 'a leader never truncates its log')
  const grows = save.entries.length > 0
  const mayGrow =
    step.message.type === 'propose' || currentRpc(step, 'AppendEntries') !== null || after.server.role.type === 'leader'
  claim(step, !grows || mayGrow, 'a log grows by proposals and by its leader’s word')
}

/** The log after a save, as a disk performs it. */
const performed = (log: Log, { truncateFrom: from, entries, compactTo: compaction }: Save): Log => {
  const appended = append(from === null ? log : truncateFrom(log, from), entries)
  if (compaction === null || compaction.index <= appended.baseIndex) return appended
  return termAt(appended, compaction.index) === compaction.term
    ? compactTo(appended, compaction.index)
    : emptyLog(compaction.index, compaction.term)
}

export const checkDurable = (step: Transition): void => {
  const { before, after, message } = step
  const { server: old } = before
  const { server } = after
  if (message.type !== 'saved') {
    claim(step, server.savedSequence === old.savedSequence, 'only the disk says what is saved')
    return claim(step, server.durableIndex <= old.durableIndex, 'only the disk says what is durable')
  }
  let expected = minIndex(message.lastIndex, before.log.lastIndex)
  const { truncation } = old
  if (truncation !== null && truncation.sequence > message.sequence)
    expected = minIndex(expected, predecessor(truncation.index))
  if (message.sequence <= old.savedSequence) expected = old.durableIndex
  claim(
    step,
    server.durableIndex === maxIndex(old.durableIndex, expected),
    'an answer of the disk vouches for its save and nothing later',
  )
}

export const checkSnapshotChange = (step: Transition): void => {
  const { before, after, message, save } = step
  const { snapshot } = after.server
  if (snapshot === before.server.snapshot)
    return claim(step, (save?.snapshot ?? null) === null, 'only a new snapshot is saved')
  if (message.type === 'snapshotTaken') {
    claim(step, snapshot.lastIncludedIndex === message.index, 'a snapshot covers what it is said to')
    claim(
      step,
      snapshot.lastIncludedTerm === termAt(before.log, message.index),
      'the term of a snapshot is that of its last entry',
    )
    const known = before.server.configurations.findLast(({ index }) => index <= message.index)
    return claim(step, snapshot.configurationIndex === known?.index, 'a snapshot holds the configuration in force then')
  }
  claim(step, message.type === 'snapshotInstalled', 'snapshots are taken or installed')
  claim(step, save?.snapshot === snapshot, 'an installed snapshot is saved')
  claim(step, snapshot.lastIncludedIndex > before.server.applyingIndex, 'an installed snapshot brings something new')
  const keeps = termAt(before.log, snapshot.lastIncludedIndex) === snapshot.lastIncludedTerm
  claim(
    step,
    after.log.lastIndex === (keeps ? before.log.lastIndex : snapshot.lastIncludedIndex),
    'the log after a snapshot stays only when it agrees with the snapshot',
  )
}
