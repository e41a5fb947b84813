import { isDeepStrictEqual } from 'node:util'
import type { Stored } from '../../../src/shell/storage/storage.ts'
import { saving } from '../support-storage.ts'
import { RecordingFiles, type Crash, type Image } from './disk-model.ts'
import { expectedStates, found, openOver } from './script.ts'

const EXPECTED = await expectedStates((image) => new RecordingFiles(image))

/** All combinations up to this many choices; above, the extremes, each choice alone, and some drawn. */
const EXHAUSTIVE = 6
const DRAWN = 24

/** A sequence of numbers, the same in every run. */
export const dice = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state >>> 0
  }
}

export function* combinations({ choices }: Crash, draw: () => number): Generator<(choice: number) => boolean> {
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

/** After how many calls of the script this was stored; -1 if never. */
export const stateOf = (stored: Stored | null): number =>
  EXPECTED.findIndex((state) => isDeepStrictEqual(state, stored))

/** Null if the opening finds what was promised, and perhaps the next call, as a whole. */
export const judge = async (image: Image, promised: number): Promise<string | null> => {
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
