import { chmod, mkdir, open, readFile, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { entryKey, headKey, objectKey, seal, type Database } from '../../src/shell/level-keys.ts'
import { MARKER } from '../../src/shell/level-directory.ts'
import { openDatabase, openLevelStorage } from '../../src/shell/level-storage.ts'
import { StorageError } from '../../src/shell/storage.ts'
import { index } from '../../src/core/ids.ts'
import {
  TemporaryDirectories,
  entriesBetween,
  entryAt,
  objectsNamed,
  resetTo,
  saving,
  snapshotAt,
} from './support-storage.ts'

const directories = new TemporaryDirectories()
afterAll(() => directories.remove())

const expectRefusal = async (directory: string, reason: RegExp): Promise<void> => {
  const failure: unknown = await openLevelStorage(directory).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(StorageError)
  expect(String(failure)).toContain(directory)
  expect(String(failure)).toMatch(reason)
}

/** A directory with a log of five entries and a snapshot of three objects. */
const used = async (): Promise<string> => {
  const directory = await directories.make()
  const storage = await openLevelStorage(directory)
  await storage.write([resetTo(), saving(5, { entries: entriesBetween(1, 5) })])
  await storage.write([{ type: 'snapshot', snapshot: snapshotAt(4), objects: objectsNamed('four', 3) }])
  await storage.close()
  return directory
}

describe('a directory is made ready', () => {
  it('with its parents, and says whose it is', async () => {
    const directory = join(await directories.make(), 'some', 'where')
    await (await openLevelStorage(directory)).close()
    expect(await readFile(join(directory, MARKER), 'utf8')).toBe('{"format":"raft-reducer","version":1}\n')
  })

  it('if it only holds what an interrupted attempt left, or a fresh file system', async () => {
    const directory = await directories.make()
    await writeFile(join(directory, `${MARKER}.new`), '{"for')
    await mkdir(join(directory, 'lost+found'))
    await (await openLevelStorage(directory)).close()
  })
})

describe('a directory is refused, with a word on what to do, when', () => {
  it('it holds something else, which is left alone', async () => {
    const directory = await directories.make()
    await writeFile(join(directory, 'thesis.txt'), 'mine')
    await expectRefusal(directory, /holds something else: choose an empty directory/)
    expect(await readdir(directory)).toEqual(['thesis.txt'])
  })

  it('a later version wrote it', async () => {
    const directory = await used()
    await writeFile(join(directory, MARKER), '{"format":"raft-reducer","version":2}')
    await expectRefusal(directory, /format version 2.*run the version that wrote it/)
  })

  it.each(['{"format":"other","version":1}', '{"format', 'null'])('its marker reads %s', async (marker) => {
    const directory = await used()
    await writeFile(join(directory, MARKER), marker)
    await expectRefusal(directory, /not readable: restore/)
  })

  it('it is in use', async () => {
    const directory = await directories.make()
    const storage = await openLevelStorage(directory)
    await expectRefusal(directory, /in use: stop the other process/)
    await storage.close()
  })

  it('it is a file, or below one', async () => {
    const file = join(await directories.make(), 'file')
    await writeFile(file, '')
    await expectRefusal(file, /not a directory/)
    await expectRefusal(join(file, 'below'), /not a directory/)
  })

  it('this user may not write there', async () => {
    const directory = await directories.make()
    await chmod(directory, 0o555)
    // The superuser may write anywhere: be somebody else meanwhile.
    const isSuperuser = process.geteuid?.() === 0
    if (isSuperuser) process.seteuid?.(65534)
    try {
      await expectRefusal(directory, /may not be written: give this user the right/)
      await expectRefusal(join(directory, 'below'), /may not be written/)
    } finally {
      if (isSuperuser) process.seteuid?.(0)
      await chmod(directory, 0o755)
    }
  })

  it('CURRENT is gone, where LevelDB would begin an empty database', async () => {
    const directory = await used()
    await unlink(join(directory, 'CURRENT'))
    await expectRefusal(directory, /damaged.*CURRENT is not/)
  })

  it('the manifest is damaged', async () => {
    const directory = await used()
    for (const name of await readdir(directory))
      if (name.startsWith('MANIFEST')) await writeFile(join(directory, name), 'nonsense '.repeat(100))
    await expectRefusal(directory, /damaged/)
  })

  it('a table is gone', async () => {
    const directory = await used()
    await (await openLevelStorage(directory)).close()
    for (const name of await readdir(directory)) if (name.endsWith('.ldb')) await rm(join(directory, name))
    await expectRefusal(directory, /damaged/)
  })
})

describe('what makes no sense is not loaded, and the error names the key', () => {
  const put = (key: string, value: unknown) => (database: Database) =>
    database.batch([seal(key, value)], { sync: true })
  const drop = (key: string) => (database: Database) => database.batch([{ type: 'del', key }], { sync: true })
  const entry = (at: number): string => entryKey(index(at))
  const OBJECT = objectKey(2, 1)

  const damages: readonly (readonly [string, string, (database: Database) => Promise<void>])[] = [
    ['an entry is missing', entry(3), drop(entry(3))],
    ['the first entry is missing', entry(1), drop(entry(1))],
    ['the last entry is missing', entry(5), drop(entry(5))],
    ['there is one entry more', entry(6), put(entry(6), entryAt(6))],
    ['there is one long before', entry(0), put(entry(0), entryAt(0))],
    ['an entry has the wrong index', entry(3), put(entry(3), entryAt(4))],
    ['a term falls', entry(3), put(entry(3), entryAt(3, 0))],
    ['an index is no whole number', entry(3), put(entry(3), { ...entryAt(3), index: 3.5 })],
    ['a command is missing', entry(3), put(entry(3), { type: 'command', index: 3, term: 1, bytes: 0 })],
    ['an entry is of an unknown type', entry(3), put(entry(3), { ...entryAt(3), type: 'blank' })],
    ['an entry is null', entry(3), put(entry(3), null)],
    [
      'a value is not JSON',
      entry(3),
      (database) => database.batch([{ type: 'put', key: entry(3), value: '00000000{' }], { sync: true }),
    ],
    [
      "a value was another key's",
      entry(3),
      (database) => database.batch([{ ...seal(entry(4), entryAt(3)), key: entry(3) }], { sync: true }),
    ],
    ['an object is missing', OBJECT, drop(OBJECT)],
    ['the last object is missing', objectKey(2, 2), drop(objectKey(2, 2))],
    ['an object has no text', OBJECT, put(OBJECT, { id: 1 })],
    ['the head is of another shape', headKey(2), put(headKey(2), { id: '' })],
    ['the head is missing', entry(1), drop(headKey(2))],
    ['a write between two heads is lost', headKey(4), put(headKey(4), {})],
  ]
  it.each(damages)('%s', async (_, key, damage) => {
    const directory = await used()
    const database = await openDatabase(directory)
    await damage(database)
    await database.close()
    const failure: unknown = await openLevelStorage(directory)
      .then(async (storage) => {
        const stored = await storage.load().finally(() => storage.close())
        return stored
      })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StorageError)
    expect(String(failure)).toContain(key)
  })

  it('LevelDB has skipped a damaged part of its log', async () => {
    const directory = await directories.make()
    const storage = await openLevelStorage(directory)
    await storage.write([resetTo()])
    // The same few keys again and again: what is lost in the middle shows in none of them.
    for (let sequence = 1; sequence <= 300; sequence++)
      await storage.write([
        saving(3, { truncateFrom: sequence === 1 ? null : index(1), entries: entriesBetween(1, 3) }),
      ])
    await storage.close()
    const name = (await readdir(directory)).find((file) => file.endsWith('.log')) ?? ''
    const handle = await open(join(directory, name), 'r+')
    expect((await handle.stat()).size).toBeGreaterThan(3 * 32_768)
    await handle.write('damage', 40_000)
    await handle.close()
    await expect(openLevelStorage(directory)).rejects.toThrow(/head.*a write between them is lost/)
  })
})
