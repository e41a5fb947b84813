import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StorageError } from './storage.ts'
import { codeOf, isFull } from './failure.ts'
import { syncDirectory } from './files.ts'

/**
 * Makes a directory and those above it, each durable with its name. One level at a time: Node's recursive mkdir never
 * ends on some paths that cannot be made.
 * @throws StorageError when it cannot be made, or is no directory.
 */
export const makeDirectory = async (directory: string): Promise<void> => {
  try {
    await make(resolve(directory))
  } catch (error) {
    throw new StorageError(describeFailure(directory, error), { cause: error })
  }
}

const make = async (path: string): Promise<void> => {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  if (found !== null) {
    if (!found.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    return
  }
  const above = dirname(path)
  if (above !== path) await make(above)
  try {
    await mkdir(path)
  } catch (error) {
    // Another process may have made it in between.
    if (codeOf(error) !== 'EEXIST') throw error
  }
  await syncDirectory(above)
}

/** An error of the file system as a sentence that says what to do. */
export const describeFailure = (directory: string, error: unknown): string => {
  const code = codeOf(error)
  if (code === 'ENOTDIR' || code === 'EEXIST') return `${directory} is not a directory`
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return `${directory} may not be written: give this user the right to, or choose another directory`
  if (isFull(error)) return `${directory} is full: free some space, and start again`
  if (code === 'ENOENT' || code === 'ENAMETOOLONG') return `${directory} cannot be made: choose another place`
  return `${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}`
}
