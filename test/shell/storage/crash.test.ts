import { describe, expect, it } from 'vitest'
import { RecordingFiles, crashAfter, type Operation, type RecorderOptions } from './disk-model.ts'
import { combinations, dice, judge } from './judge.ts'
import { play } from './script.ts'

interface Outcome {
  readonly crashes: number
  readonly images: number
  /** The first image in which something promised was missing, or that was refused. */
  readonly violation: string | null
}

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
})
