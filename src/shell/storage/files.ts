import { constants } from 'node:fs'
import { open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from './failure.ts'
import { StorageError } from './storage.ts'

/*
 * What the log asks of a file system, and no more: the one place of this room that knows node:fs. Tests put a recording
 * one and a failing one in its place. What each call makes durable:
 *
 * - `datasync` and `sync`: the file's bytes and length, not its name.
 * - `syncDirectory`: the names: what was created, renamed and removed before.
 * - Everything else: nothing. Bytes that were written may be on the disk or not, sector by sector.
 */

/** A file that is written at offsets. Writes of one file do not overlap in time. */
export interface OpenFile {
  /** All bytes, or it throws. */
  write(bytes: Uint8Array, at: number): Promise<void>
  datasync(): Promise<void>
  /** As datasync, and the file's other metadata. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** The files of one directory, by name. All calls throw errors with the codes of node:fs. */
export interface Files {
  list(): Promise<readonly string[]>
  /** The bytes from `from`, before `to`, as far as the file goes: by default all. */
  read(name: string, from?: number, to?: number): Promise<Uint8Array>
  /** Its length in bytes. */
  size(name: string): Promise<number>
  /** A new, empty file. @throws EEXIST where there is one. */
  create(name: string): Promise<OpenFile>
  /** A file that exists, to write. */
  open(name: string): Promise<OpenFile>
  /** Replaces `to` as a whole. */
  rename(from: string, to: string): Promise<void>
  remove(name: string): Promise<void>
  syncDirectory(): Promise<void>
}

/** The files of a directory that exists. */
export const filesIn = (directory: string): Files => ({
  list: () => readdir(directory),
  read: (name, from = 0, to = Infinity) => readBytes(join(directory, name), from, to),
  size: async (name) => (await stat(join(directory, name))).size,
  create: async (name) => openFile(await open(join(directory, name), 'wx')),
  open: async (name) => openFile(await open(join(directory, name), constants.O_WRONLY)),
  rename: (from, to) => rename(join(directory, from), join(directory, to)),
  remove: (name) => unlink(join(directory, name)),
  syncDirectory: () => syncDirectory(directory),
})

/**
 * The same files, but for the directory: once a sync of it has failed, none is tried again. The second might succeed
 * though the first has lost names, be it one for a file that was not needed, or for a snapshot.
 */
export const syncedWithoutRetry = (files: Files): Files => {
  let failure: StorageError | null = null
  return {
    list: () => files.list(),
    read: (name, from, to) => files.read(name, from, to),
    size: (name) => files.size(name),
    create: (name) => files.create(name),
    open: (name) => files.open(name),
    rename: (from, to) => files.rename(from, to),
    remove: (name) => files.remove(name),
    syncDirectory: async () => {
      if (failure !== null) throw failure
      try {
        await files.syncDirectory()
      } catch (error) {
        failure = new StorageError(describe(error), { cause: error })
        throw failure
      }
    },
  }
}

/** Makes the names in a directory durable. Windows neither needs it nor can open a directory. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** One call reads less than 2 GiB, whatever it is asked for. */
const READ_MAX = 1 << 30

/** Without waiting, as for the other end of a pipe: one that bears the name of a file of the log is no such file. */
const readBytes = async (path: string, from: number, to: number): Promise<Uint8Array> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw Object.assign(new Error(`${path} is not a file`), { code: 'EINVAL' })
    const bytes = new Uint8Array(Math.max(0, Math.min(to, found.size) - from))
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, READ_MAX), from + at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}

const openFile = (handle: FileHandle): OpenFile => ({
  async write(bytes, at) {
    for (let from = 0; from < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, at + from)
      // A write that makes no progress would be repeated for ever.
      if (bytesWritten === 0) throw Object.assign(new Error('nothing could be written'), { code: 'EIO' })
      from += bytesWritten
    }
  },
  datasync: () => handle.datasync(),
  sync: () => handle.sync(),
  close: () => handle.close(),
})
