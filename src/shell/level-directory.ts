import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { StorageError } from './storage.ts'

/** The file that says whose a directory is: the first thing in it, on the disk before anything else is. */
export const MARKER = 'raft-reducer.json'
const FORMAT = 'raft-reducer'
const VERSION = 1

/** What may lie in a directory that is still nobody's: an interrupted attempt of ours, or a fresh file system. */
const HARMLESS: readonly string[] = [`${MARKER}.new`, 'lost+found']

/**
 * Makes sure that a directory is there and ours, before LevelDB touches anything in it.
 * @throws StorageError when it cannot be made or read, holds something else, or was written by a later version.
 */
export const prepareDirectory = async (directory: string): Promise<void> => {
  try {
    await makeDirectory(directory)
    const names = await readdir(directory)
    if (names.includes(MARKER)) checkMarker(directory, await readFile(join(directory, MARKER), 'utf8'))
    else if (names.every((name) => HARMLESS.includes(name))) await writeMarker(directory)
    else throw new StorageError(`${directory} holds something else: choose an empty directory, or a new one`)
    checkComplete(directory, names)
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError(describeFailure(directory, error), { cause: error })
  }
}

/** On the disk once resolved: the names in a directory, made or renamed. */
export const syncDirectory = async (directory: string): Promise<void> => {
  // Windows neither needs it nor can open a directory.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Also its parents, each with its name on the disk: LevelDB syncs files, but not the way to them. */
const makeDirectory = async (directory: string): Promise<void> => {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  const top = dirname(resolve(first))
  for (let at = dirname(resolve(directory)); ; at = dirname(at)) {
    await syncDirectory(at)
    if (at === top || at === dirname(at)) return
  }
}

const writeMarker = async (directory: string): Promise<void> => {
  const temporary = join(directory, `${MARKER}.new`)
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT, version: VERSION })}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, join(directory, MARKER))
  await syncDirectory(directory)
}

const checkMarker = (directory: string, text: string): void => {
  const { format, version } = parse(text)
  if (format !== FORMAT || !Number.isInteger(version))
    throw new StorageError(`${join(directory, MARKER)} is not readable: restore it from a copy of the directory`)
  if (version !== VERSION)
    throw new StorageError(
      `${directory} has format version ${String(version)}, and this program knows ${VERSION}: run the version that wrote it`,
    )
}

const parse = (text: string): { readonly format?: unknown; readonly version?: unknown } => {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Where CURRENT is missing LevelDB would start an empty database and remove the files of the one that was there. */
const checkComplete = (directory: string, names: readonly string[]): void => {
  const data = names.find((name) => /^\d+\.(log|ldb|sst)$/.test(name))
  if (data !== undefined && !names.includes('CURRENT'))
    throw new StorageError(`${directory} is damaged: ${data} is there, CURRENT is not. Restore it from a copy`)
}

/** An error of the file system or of LevelDB, as a sentence that says what to do. */
export const describeFailure = (directory: string, error: unknown): string => {
  const codes = codesOf(error)
  if (codes.includes('LEVEL_LOCKED'))
    return `${directory} is in use: stop the other process, or choose another directory`
  if (codes.includes('LEVEL_CORRUPTION'))
    return `${directory} is damaged: restore it from a copy, or let the server join anew (${reasonOf(error)})`
  if (codes.some((code) => code === 'ENOTDIR' || code === 'EEXIST')) return `${directory} is not a directory`
  if (codes.some((code) => code === 'EACCES' || code === 'EPERM' || code === 'EROFS'))
    return `${directory} may not be written: give this user the right to, or choose another directory`
  return `${directory} cannot be used: ${reasonOf(error)}`
}

const codesOf = (error: unknown): readonly unknown[] =>
  error instanceof Error ? [(error as NodeJS.ErrnoException).code, ...codesOf(error.cause)] : []

/** LevelDB's own words are in the innermost cause. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : reasonOf(error.cause)
}
