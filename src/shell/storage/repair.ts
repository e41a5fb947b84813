import { randomBytes } from 'node:crypto'
import { StorageError } from './storage.ts'
import { makeDirectory } from './directory.ts'
import { examine, salvageable, type Examined } from './examine.ts'
import { filesIn, type Files } from './files.ts'
import { acquireLock, type LockOptions } from './lock.ts'
import { openLogStorage } from './log-storage.ts'
import { readObjects } from './object-files.ts'
import { REPAIRED, checkNames } from './recovery.ts'

/** Examines a directory that no node uses. @throws StorageError when one does, or when it is no directory of a log. */
export const examineDirectory = async (directory: string, lock: LockOptions = {}): Promise<Examined> => {
  const files = filesIn(directory)
  // Before a lock file is made in a directory that is not ours.
  checkNames(await files.list())
  const release = await acquireLock(directory, lock)
  try {
    return await examine(files)
  } finally {
    await release()
  }
}

/**
 * Copies what is whole of a damaged directory to a new one. If anything promised may be missing it marks the copy: a node
 * refuses it until its operator accepts the loss. An unfinished transfer is not copied: the leader begins it again. The original is not touched. Resolves with what was found and what is lost.
 * @throws StorageError when nothing can be saved, or when the new directory is not empty.
 */
export const repairTo = async (
  directory: string,
  to: string,
  lock: LockOptions = {},
): Promise<{ readonly examined: Examined; readonly losses: readonly string[] }> => {
  const examined = await examineDirectory(directory, lock)
  const contents = salvageable(examined)
  const losses = lossesOf(examined)
  await makeDirectory(to)
  const files = filesIn(to)
  if ((await files.list()).length > 0) throw new StorageError(`${to} is not empty: name a new directory`)
  const release = await acquireLock(to, lock)
  try {
    // The mark is there first: a copy that is cut short is refused, too.
    if (losses.length > 0) await mark(files, losses)
    const storage = await openLogStorage(files, randomBytes(16).toString('hex'))
    const { id, hardState, base, snapshot } = contents
    const objects = contents.objects === null ? [] : await readObjects(filesIn(directory), contents.objects)
    await storage.write([
      { type: 'reset', remains: { id, hardState, base, snapshot, entries: examined.entries }, objects },
    ])
    await storage.close()
  } finally {
    await release()
  }
  return { examined, losses }
}

const mark = async (files: Files, losses: readonly string[]): Promise<void> => {
  const file = await files.create(REPAIRED)
  await file.write(new TextEncoder().encode(`${losses.join('\n')}\n`), 0)
  await file.sync()
  await file.close()
  await files.syncDirectory()
}

/** What a server that comes back from the copy has forgotten, as far as it is known. */
const lossesOf = ({ contents, entries, problems, isLogWhole, lostUpTo }: Examined): readonly string[] => {
  if (isLogWhole) return []
  const last = entries.at(-1)?.index ?? contents?.base.index ?? 0
  const term = contents?.hardState.currentTerm ?? 0
  const vote = contents?.hardState.votedFor ?? null
  const known =
    lostUpTo === null
      ? 'how many there were is not known'
      : `the log reached index ${lostUpTo.lastIndex} at least, and term ${lostUpTo.hardState.currentTerm}`
  return [
    ...problems,
    `kept: entries up to index ${last}, term ${term}, ${vote === null ? 'no vote in it' : `the vote for ${vote} in it`}`,
    `lost: entries after index ${last}, and terms and votes after that: ${known}`,
  ]
}
