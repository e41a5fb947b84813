import { checksum } from '../core/checksum.ts'
import type { Index } from '../core/ids.ts'
import { StorageError } from './storage.ts'

/** What of LevelDB the storage uses; `ClassicLevel` is one. */
export interface Database {
  /** Atomic; with `sync`, on the disk once resolved. */
  batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void>
  iterator(range: KeyRange & { readonly highWaterMarkBytes: number }): AsyncIterable<[string, string]>
  clear(range: KeyRange): Promise<void>
  close(): Promise<void>
}

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

/** `[gte, lt)` */
export interface KeyRange {
  readonly gte: string
  readonly lt: string
}

/*
 * Numbers in keys have 16 digits, enough for 2^53 − 1, so that LevelDB's order of keys is that of numbers.
 * '0' follows '/' in ASCII: a prefix that ends in '/' spans up to the same with '0'.
 */
const digits = (value: number): string => String(value).padStart(16, '0')

export const headKey = (write: number): string => `head/${digits(write)}`
export const entryKey = (index: Index): string => `entry/${digits(index)}`
export const objectKey = (generation: number, position: number): string =>
  `object/${digits(generation)}/${digits(position)}`

export const HEADS: KeyRange = { gte: 'head/', lt: 'head0' }
export const ENTRIES: KeyRange = { gte: 'entry/', lt: 'entry0' }
export const OBJECTS: KeyRange = { gte: 'object/', lt: 'object0' }

/** The number of the write that made a head. @throws StorageError when the key is not one of a head. */
export const writeOf = (key: string): number => {
  const write = Number(key.slice(HEADS.gte.length))
  if (!Number.isSafeInteger(write) || headKey(write) !== key) throw damaged(key, 'its key has no such form')
  return write
}

/**
 * A value as it is stored: a checksum of key and text, then the text, which is JSON. LevelDB does not verify its own
 * checksums when it reads tables; a value under another's key would pass them anyway.
 */
export const seal = (key: string, value: unknown): Operation => {
  const text = JSON.stringify(value)
  return { type: 'put', key, value: sumOf(key, text) + text }
}

/** What `seal` was given. @throws StorageError naming the key when it is not what was stored. */
export const unseal = (key: string, stored: string): unknown => {
  const text = stored.slice(SUM_DIGITS)
  if (stored.slice(0, SUM_DIGITS) !== sumOf(key, text)) throw damaged(key, 'its checksum is wrong')
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw damaged(key, 'it is not JSON', cause)
  }
}

const SUM_DIGITS = 8

const sumOf = (key: string, text: string): string =>
  checksum(text, checksum(key)).toString(16).padStart(SUM_DIGITS, '0')

/** The error for what no node could have written. */
export const damaged = (key: string, reason: string, cause?: unknown): StorageError =>
  new StorageError(
    `the stored ${key} is damaged: ${reason}. Restore the directory from a copy, or let the server join anew`,
    { cause },
  )
