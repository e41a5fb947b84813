import { spawn } from 'node:child_process'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from './storage.ts'
import { LOCK } from './recovery.ts'

/*
 * One process at a time: two writers of one log would each promise what the other takes back. Node has no flock(2), but
 * flock(1) of util-linux takes a descriptor that it inherits, and the lock belongs to what is open, not to the process
 * that asked for it: it lasts until this process closes the file or dies, however it dies. A file with a process id in it,
 * or with a time, would be left by a crash, or taken over while its owner stands still.
 */

export interface LockOptions {
  /** Go on without a lock where flock(1) is not installed. The caller sees to it that no second process runs. Default false. */
  readonly isUnlockedAllowed?: boolean
  /** The program. Default `flock`. */
  readonly program?: string
}

/** Holds a directory until the function that it resolves to is called. @throws StorageError when another holds it. */
export const acquireLock = async (
  directory: string,
  { isUnlockedAllowed = false, program = 'flock' }: LockOptions = {},
): Promise<() => Promise<void>> => {
  const file = await open(join(directory, LOCK), 'a')
  try {
    const ending = await flock(file, program)
    if (ending === 'held')
      throw new StorageError(`${directory} is in use: stop the other process, or choose another directory`)
    if (ending === 'missing' && !isUnlockedAllowed)
      throw new StorageError(
        `${directory} cannot be locked, as the program ${program} (of util-linux) is not there: install it, or make sure that no second process uses the directory, and say so with --no-lock`,
      )
    return () => file.close()
  } catch (error) {
    await file.close()
    throw error
  }
}

/** 1 is what flock(1) exits with when it may not wait. */
const HELD = 1

const flock = (file: FileHandle, program: string): Promise<'locked' | 'held' | 'missing'> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', file.fd] })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('missing')
      else reject(error)
    })
    child.on('close', (code) => {
      if (code === 0) resolve('locked')
      else if (code === HELD) resolve('held')
      else
        reject(
          new StorageError(`the lock of the directory failed: ${said.trim() || `flock ended with ${String(code)}`}`),
        )
    })
  })
