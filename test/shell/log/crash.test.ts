import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { saving } from '../support-storage.ts'
import {
  RecordingFiles,
  crashAfter,
  type Crash,
  type Image,
  type Operation,
  type RecorderOptions,
} from './disk-model.ts'
import { SCRIPT, expectedStates, found, openOver, play } from './script.ts'

/** All combinations up to this many choices; above, the extremes, each choice alone, and some drawn. */
const EXHAUSTIVE = 6
const DRAWN = 24

/** A sequence of numbers, the same in every run. */
const dice = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state >>> 0
  }
}

function* combinations({ choices }: Crash, draw: () => number): Generator<(choice: number) => boolean> {
  if (choices <= EXHAUSTIVE) {
    for (let mask = 0; mask < 2 ** choices; mask++) yield (choice) => ((mask >> choice) & 1) === 1
    return
  }
  yield () => false
  yield () => true
  for (let odd = 0; odd < choices; odd++) {
    yield (choice) => choice === odd
    yield (choice) => choice !== odd
  }
  for (let drawn = 0; drawn < DRAWN; drawn++) {
    const bits = Array.from({ length: choices }, () => draw() > 2 ** 31)
    yield (choice) => bits[choice] === true
  }
}

interface Outcome {
  readonly crashes: number
  readonly images: number
  /** The first image in which something promised was missing, or that was refused. */
  readonly violation: string | null
}

const EXPECTED = await expectedStates((image) => new RecordingFiles(image))

/** Crashes after every operation of the script, in every way or in many; each image is opened. */
const crashEverywhere = async (options: RecorderOptions = {}): Promise<Outcome> => {
  const files = new RecordingFiles(new Map(), options)
  await play(files)
  let images = 0
  const draw = dice(1)
  for (let count = 0; count <= files.operations.length; count++) {
    const crash = crashAfter(files.operations, count)
    for (const chosen of combinations(crash, draw)) {
      images++
      const violation = await judge(crash.image(chosen), crash.promised)
      if (violation !== null)
        return { crashes: count, images, violation: `${violation}, after ${describeLast(files.operations, count)}` }
    }
  }
  return { crashes: files.operations.length + 1, images, violation: null }
}

const describeLast = (operations: readonly Operation[], count: number): string =>
  operations
    .slice(Math.max(0, count - 4), count)
    .map(
      ({ type, ...rest }) =>
        `${type} ${JSON.stringify('bytes' in rest ? { ...rest, bytes: rest.bytes.length } : rest)}`,
    )
    .join(', ')

/** Null if the opening finds what was promised, and perhaps the next call, as a whole. */
const judge = async (image: Image, promised: number): Promise<string | null> => {
  try {
    const files = new RecordingFiles(image)
    const stored = await found(files)
    const at = EXPECTED.findIndex((state, calls) => calls >= promised && isDeepStrictEqual(state, stored))
    if (at < 0) return `${promised} calls were promised, and something else is there`
    if (at > promised + 1) return `${promised} calls were promised, and ${at} are there`
    return await judgeNextLife(files, at)
  } catch (error) {
    return `${promised} calls were promised, and it is refused: ${String(error)}`
  }
}

/** What a crash left is mended at the opening: the next life writes behind it, and the one after finds that. */
const judgeNextLife = async (files: RecordingFiles, calls: number): Promise<string | null> => {
  const before = EXPECTED[calls]
  if (before === undefined || before === null) return null
  const storage = await openOver(files)
  const hardState = { currentTerm: 99 as never, votedFor: null }
  const last = before.remains.entries.at(-1)?.index ?? before.remains.base.index
  await storage.write([saving(last, { hardState })])
  await storage.close()
  const stored = await found(new RecordingFiles(files.image))
  const expected = { ...before, remains: { ...before.remains, hardState } }
  return isDeepStrictEqual(stored, expected) ? null : `${calls} calls and one more are not there after the next life`
}

describe('a crash after any operation', () => {
  it('costs nothing that was promised, whatever reached the disk', async () => {
    const { crashes, images, violation } = await crashEverywhere()
    expect(violation).toBeNull()
    expect(crashes).toBeGreaterThan(200)
    expect(images).toBeGreaterThan(1_500)
  })
})

/** Every place that syncs. None is without effect: left out, it costs something promised. */
const files = new RecordingFiles()
await play(files)

describe('a sync that is left out', () => {
  it.each([...files.sites])('at %s', async (site) => {
    const { violation } = await crashEverywhere({ isOmitted: (asked) => asked === site })
    expect(violation).not.toBeNull()
  })
})

it('the script leaves segments behind it', () => {
  const names = files.operations.flatMap((operation) => (operation.type === 'remove' ? [operation.name] : []))
  expect(names).toContain('log-00000001')
  expect(SCRIPT.length).toBe(EXPECTED.length - 1)
})
