import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeId, term } from '../../../src/core/ids.ts'
import { configurationOf } from '../../../src/core/membership/configuration.ts'
import type { Entry } from '../../../src/core/entry.ts'
import { examine } from '../../../src/shell/storage/examine.ts'
import { openLogStorage } from '../../../src/shell/storage/log-storage.ts'
import { StorageError, type StorageWrite, type Stored } from '../../../src/shell/storage/storage.ts'
import { entriesBetween, entryAt, objectsNamed, receiving, resetTo, saving, snapshotAt } from '../support-storage.ts'
import { RecordingFiles, type Image } from './disk-model.ts'

const SEGMENT_BYTES = 1536

const joint: Entry = {
  type: 'configuration',
  index: 21 as never,
  term: term(2),
  bytes: 60,
  configuration: { ...configurationOf(['a', 'b'].map(nodeId)), votersOutgoing: [nodeId('a'), nodeId('c')] },
}

/** Two terms, a vote, a truncation, a snapshot, a joint configuration, a batch of several sectors, a reception. */
const script = (lastBytes: number): readonly (readonly StorageWrite[])[] => [
  [resetTo()],
  [saving(6, { hardState: { currentTerm: term(1), votedFor: nodeId('a') }, entries: entriesBetween(1, 6) })],
  [
    saving(9, {
      hardState: { currentTerm: term(2), votedFor: null },
      truncateFrom: 6 as never,
      entries: entriesBetween(6, 9, 2),
    }),
  ],
  [saving(20, { entries: entriesBetween(10, 20, 2) })],
  [{ type: 'snapshot', snapshot: snapshotAt(8, 2), objects: objectsNamed('own', 2, 60) }],
  [saving(21, { entries: [joint], compactTo: { index: 8 as never, term: term(2) } })],
  [receiving(snapshotAt(40, 2), 0, 'next')],
  [saving(22, { entries: [entryAt(22, 2, 'x'.repeat(lastBytes))] })],
]

const directoryOf = async (
  calls: readonly (readonly StorageWrite[])[],
  name = 'd',
  segmentBytes = SEGMENT_BYTES,
): Promise<RecordingFiles> => {
  const files = new RecordingFiles()
  const storage = await openLogStorage(files, name.repeat(32), segmentBytes)
  for (const writes of calls) await storage.write(writes)
  await storage.close()
  return files
}

const load = async (image: Image): Promise<Stored | null> => {
  const storage = await openLogStorage(new RecordingFiles(image), 'e'.repeat(32), SEGMENT_BYTES)
  const stored = await storage.load()
  await storage.close()
  return stored
}

/** `whole`: everything is there. Anything else than that or a refusal is a failure of the test. */
const judge = async (image: Image, whole: Stored | null): Promise<'refused' | 'whole'> => {
  const stored = await load(image).catch((error: unknown) => {
    if (error instanceof StorageError) return error
    throw error
  })
  if (stored instanceof StorageError) return 'refused'
  if (!isDeepStrictEqual(stored, whole)) throw new Error('something else is loaded')
  return 'whole'
}

const withFile = (image: Image, name: string, bytes: Uint8Array | null): Image => {
  const changed = new Map(image)
  if (bytes === null) changed.delete(name)
  else changed.set(name, bytes)
  return changed
}

const usedOf = (bytes: Uint8Array): number => bytes.findLastIndex((byte) => byte !== 0) + 1

const files = await directoryOf(script(30))
const { image } = files
const whole = await load(image)
const names = [...image.keys()].toSorted()
const open =
  names.filter((name) => name.startsWith('log-') && usedOf(image.get(name) ?? new Uint8Array()) > 0).at(-1) ?? ''
/** The segment that waits for its turn, which holds nothing yet. */
const spare = names.filter((name) => name.startsWith('log-') && name > open)

describe('the undamaged directory', () => {
  it('holds everything', async () => {
    expect(await judge(image, whole)).toBe('whole')
    expect(whole?.remains.entries.length).toBe(14)
    expect(whole?.received.length).toBe(1)
  })

  it('has segments, files of objects and a manifest', () => {
    expect(names.filter((name) => name.startsWith('log-')).length).toBeGreaterThan(2)
    expect(names.filter((name) => name.startsWith('objects-')).length).toBe(2)
    expect(names).toContain('MANIFEST')
  })
})

describe('one flipped bit', () => {
  it.each(names.filter((name) => !spare.includes(name)))('of what is written in %s is refused', async (name) => {
    const bytes = image.get(name) ?? new Uint8Array()
    const used = usedOf(bytes)
    const counts = { refused: 0, whole: 0 }
    for (let bit = 0; bit < used * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      counts[await judge(withFile(image, name, flipped), whole)]++
    }
    expect(counts).toEqual({ refused: used * 8, whole: 0 })
  })

  it('of the zeros of a sealed segment is refused', async () => {
    for (const name of names.filter((each) => each.startsWith('log-') && each < open)) {
      const bytes = image.get(name) ?? new Uint8Array()
      for (let at = usedOf(bytes); at < bytes.length; at++) {
        const flipped = bytes.slice()
        flipped[at] = 1 << (at & 7)
        expect(await judge(withFile(image, name, flipped), whole)).toBe('refused')
      }
    }
  })

  it('of the zeros of the open segment is refused in its sector, and taken for a torn write behind it', async () => {
    const bytes = image.get(open) ?? new Uint8Array()
    const used = usedOf(bytes)
    const sectorEnd = Math.ceil(used / 512) * 512
    const counts = { refused: 0, whole: 0 }
    for (let bit = used * 8; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = 1 << (bit & 7)
      counts[await judge(withFile(image, open, flipped), whole)]++
    }
    expect(counts).toEqual({ refused: (sectorEnd - used) * 8, whole: (bytes.length - sectorEnd) * 8 })
  })
})

describe('a file', () => {
  const needed = names.filter((name) => !spare.includes(name))

  it.each(needed)('%s, cut to any length, is refused', async (name) => {
    const bytes = image.get(name) ?? new Uint8Array()
    for (let length = 0; length < bytes.length; length++)
      expect(await judge(withFile(image, name, bytes.slice(0, length)), whole)).toBe('refused')
  })

  it.each(needed)('%s, removed, is refused', async (name) => {
    expect(await judge(withFile(image, name, null), whole)).toBe('refused')
  })

  it.each(needed.filter((name) => name !== 'MANIFEST'))('%s, of another directory, is refused', async (name) => {
    const other = await directoryOf(script(30), 'f')
    const bytes = other.image.get(name)
    const isAlike = isDeepStrictEqual(bytes, image.get(name))
    // Objects are the same in both: their file says nothing of its directory.
    expect(isAlike).toBe(name.startsWith('objects-'))
    if (bytes !== undefined && !isAlike) expect(await judge(withFile(image, name, bytes), whole)).toBe('refused')
  })

  it.each(needed)('%s, exchanged for any other, is refused', async (name) => {
    for (const other of needed)
      if (other !== name)
        expect(await judge(withFile(image, name, image.get(other) ?? new Uint8Array()), whole)).toBe('refused')
  })

  it('MANIFEST or a sealed segment, set back to an earlier copy, is refused', async () => {
    let copies = 0
    for (let calls = 1; calls < script(30).length; calls++) {
      const earlier = (await directoryOf(script(30).slice(0, calls))).image
      for (const name of needed.filter((each) => each === 'MANIFEST' || (each.startsWith('log-') && each < open))) {
        const bytes = earlier.get(name)
        if (bytes === undefined || isDeepStrictEqual(bytes, image.get(name))) continue
        copies++
        expect(await judge(withFile(image, name, bytes), whole)).toBe('refused')
      }
    }
    expect(copies).toBeGreaterThan(5)
  })
})

describe('a last batch', () => {
  /** Long enough that all of the script is in the first segment. */
  const LONG = 8192
  const NAME = 'log-00000001'
  const bytesOf = (of: RecordingFiles): Uint8Array => of.image.get(NAME) ?? new Uint8Array()

  it('of any length is dropped as a whole, whatever one sector of it is missing; nothing else is', async () => {
    const beforeFiles = await directoryOf(script(1).slice(0, -1), 'd', LONG)
    const start = usedOf(bytesOf(beforeFiles))
    const before = await load(beforeFiles.image)
    let images = 0
    for (let length = 1; length <= 1024; length++) {
      const after = await directoryOf(script(length), 'd', LONG)
      for (let sector = Math.floor(start / 512); sector * 512 < usedOf(bytesOf(after)); sector++) {
        const torn = bytesOf(after)
          .slice()
          .fill(0, Math.max(start, sector * 512), (sector + 1) * 512)
        expect(await load(withFile(after.image, NAME, torn))).toEqual(before)
        images++
      }
    }
    expect(images).toBeGreaterThan(2_000)
  })
})

it.each(['', 'null', '[]', '{'])('a manifest that holds %j, with its checksum, is refused', async (line) => {
  const text = `${line}\n${crc32(line).toString(16).padStart(8, '0')}\n`
  const changed = withFile(image, 'MANIFEST', new TextEncoder().encode(text))
  await expect(load(changed)).rejects.toThrow(/MANIFEST is damaged/)
})

it('damage to an unfinished transfer is found, and no part of what was promised', async () => {
  const bytes = image.get('objects-00000002')?.slice() ?? new Uint8Array()
  bytes[20] = (bytes[20] ?? 0) ^ 1
  const examined = await examine(new RecordingFiles(withFile(image, 'objects-00000002', bytes)))
  expect(examined).toMatchObject({ isLogWhole: true, areObjectsWhole: true })
  expect(examined.problems).toEqual([expect.stringMatching(/^objects-00000002 is damaged at byte 0/)])
})

describe('a directory of arbitrary bytes', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(...names.map((name) => image.get(name) ?? new Uint8Array())),
  )
  const bytes = fc.array(piece, { maxLength: 4 }).map((pieces) => Uint8Array.from(pieces.flatMap((each) => [...each])))
  const file = fc.tuple(fc.constantFrom(...names, 'MANIFEST.new', 'log-00000009', 'objects-00000009'), bytes)

  it('is refused, or opened as a log that holds something; never does the reader crash', async () => {
    const counts = { refused: 0, opened: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 3 }), fc.boolean(), async (changes, isFresh) => {
        const changed = new Map([...(isFresh ? [] : image), ...changes])
        try {
          await load(changed)
          counts.opened++
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError)
          counts.refused++
        }
        try {
          await examine(new RecordingFiles(changed))
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError)
        }
      }),
      { numRuns: 500 },
    )
    expect(counts.refused).toBeGreaterThan(200)
    expect(counts.opened).toBeGreaterThan(10)
  })
})
