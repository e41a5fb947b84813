import { describe, expect, it } from 'vitest'
import { RecordingFiles, crashAfter } from './disk-model.ts'
import { combinations, dice, judge, stateOf } from './judge.ts'
import { found, play } from './script.ts'

interface Outcome {
  readonly images: number
  readonly violation: string | null
  /** The places that the next lives synced at. */
  readonly sites: ReadonlySet<string>
}

const whole = new RecordingFiles()
await play(whole)

/**
 * A process that is killed leaves to the next one what it wrote, synced or not: that is in the memory of the system. The
 * next one opens the log, acts on what it finds, and then the power fails.
 */
const killEverywhere = async (isOmitted: (site: string) => boolean = () => false): Promise<Outcome> => {
  const draw = dice(1)
  const sites = new Set<string>()
  let images = 0
  for (let killedAt = 0; killedAt < whole.operations.length; killedAt++) {
    const life = { isKilled: false, isNext: false }
    const files = new RecordingFiles(new Map(), {
      failAt: (operation) => {
        life.isKilled ||= operation === killedAt && !life.isNext
        return life.isKilled ? new Error('killed') : null
      },
      isOmitted: (site) => life.isNext && isOmitted(site),
    })
    await play(files).catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    life.isKilled = false
    life.isNext = true
    files.sites.clear()
    const promised = stateOf(await found(files))
    for (const site of files.sites) sites.add(site)
    const crash = crashAfter(files.operations, files.operations.length)
    for (const chosen of combinations(crash, draw)) {
      images++
      const violation = promised < 0 ? 'something else is found' : await judge(crash.image(chosen), promised)
      if (violation !== null) return { images, violation: `killed at ${killedAt}: ${violation}`, sites }
    }
  }
  return { images, violation: null, sites }
}

const { images, violation, sites } = await killEverywhere()

describe('what the next life finds after a kill', () => {
  it('is on the disk before it acts on it', () => {
    expect(violation).toBeNull()
    expect(images).toBeGreaterThan(200)
  })

  it.each([...sites].filter((site) => site.startsWith('open-log')))(
    'would not be, without the sync at %s',
    async (site) => {
      expect((await killEverywhere((asked) => asked === site)).violation).not.toBeNull()
    },
  )
})

describe('what the next life finds after a sync that failed', () => {
  it('is on the disk before it acts on it, though the system takes it for written', async () => {
    const violations: string[] = []
    let failures = 0
    for (const [at, { type }] of whole.operations.entries()) {
      if (type !== 'sync') continue
      failures++
      let isFirst = true
      const files = new RecordingFiles(new Map(), {
        losesBytes: true,
        failAt: (operation) => {
          if (operation < at || !isFirst) return null
          isFirst = false
          return Object.assign(new Error('EIO'), { code: 'EIO' })
        },
      })
      await play(files).catch(() => undefined)
      await new Promise((resolve) => setImmediate(resolve))
      const promised = stateOf(await found(files))
      const crash = crashAfter(files.operations, files.operations.length)
      const violation = await judge(
        crash.image(() => false),
        promised,
      )
      if (violation !== null) violations.push(`a sync that failed at ${at}: ${violation}`)
    }
    expect(violations).toEqual([])
    expect(failures).toBeGreaterThan(20)
  })
})
