import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/assert.ts'
import { StorageError } from '../../src/shell/storage/storage.ts'
import { openStorage, type LogStorageOptions } from '../../src/shell/storage/index.ts'
import { TemporaryDirectories, entriesBetween, objectsNamed, resetTo, saving, snapshotAt } from './support-storage.ts'

const directories = new TemporaryDirectories()
afterAll(() => directories.remove())

const expectRefusal = async (directory: string, reason: RegExp, options: LogStorageOptions = {}): Promise<void> => {
  const failure: unknown = await openStorage(directory, options).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(StorageError)
  expect(String(failure)).toContain(directory)
  expect(String(failure)).toMatch(reason)
}

/** A directory with a log of five entries and a snapshot of three objects. */
const used = async (): Promise<string> => {
  const directory = await directories.make()
  const storage = await openStorage(directory)
  await storage.write([resetTo(), saving(5, { entries: entriesBetween(1, 5) })])
  await storage.write([{ type: 'snapshot', snapshot: snapshotAt(4), objects: objectsNamed('four', 3) }])
  await storage.close()
  return directory
}

describe('a directory is made ready', () => {
  it('with its parents', async () => {
    const directory = join(await directories.make(), 'some', 'where')
    await (await openStorage(directory)).close()
    expect((await readdir(directory)).toSorted()).toEqual(['LOCK', 'MANIFEST', 'log-00000001'])
  })

  it('if it only holds what an interrupted attempt left, or a fresh file system', async () => {
    const directory = await directories.make()
    await writeFile(join(directory, 'MANIFEST.new'), '{"for')
    await writeFile(join(directory, 'log-00000001'), new Uint8Array(700))
    await mkdir(join(directory, 'lost+found'))
    await (await openStorage(directory)).close()
  })
})

it.each([0, 511, 1.5, Number.NaN])('segments of %s bytes are refused, and nothing is made', async (segmentBytes) => {
  const directory = join(await directories.make(), 'new')
  await expect(openStorage(directory, { segmentBytes })).rejects.toThrow(UsageError)
  await expect(readdir(directory)).rejects.toThrow(/ENOENT/)
})

describe('a directory is refused, with a word on what to do, when', () => {
  it('it holds something else, which is left alone', async () => {
    const directory = await directories.make()
    await writeFile(join(directory, 'thesis.txt'), 'mine')
    await expectRefusal(directory, /thesis.txt is no file of a log: choose an empty directory/)
    expect(await readFile(join(directory, 'thesis.txt'), 'utf8')).toBe('mine')
  })

  it('an earlier version wrote it, by LevelDB', async () => {
    const directory = await directories.make()
    await writeFile(join(directory, 'raft-reducer.json'), '{"format":"raft-reducer","version":1}\n')
    await writeFile(join(directory, 'CURRENT'), 'MANIFEST-000002\n')
    await expectRefusal(directory, /of an earlier version.*LevelDB: run that version/)
  })

  it('its manifest is damaged, or of a later version', async () => {
    const directory = await used()
    const manifest = join(directory, 'MANIFEST')
    const text = await readFile(manifest, 'utf8')
    await writeFile(manifest, text.replace('"version":1', '"version":2'))
    await expectRefusal(directory, /MANIFEST is damaged: expected a line and its checksum. Restore/)
  })

  it('it is in use', async () => {
    const directory = await directories.make()
    const storage = await openStorage(directory)
    await expectRefusal(directory, /in use: stop the other process/)
    await storage.close()
    await (await openStorage(directory)).close()
  })

  it('it cannot be locked, unless that is allowed', async () => {
    const directory = await directories.make()
    await expectRefusal(directory, /no-flock.*install it/, { program: 'no-flock' })
    const storage = await openStorage(directory, { program: 'no-flock', isUnlockedAllowed: true })
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
})
