import { StorageError } from './storage.ts'

/* How failures of a disk, and damage found on it, are put into words. */

/** What to do about damage. */
export const RESTORE = 'restore the directory from a copy'

/** Damage at a byte of a file. */
export const damaged = (file: string, at: number, expected: string): StorageError =>
  new StorageError(
    `${file} is damaged at byte ${at}: expected ${expected}. Restore the directory from a copy, or let the server join anew`,
  )

/** The code that node:fs gives an error; undefined for any other. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined

/** Whether there was no room on the disk. */
export const isFull = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Why a write or a read failed. */
export const describe = (error: unknown): string => {
  if (isFull(error)) return 'the disk is full: free some space, and start again'
  return `the disk failed: ${error instanceof Error ? error.message : String(error)}`
}
